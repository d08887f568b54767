"""The one way to declare a kernel: where it is cached, and that a changed source is never answered from an old cache."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import wireverdict.kernels
from wireverdict.boundary import first_at_or_after
from wireverdict.kernels import kernel, types


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder with a kernel that calls another of its room."""
    folder = tmp_path / "room"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text(
        textwrap.dedent("""
        from wireverdict.kernels import kernel

        @kernel(inline=True, borrow=True)
        def answer(x):
            return x + 1
        """)
    )
    (folder / "main.py").write_text(
        textwrap.dedent("""
        from room.helper import answer
        from wireverdict.kernels import kernel, types

        @kernel(types.int64(types.int64), borrow=True)
        def ask(x):
            return answer(x)
        """)
    )
    return folder


def ask(room: Path, cache: Path) -> int:
    """What the room's kernel says in a process of its own."""
    root = Path(wireverdict.kernels.__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{room.parent}",
        "WIREVERDICT_KERNEL_CACHE": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    program = "from room.main import ask; print(ask(1))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_changed_callee_is_compiled_anew(room: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert ask(room, cache) == 2
    assert len(list(cache.iterdir())) == 1
    helper = room / "helper.py"
    helper.write_text(helper.read_text().replace("x + 1", "x + 40"))
    assert ask(room, cache) == 41
    assert len(list(cache.iterdir())) == 2


def test_an_unchanged_room_is_answered_from_its_cache(room: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    ask(room, cache)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*.kernel")}
    assert before
    ask(room, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.kernel")} == before


def test_kernels_stay_callable_as_what_they_are() -> None:
    assert "or later" in (first_at_or_after.__doc__ or "")
    signatures = first_at_or_after.signatures  # type: ignore[attr-defined]
    assert len(signatures) == 1  # compiled when imported, for one set of types
    with pytest.raises(TypeError, match="No matching definition"):
        first_at_or_after(np.zeros(1, np.float64), 0, 0)


@pytest.mark.parametrize(
    ("signature", "borrow", "complaint"),
    [(numba.int64(numba.int64), True, "wireverdict.kernels.types"), (types.int64(types.int64), False, "borrow=True")],
)
def test_what_could_not_be_kept_is_refused(signature: Any, borrow: bool, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        kernel(signature, borrow=borrow)


def test_a_kernel_that_is_kept_needs_no_numba(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
from wireverdict.boundary import first_at_or_after
from wireverdict.headers import HEADER
rows = np.zeros(3, HEADER)
rows["ts"] = [5, 6, 7]
print(first_at_or_after(rows, 0, 6), "numba" in sys.modules)
"""
    environment = {**os.environ, "WIREVERDICT_KERNEL_CACHE": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == "1 False\n"


def test_no_source_imports_numba_where_kernels_are_run() -> None:
    """It would be imported with the source, and take longer than all the rest."""
    root = Path(wireverdict.kernels.__file__).parents[2]
    sources = [
        path for folder in ("wireverdict", "producers", "streams", "sinks") for path in (root / folder).rglob("*.py")
    ]
    assert len(sources) > 100
    found = [
        path for path in sources if re.search(r"^(import|from) (numba|llvmlite)\b", path.read_text(), re.MULTILINE)
    ]
    assert found == []


def test_kernels_that_were_loaded_stay_when_their_sources_change(room: Path, tmp_path: Path) -> None:
    program = f"""
import pathlib, shutil
from room.main import ask
from wireverdict.kernels import NATIVE, load_all
load_all()
print(len(NATIVE), sum(each._entry is not None for each in NATIVE))
shutil.rmtree({str(tmp_path / "cache")!r})
for source in pathlib.Path({str(room)!r}).glob("*.py"):
    source.write_text("nothing of this is Python")
print(ask(1))
"""
    root = Path(wireverdict.kernels.__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{room.parent}",
        "WIREVERDICT_KERNEL_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "2"]
