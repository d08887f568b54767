"""The one way to declare a kernel, and the small kernels that several rooms share.

A kernel is a function compiled by numba: explicit types, no Python objects, the GIL released, cached on disk. numba
keys its cache on the file that holds a kernel and not on the files of the kernels that it calls, so a change in a
callee would silently run old code. Here each room (a folder) has a cache of its own, whose name is a digest of the
room's sources and of this one's; a kernel may therefore call kernels of its own room and of ``wireverdict.kernels``,
and no others.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import typeinfer

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = Path(__file__).resolve().parent
_TABLES = tuple(_SHARED.parent / name for name in ("headers.py", "frames.py", "records.py", "connections/notes.py"))


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


def kernel(
    signature: Any = None, *, inline: bool = False, borrow: bool = False, internal: bool = False
) -> Callable[[F], F]:
    """Compile a function with numba: ``nogil``, cached, numpy's division rules.

    `signature` is a numba signature (or None for helpers that are only called by other kernels, which then compile with
    their callers). `inline=True` asks LLVM to always inline it. `borrow=True` drops the reference counts that numba
    keeps on arrays, atomic operations that cost more than the work of a small kernel: such a kernel only uses arrays
    that its caller holds, and neither makes nor returns any.

    A helper (no signature, or `internal=True`) lacks what Python would need to call it, a fifth of the time that it takes
    to compile: only kernels may call it, a call from Python ends the process. Tests do call helpers: their conftest.py
    sets WIREVERDICT_CALLABLE_HELPERS=1, which keeps those without a signature callable.
    """

    def decorate(function: F) -> F:
        room = Path(inspect.getsourcefile(function) or __file__).resolve().parent
        numba.config.CACHE_DIR = cache_directory(room)
        options: dict[str, Any] = {
            "nogil": True,
            "cache": signature is not None,
            "error_model": "numpy",
            "no_cfunc_wrapper": True,
        }
        if borrow:
            options["_nrt"] = False
        if internal or (signature is None and os.environ.get("WIREVERDICT_CALLABLE_HELPERS") != "1"):
            options["no_cpython_wrapper"] = True
        if inline:
            options["forceinline"] = True
        compiled = numba.njit(**options)(function)
        if signature is not None and not numba.config.DISABLE_JIT:  # else `compiled` is the plain function
            if borrow:
                _load_without_compiler(compiled._cache)
            with typeinfer.register_dispatcher(compiled):
                compiled.compile(signature)
            compiled.disable_compile()
        return cast(F, compiled)

    return decorate


def _load_without_compiler(cache: Any) -> None:
    """Let kernels come from a cache without setting up all that compiling needs, which takes longer than they do.

    numba's own `load_overload` refreshes the target first. A kernel that borrows needs nothing of that to run, and numba
    does it again before it compiles.
    """

    def load_overload(signature: Any, target: Any) -> Any:
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, target)

    cache.load_overload = load_overload
