"""What kernels take and give: descriptions of types that need neither numba nor LLVM, which take long to import.

They are written as numba's are: ``int64(from_dtype(HEADER)[::1], int64[:, ::1])``. Only what kernels use is here: numbers,
C-contiguous arrays of numbers or of structured rows, and tuples of one kind of number as a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Element:
    """A number, or a row of a structured dtype; `dtype` None stands for no result."""

    name: str
    dtype: np.dtype[Any] | None

    def __getitem__(self, key: slice | tuple[slice, ...]) -> Array:
        """``[::1]`` and ``[:, ::1]``: C-contiguous arrays of one and two dimensions. Raises ValueError for others."""
        keys = key if isinstance(key, tuple) else (key,)
        every, last = slice(None), slice(None, None, 1)
        if any(k != every for k in keys[:-1]) or keys[-1] != last:
            raise ValueError(f"{self.name}[{key}]: only C-contiguous arrays, [::1] or [:, ::1]")
        return Array(self, len(keys))

    def __call__(self, *arguments: Element | Array) -> Signature:
        """The signature of a kernel that gives this."""
        return Signature(self, arguments)


@dataclass(frozen=True)
class Array:
    """A C-contiguous, aligned array. `layout` is there to be read; `readonly`: the kernel only reads it, so that arrays
    that nobody may write to are welcome too."""

    element: Element
    ndim: int
    layout: str = "C"
    readonly: bool = False

    def __post_init__(self) -> None:
        if self.layout != "C":
            raise ValueError(f"layout {self.layout!r}: only C-contiguous arrays")


@dataclass(frozen=True)
class UniTuple:
    """A result of several numbers of one kind."""

    element: Element
    count: int

    def __call__(self, *arguments: Element | Array) -> Signature:
        """The signature of a kernel that gives this."""
        return Signature(self, arguments)


@dataclass(frozen=True)
class Signature:
    """What a kernel takes and gives."""

    result: Element | UniTuple
    arguments: tuple[Element | Array, ...]

    def checks(self) -> tuple[Callable[[Any], bool], ...]:
        """For each argument, whether a value is what the kernel takes: it would not notice by itself."""
        return tuple(map(_check, self.arguments))

    def usual(self) -> tuple[tuple[Any, int, bool], ...]:
        """For each argument, what nearly always comes, and certainly fits: an array of exactly this dtype, with so many
        dimensions, that may be read-only or not; or an int. What is not like that may fit too: `checks` tell."""
        return tuple(
            (kind.element.dtype, kind.ndim, kind.readonly) if isinstance(kind, Array) else (int, 0, False)
            for kind in self.arguments
        )

    def to_numba(self) -> Any:
        """The same for numba, which is imported for it."""
        import numba

        def converted(given: Element | Array | UniTuple) -> Any:
            if isinstance(given, Array):
                return numba.types.Array(converted(given.element), given.ndim, given.layout, readonly=given.readonly)
            if isinstance(given, UniTuple):
                return numba.types.UniTuple(converted(given.element), given.count)
            if given.dtype is not None and given.dtype.names:
                return numba.from_dtype(given.dtype)
            return getattr(numba.types, given.name)

        return converted(self.result)(*map(converted, self.arguments))


def from_dtype(dtype: np.dtype[Any]) -> Element:
    """Rows of a structured dtype."""
    return Element("row", dtype)


def _check(kind: Element | Array) -> Callable[[Any], bool]:
    if isinstance(kind, Array):
        dtype, ndim = kind.element.dtype, kind.ndim
        if kind.readonly:
            return lambda a: (
                isinstance(a, np.ndarray)
                and a.ndim == ndim
                and (a.dtype is dtype or a.dtype == dtype)
                and a.flags.c_contiguous
                and a.flags.aligned
            )
        return lambda a: (
            isinstance(a, np.ndarray)
            and a.ndim == ndim
            and (a.dtype is dtype or a.dtype == dtype)
            and a.flags.carray  # C-contiguous, aligned and writeable
        )
    whole = (int, np.integer, np.bool_)
    wanted = (*whole, float, np.floating) if kind.dtype is not None and kind.dtype.kind == "f" else whole
    return lambda a: isinstance(a, wanted)


def _number(name: str) -> Element:
    return Element(name, np.dtype(name))


int8, int16, int32, int64 = map(_number, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(_number, ("uint8", "uint16", "uint32", "uint64"))
float32, float64 = map(_number, ("float32", "float64"))
boolean = Element("boolean", np.dtype(np.bool_))
void = Element("void", None)
