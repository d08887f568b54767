"""Which shard a header belongs to: both directions of a connection and all connections of a pair of addresses meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def divide(rows: NDArray[np.void], partitions: int) -> NDArray[np.int64]:
    """The partition of each row (HEADER[n]), by the unordered pair of addresses."""
    if partitions == 1:
        return np.zeros(len(rows), np.int64)
    k = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        one = (rows["src_hi"] * k ^ rows["src_lo"]) * k
        other = (rows["dst_hi"] * k ^ rows["dst_lo"]) * k
        mixed = (one ^ one >> np.uint64(29)) + (other ^ other >> np.uint64(29))
        mixed = (mixed ^ mixed >> np.uint64(32)) * k
    numbers: NDArray[np.int64] = (mixed >> np.uint64(33)).astype(np.int64) % partitions
    return numbers
