"""The very first run: every kernel has to be compiled. Two processes do it side by side, once; then it is on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from wireverdict.kernels import cache_directory

ROOT = Path(__file__).resolve().parents[2]

HALVES: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("wireverdict.connections.tracker", "wireverdict.paths.paths", "wireverdict.boundary"),
    ("wireverdict.windows.windows", "wireverdict.decode.decoder", "producers.files.pcap"),
)
"""Modules whose import compiles their room's kernels, in two parts that take about the same time."""
WRITERS = "wireverdict.output.json_records"
"""Compiles what writes records. The page for people needs none of it."""


def cold(modules: Sequence[str]) -> bool:
    """Whether one of the rooms that the modules belong to has nothing in its kernel cache."""
    rooms = {(ROOT / Path(*name.split("."))).parent for name in modules}
    return any(not os.path.isdir(cache_directory(room)) for room in rooms)


def warm(parts: Sequence[Sequence[str]] = HALVES, *, writers: bool = False) -> bool:
    """Compile all kernels if their cache is cold, with a word on standard error; whether there was anything to do."""
    parts = [[*parts[0], WRITERS], *parts[1:]] if writers else parts
    if not cold([name for part in parts for name in part]):
        return False
    if sys.stderr is not None and sys.stderr.isatty():
        print("wireverdict: first run, compiling (some seconds, once) …", file=sys.stderr, flush=True)
    helpers = [
        subprocess.Popen(
            [sys.executable, "-c", f"import importlib; [importlib.import_module(m) for m in {list(part)!r}]"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what is wrong with a module is said where it is imported for use
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
        )
        for part in parts[1:]
    ]
    try:
        for name in parts[0]:
            import_module(name)
    finally:
        for helper in helpers:
            helper.wait()
    return True
