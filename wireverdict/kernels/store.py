"""Where compiled kernels are kept: one directory for each state of the sources they are made of, one file for each kernel."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

_SHARED = Path(__file__).resolve().parent
_TABLES = tuple(_SHARED.parent / name for name in ("headers.py", "frames.py", "records.py", "connections/notes.py"))


class Machine(NamedTuple):
    """A kernel as machine code: an ELF object (or the platform's), and the names of its two symbols that matter."""

    code: bytes
    entry: str  # the function that Python calls
    environment: str  # where numba keeps a pointer


def room_of(source: str | Path) -> Path:
    """The room (folder) of a source file."""
    return Path(source).resolve().parent


@functools.cache
def cache_directory(room: Path) -> str:
    """Where kernels of the folder `room` are cached: one directory for each state of the sources they are made of."""
    digest = hashlib.sha256()
    for source in (*sorted(room.glob("*.py")), *sorted(_SHARED.glob("*.py")), *_TABLES):
        if source.exists():
            digest.update(source.read_bytes())
    base = os.environ.get("WIREVERDICT_KERNEL_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "wireverdict", "kernels"
    )
    return os.path.join(base, f"{room.name}-{digest.hexdigest()[:16]}")


@functools.cache
def machine() -> str:
    """What machine code hangs on beside the sources: processor, Python, numba and LLVM; a short digest."""
    import llvmlite
    from llvmlite import binding

    numba = importlib.util.find_spec("numba")
    version = Path(numba.origin).with_name("_version.py") if numba and numba.origin else None
    told = [
        platform.machine(),
        sys.version,
        llvmlite.__version__,
        version.read_text() if version and version.exists() else "",
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
    ]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:12]


def place(room: Path, name: str) -> Path:
    """The file of the kernel `name` (module and function, dotted) of a room."""
    return Path(cache_directory(room)) / machine() / f"{name}.kernel"


def write(path: Path, made: Machine) -> None:
    """Keep a kernel; whoever reads meanwhile sees all of it or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = json.dumps({"entry": made.entry, "environment": made.environment}).encode()
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_bytes(head + b"\n" + made.code)
    partial.replace(path)


def read(path: Path) -> Machine | None:
    """A kept kernel; None if there is none, or none that can be read."""
    try:
        head, _, code = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        return Machine(code, told["entry"], told["environment"]) if code else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
