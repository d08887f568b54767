"""What is left out when kernels are compiled: helpers by themselves, and indexes that count from the end.

No kernel reaches outside its arrays, whatever is in a capture: kernels compiled with bounds checks say so at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.captures import CAPTURES
from tests.cli.program import ROOT

KERNEL = """
from wireverdict.kernels import kernel, types
@kernel(types.int64(types.int64[::1], types.int64), borrow=True)
def item(array, index):
    return array[index]
"""
HELPED = """
from wireverdict.kernels import kernel, types
@kernel(borrow=True)
def half(array, index):
    return array[index // 2]
@kernel(types.int64(types.int64[::1], types.int64), borrow=True)
def item(array, index):
    return half(array, index)
"""
ASK = """
import numpy as np
from room.main import item
numbers = np.arange(5)
print(item(numbers, 4))
for outside in (-1, 5):
    try:
        item(numbers, outside)
    except IndexError:
        print("outside")
"""
BUILD = """
from room.main import half, item
from wireverdict.kernels import DECLARED
from wireverdict.kernels.store import write
(made,) = DECLARED
write(made.place, made.compile())
for helper in (half.overloads, item.overloads):
    (compiled,) = helper.values()
    print(compiled.library.get_pointer_to_function(compiled.fndesc.mangled_name) != 0)
"""
ANALYZE = """
import sys
from pathlib import Path
from producers.timeline import open_timeline
from wireverdict import compose
from wireverdict.settings import Settings
packets = 0
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if not path.is_file() or path.stat().st_size > 1 << 20:
        continue
    pipeline = compose.pipeline(Settings())
    try:
        for batch in open_timeline((str(path),)):
            pipeline.feed(batch)
            pipeline.take()
        pipeline.finish(pipeline.take)
    except IndexError as error:
        print(path, error)
    packets += pipeline.packets
print(packets > 500_000)
"""


def said(program: str, folder: Path, *arguments: str, **variables: str) -> list[str]:
    """Lines of a program that may import what lies in `folder`."""
    path, cache = f"{ROOT}{os.pathsep}{folder}", folder / "cache"
    environment = {**os.environ, "PYTHONPATH": path, "WIREVERDICT_KERNEL_CACHE": str(cache), **variables}
    command = (sys.executable, "-c", program, *arguments)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


CHECKED = {"WIREVERDICT_KERNELS": "in-process", "NUMBA_BOUNDSCHECK": "1"}


def room(folder: Path, source: str) -> None:
    """A package with a kernel in it."""
    (folder / "room").mkdir()
    (folder / "room" / "__init__.py").write_text("")
    (folder / "room" / "main.py").write_text(source)


def test_no_index_counts_from_the_end(tmp_path: Path) -> None:
    room(tmp_path, KERNEL)
    assert said(ASK, tmp_path, **CHECKED) == ["4", "outside", "outside"]


def test_helpers_are_part_of_their_kernel_only(tmp_path: Path) -> None:
    room(tmp_path, HELPED)
    assert said(BUILD, tmp_path, WIREVERDICT_KERNELS="build") == ["False", "True"]
    ask = "import numpy as np; from room.main import item; print(item(np.arange(9), 8))"
    assert said(ask, tmp_path) == ["4"]


def test_no_kernel_reaches_outside_its_arrays(tmp_path: Path) -> None:
    assert said(ANALYZE, tmp_path, str(CAPTURES), **CHECKED) == ["True"]
