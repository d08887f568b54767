"""Memory that is reserved generously and given only where it is touched.

Tables have bounds for the worst case, and most use little of them. `numpy.zeros` costs nothing until it is written to either,
but only while it takes fresh memory: what a process has freed before is cleared, and thereby touched, from end to end.
"""

from __future__ import annotations

import mmap
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINE = 64
_BLOCK = 1 << 26
"""Bytes of address space taken at once, so that tables do not use up the number of mappings that a process may have."""
_HUGE = 1 << 22
"""Bytes from which huge pages pay."""


class Memory:
    """Gives out zeroed arrays, each beginning at a cache line. They live as long as somebody holds them."""

    def __init__(self, *, huge: bool = False) -> None:
        """`huge`: let the system use pages of 2 MB for large arrays. Faster where one process has a few busy tables, and
        wasteful where it has thousands of idle ones."""
        self._huge = huge
        self._block: mmap.mmap | None = None
        self._used = 0

    def zeros(self, shape: int | tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """As numpy.zeros. Raises OSError or MemoryError if the system refuses."""
        dtype = np.dtype(dtype)
        count = shape if isinstance(shape, int) else prod(shape)
        size = count * dtype.itemsize
        if self._block is None or len(self._block) - self._used < size:
            self._block, self._used = self._map(max(size, 1) if size >= _BLOCK else _BLOCK), 0
        made = np.frombuffer(self._block, dtype, count, self._used)
        self._used += -(-size // _LINE) * _LINE
        return made.reshape(shape)

    def _map(self, size: int) -> mmap.mmap:
        block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE") and self._huge:
            block.madvise(mmap.MADV_HUGEPAGE)
        return block


class Scratch:
    """Memory that is needed now and then for a while, and kept in between: fresh memory has to be cleared by the system, and
    where that is a virtual machine it may have to be got from a host, at several µs a page."""

    def __init__(self) -> None:
        self._memory: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._most = 0  # bytes of it that were ever given

    def room(self, size: int) -> NDArray[np.uint8]:
        """So many bytes, which are as they were left. What was given before is void. Raises OSError or MemoryError."""
        if len(self._memory) < size or self._most > max(4 * size, _BLOCK):
            self._memory, self._most = np.zeros(0, np.uint8), 0  # first of all: there must never be two of them
            self._memory = Memory(huge=True).zeros(4 * size, np.uint8)  # what is not touched costs nothing
        self._most = max(self._most, size)
        return self._memory[:size]
