"""Where compiled kernels are kept: one directory for each state of the sources they are made of, one file for each kernel."""

from __future__ import annotations

import functools
import importlib.util
import os
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
    sources = [*sorted(room.glob("*.py")), *sorted(_SHARED.glob("*.py")), *_TABLES]
    digest = importlib.util.source_hash(b"\0".join(source.read_bytes() for source in sources if source.exists()))
    base = os.environ.get("WIREVERDICT_KERNEL_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "wireverdict", "kernels"
    )
    return os.path.join(base, f"{room.name}-{digest.hex()}")


@functools.cache
def machine() -> str:
    """What machine code hangs on beside the sources: processor, Python, numba and LLVM; a short digest."""
    told = [os.uname().machine, sys.version, _version("llvmlite"), _version("numba"), _processor()]
    return importlib.util.source_hash("\0".join(told).encode()).hex()[:12]


def _version(package: str) -> str:
    """The text that tells it, without importing the package."""
    found = importlib.util.find_spec(package)
    path = Path(found.origin).with_name("_version.py") if found and found.origin else None
    return path.read_text() if path and path.exists() else ""


def _processor() -> str:
    """Its model and features: as Linux tells them of the first core, or else as LLVM does, which takes long to load."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            lines = file.read(8192).partition("\n\n")[0].splitlines()
    except OSError:
        lines = []
    named = {name.strip(): told.strip() for name, _, told in (line.partition(":") for line in lines)}
    features = named.get("flags") or named.get("Features")
    if features:
        models = ("vendor_id", "cpu family", "model", "model name", "CPU implementer", "CPU part", "CPU variant")
        return "\0".join([features, *(named.get(name, "") for name in models)])
    from llvmlite import binding

    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def place(room: Path, name: str) -> Path:
    """The file of the kernel `name` (module and function, dotted) of a room."""
    return Path(cache_directory(room)) / machine() / f"{name}.kernel"


def write(path: Path, made: Machine) -> None:
    """Keep a kernel; whoever reads meanwhile sees all of it or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    partial.write_bytes(b"\n".join((made.entry.encode(), made.environment.encode(), made.code)))
    partial.replace(path)


def read(path: Path) -> Machine | None:
    """A kept kernel; None if there is none, or none that can be read."""
    try:
        entry, environment, code = path.read_bytes().split(b"\n", 2)
        return Machine(code, entry.decode(), environment.decode()) if code else None
    except (OSError, ValueError):
        return None
