"""The one way to declare a kernel.

A kernel is a function compiled by numba: explicit types, no Python objects, the GIL released, kept on disk. Where it is run it
comes from there, without numba (`native`); where it is not there yet, another process compiles it (`build`).

What is kept of a room (a folder) has a directory of its own, whose name is a digest of the room's sources and of this one's: a
change in a callee must never silently run old code. A kernel may therefore call kernels of its own room and of
``wireverdict.kernels``, and no others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from wireverdict.kernels import store
from wireverdict.kernels.inference import hasten
from wireverdict.kernels.lowering import settle
from wireverdict.kernels.native import Native
from wireverdict.kernels.store import cache_directory
from wireverdict.kernels.types import Signature

__all__ = ["Declared", "bound", "cache_directory", "intrinsic", "kernel", "load_all"]

F = TypeVar("F", bound=Callable[..., Any])

VARIABLE, BUILD, IN_PROCESS = "WIREVERDICT_KERNELS", "build", "in-process"
"""Environment variable: `build` in processes that compile for others; `in-process`: numba here and now, as tests need it, whose
kernels for kernels (those without a signature) are callable too."""

MODE = IN_PROCESS if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0" else os.environ.get(VARIABLE, "")


@dataclass(frozen=True)
class Declared:
    """A kernel in a process that compiles."""

    module: str
    name: str
    place: Path
    dispatcher: Any
    signature: Signature

    def compile(self) -> store.Machine:
        """As machine code. Raises RuntimeError if it needs Python objects to run."""
        self.dispatcher.compile(self.signature.to_numba())
        (compiled,) = self.dispatcher.overloads.values()
        if compiled.environment.consts:
            raise RuntimeError(f"{self.name} uses Python objects; a kernel cannot")
        made, described = compiled.library.serialize_using_object_code(), compiled.fndesc
        return store.Machine(made[2][0], described.llvm_cpython_wrapper_name, described.env_name)


NATIVE: list[Native] = []
"""Of modules that were imported in a process that runs kernels."""
DECLARED: list[Declared] = []
"""Of modules that were imported in a process that compiles."""


def kernel(
    signature: Any = None, *, inline: bool = False, borrow: bool = False, internal: bool = False
) -> Callable[[F], F]:
    """Compile a function with numba: ``nogil``, kept on disk, numpy's division rules.

    `signature` is made of ``wireverdict.kernels.types`` (or None for helpers that are only called by other kernels, which then
    compile with their callers). `inline=True` asks LLVM to always inline it. `borrow=True` drops the reference counts that
    numba keeps on arrays, atomic operations that cost more than the work of a small kernel: such a kernel only uses arrays
    that its caller holds, and neither makes nor returns any. Kernels with a signature have to.

    A helper (no signature, or `internal=True`) lacks what Python would need to call it, a fifth of the time that it takes
    to compile: only kernels may call it. Tests do call helpers: see IN_PROCESS.
    """
    if signature is not None and not isinstance(signature, Signature):
        raise TypeError("the signature of a kernel is made of wireverdict.kernels.types, not of numba's types")
    if signature is not None and not borrow:
        raise TypeError("a kernel with a signature borrows its arrays: borrow=True")

    def decorate(function: F) -> F:
        mine = None if internal else signature
        if MODE not in (BUILD, IN_PROCESS):  # helpers stay what they are: nothing here calls them
            if mine is None:
                return function
            NATIVE.append(Native(function, mine))
            return cast(F, NATIVE[-1])
        import numba

        settle()
        hasten()
        room = store.room_of(function.__code__.co_filename)
        numba.config.CACHE_DIR = cache_directory(room)
        options: dict[str, Any] = {
            "nogil": True,
            "cache": mine is not None and MODE == IN_PROCESS,
            "error_model": "numpy",
            "no_cfunc_wrapper": True,
        }
        if borrow:
            options["_nrt"] = False
        if internal or (signature is None and MODE == BUILD):
            options["no_cpython_wrapper"] = True
        if inline:
            options["forceinline"] = True
        compiled = numba.njit(**options)(function)
        if mine is None or numba.config.DISABLE_JIT:
            return cast(F, compiled)
        if MODE == BUILD:
            name = f"{function.__module__}.{function.__name__}"
            DECLARED.append(Declared(function.__module__, name, store.place(room, name), compiled, mine))
        else:
            _compile_here(compiled, mine)
        return cast(F, compiled)

    return decorate


def load_all() -> None:
    """Put all kernels of the modules that were imported so far into memory, compiled first where need be: so that a process
    that runs for long asks for none later, when the sources may be others. Raises RuntimeError."""
    missing = list(dict.fromkeys(each.module for each in NATIVE if not each.place.exists()))
    if missing:
        from wireverdict.kernels.build import build

        build([part for part in (missing[::2], missing[1::2]) if part])
    for each in NATIVE:
        each.load()


def bound(made: Callable[..., Any], *last: Any) -> Callable[..., Any]:
    """A kernel with its last arguments, for arrays that are the same at each call: looking at one takes 0.1 µs. Raises
    TypeError for arguments that it does not take."""
    if isinstance(made, Native):
        return made.bound(last)
    return lambda *first: made(*first, *last)


def intrinsic(function: Callable[..., Any]) -> Any:
    """numba's `intrinsic`, where there is something to compile. What the function needs of numba, it imports itself."""
    if MODE not in (BUILD, IN_PROCESS):
        return function
    from numba.extending import intrinsic as declared

    return declared(function)


def _compile_here(compiled: Any, signature: Signature) -> None:
    from numba.core import typeinfer

    with typeinfer.register_dispatcher(compiled):
        compiled.compile(signature.to_numba())
    compiled.disable_compile()
