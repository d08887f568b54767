"""A column of addresses as text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.output.text import ADDRESS_ROOM, put_address

_HALF = types.Array(types.uint64, 1, "C", readonly=True)


def address_texts(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The lengths of the texts, int64 (n,), and the texts one behind the other, uint8: RFC 5952, or dotted for IPv4."""
    lengths = np.empty(len(hi), np.int64)
    out = np.empty(len(hi) * ADDRESS_ROOM, np.uint8)
    end = _address_texts(np.ascontiguousarray(hi), np.ascontiguousarray(lo), lengths, out)
    return lengths, out[:end]


@kernel(types.int64(_HALF, _HALF, types.int64[::1], types.uint8[::1]), borrow=True)
def _address_texts(hi: Any, lo: Any, lengths: Any, out: Any) -> int:
    at = 0
    for i in range(len(hi)):
        end = put_address(out, at, hi[i], lo[i])
        lengths[i] = end - at
        at = end
    return at
