"""Big-endian loads from a buffer, and FNV-1a, for kernels.

None of them checks bounds: the caller has compared `at` with the end of what was captured. Positions are turned into
unsigned numbers because numba otherwise adds a test for negative indices to every byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel

Bytes = NDArray[np.uint8]

FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


@kernel(inline=True, borrow=True, internal=True)
def u8(data: Bytes, at: int) -> int:
    """The byte at `at`."""
    return int(np.int64(data[np.uint64(at)]))


@kernel(inline=True, borrow=True, internal=True)
def u16(data: Bytes, at: int) -> int:
    """Two bytes in network order."""
    p = np.uint64(at)
    return int(np.int64(data[p]) << 8 | np.int64(data[p + np.uint64(1)]))


@kernel(inline=True, borrow=True, internal=True)
def u32(data: Bytes, at: int) -> int:
    """Four bytes in network order."""
    p = np.uint64(at)
    high = np.uint32(data[p]) << np.uint32(24) | np.uint32(data[p + np.uint64(1)]) << np.uint32(16)
    low = np.uint32(data[p + np.uint64(2)]) << np.uint32(8) | np.uint32(data[p + np.uint64(3)])
    return int(np.int64(high | low))


@kernel(inline=True, borrow=True, internal=True)
def u64(data: Bytes, at: int) -> np.uint64:
    """Eight bytes in network order; unsigned, so not to be mixed with signed numbers."""
    return np.uint64(np.uint64(u32(data, at)) << np.uint64(32) | np.uint64(u32(data, at + 4)))


@kernel(inline=True, borrow=True, internal=True)
def fnv1a(state: np.uint64, byte: int) -> np.uint64:
    """One step of FNV-1a, 64 bits (draft-eastlake-fnv); begin with `FNV_OFFSET`."""
    return np.uint64((state ^ np.uint64(byte)) * FNV_PRIME)
