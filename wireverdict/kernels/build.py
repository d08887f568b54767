"""Compile kernels and keep them: ``python -m wireverdict.kernels.build MODULE…``, which other processes start.

Without modules: all that there are.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wireverdict import kernels
from wireverdict.kernels import store

ROOT = Path(__file__).resolve().parents[2]


def build(parts: Sequence[Sequence[str]]) -> None:
    """Compile all kernels of some modules that are not kept yet: a process for each part. Raises RuntimeError.

    Parts may have modules in common: whoever comes first compiles them.
    """
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path, kernels.VARIABLE: kernels.BUILD}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "wireverdict.kernels.build", *part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for part in parts
    ]
    for part, process in zip(parts, running, strict=True):
        _, said = process.communicate()
        if process.returncode:
            last = (said.decode(errors="replace").strip().splitlines() or ["nothing was said"])[-1]
            raise RuntimeError(f"compiling {', '.join(part)} failed: {last}")


def declared_in(root: Path, packages: Sequence[str] = ("wireverdict", "producers", "streams", "sinks")) -> list[str]:
    """All modules below `root` that declare kernels with a signature, largest first."""
    sources = [path for package in packages for path in (root / package).rglob("*.py") if path.parent.name != "kernels"]
    found = [path for path in sources if re.search(r"^@kernel\([^ib)]", path.read_text(encoding="utf-8"), re.MULTILINE)]
    found.sort(key=lambda path: (-path.stat().st_size, path))
    return [".".join(path.relative_to(root).with_suffix("").parts) for path in found]


def compile_all(modules: Sequence[str]) -> list[str]:
    """Compile and keep what is missing of some modules, in this process; names of what was compiled.

    One process at a time compiles a module. Others turn to the next one, and wait for it when there is no other.
    """
    for module in modules:
        importlib.import_module(module)
    done = []
    for patience in (fcntl.LOCK_NB, 0):
        for module in modules:
            mine = [made for made in kernels.DECLARED if made.module == module and store.read(made.place) is None]
            if not mine:
                continue
            lock = mine[0].place.parent / f"{module}.lock"
            lock.parent.mkdir(parents=True, exist_ok=True)
            with lock.open("w") as held:
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | patience)
                except BlockingIOError:
                    continue
                for made in mine:
                    if store.read(made.place) is None:
                        store.write(made.place, made.compile())
                        done.append(made.name)
    return done


if __name__ == "__main__":
    if kernels.MODE == kernels.BUILD:
        gc.disable()  # a tenth of the time, for memory that this process gives back soon
        compile_all(sys.argv[1:])
    else:  # what has been imported by now is not fit to be compiled
        build([sys.argv[1:] or declared_in(ROOT)] * len(os.sched_getaffinity(0)))
