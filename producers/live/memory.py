"""One piece of address space in which rings lie side by side, so that packets of all of them are in one array."""

from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np
from numpy.typing import NDArray

_READ_WRITE, _SHARED, _PRIVATE, _FIXED, _ANONYMOUS = 3, 1, 2, 0x10, 0x20
_FAILED = ctypes.c_void_p(-1).value


class Region:
    """`size` bytes of address space, a multiple of the page size. `data`: uint8[size].

    The array may be used for as long as somebody has it: what was unmapped reads as zeros.
    """

    def __init__(self, size: int) -> None:
        self._held = mmap.mmap(-1, size)
        self.data: NDArray[np.uint8] = np.frombuffer(self._held, np.uint8)
        self._start = int(self.data.ctypes.data)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = (
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long,
        )  # fmt: skip

    def map(self, at: int, size: int, descriptor: int) -> None:
        """Have the memory of an open file at byte `at`. Raises OSError."""
        self._map(at, size, _SHARED | _FIXED, descriptor)

    def unmap(self, at: int, size: int) -> None:
        """Let go of it: empty memory takes its place in one step. Raises OSError."""
        self._map(at, size, _PRIVATE | _FIXED | _ANONYMOUS, -1)

    def _map(self, at: int, size: int, flags: int, descriptor: int) -> None:
        if not 0 <= at <= at + size <= len(self.data):
            raise ValueError(f"bytes {at} to {at + size} of {len(self.data)}")
        if self._libc.mmap(self._start + at, size, _READ_WRITE, flags, descriptor, 0) == _FAILED:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
