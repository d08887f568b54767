"""Which addresses have been mapped already: a bounded table, and the kernels that read and write addresses of headers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HEADER, QUOTED
from wireverdict.kernels import kernel, types

HEADERS = types.from_dtype(HEADER)[::1]
WORDS = types.uint64[:, ::1]
I64 = types.int64

ROOM = 1 << 17
"""Cells, 36 bytes each."""
FULL = ROOM * 3 // 4
"""Addresses that are held at most; then all are forgotten, so that memory stays bounded whoever invents addresses."""
ROWS = 8_192
"""Headers in one go: four addresses each at most, so that a table that was emptied has room for all of them."""


@kernel(inline=True, borrow=True)
def cell_of(keys: Any, taken: Any, hi: Any, lo: Any) -> Any:
    """The cell that holds an address or, if none does, the free one where it belongs."""
    h = (hi ^ (lo * np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0xC4CEB9FE1A85EC53)
    cell = np.int64(h >> np.uint64(40)) & (len(taken) - 1)
    while taken[cell] and (keys[cell, 0] != hi or keys[cell, 1] != lo):
        cell = (cell + 1) & (len(taken) - 1)
    return cell


@kernel(inline=True, borrow=True)
def enter(keys: Any, taken: Any, fresh: Any, many: Any, hi: Any, lo: Any) -> Any:
    """Enter an address if it is not there yet; how many are new, this one included."""
    cell = cell_of(keys, taken, hi, lo)
    if taken[cell]:
        return many
    taken[cell] = 1
    keys[cell, 0], keys[cell, 1] = hi, lo
    fresh[many] = cell
    return many + 1


@kernel(I64(HEADERS, WORDS, types.uint8[::1], types.int64[::1]), borrow=True)
def enrol(rows: Any, keys: Any, taken: Any, fresh: Any) -> Any:
    """Enter all addresses of `rows`; write the cells of new ones to `fresh`, and give their number."""
    many = np.int64(0)
    for i in range(len(rows)):
        row = rows[i]
        many = enter(keys, taken, fresh, many, row.src_hi, row.src_lo)
        many = enter(keys, taken, fresh, many, row.dst_hi, row.dst_lo)
        if row.present & QUOTED:
            many = enter(keys, taken, fresh, many, row.quoted_src_hi, row.quoted_src_lo)
            many = enter(keys, taken, fresh, many, row.quoted_dst_hi, row.quoted_dst_lo)
    return many


@kernel(types.void(HEADERS, WORDS, WORDS, types.uint8[::1]), borrow=True)
def replace(rows: Any, keys: Any, values: Any, taken: Any) -> None:
    """Put into `rows` what the table holds for each address; all of them are in it."""
    for i in range(len(rows)):
        row = rows[i]
        cell = cell_of(keys, taken, row.src_hi, row.src_lo)
        row.src_hi, row.src_lo = values[cell, 0], values[cell, 1]
        cell = cell_of(keys, taken, row.dst_hi, row.dst_lo)
        row.dst_hi, row.dst_lo = values[cell, 0], values[cell, 1]
        if row.present & QUOTED:
            cell = cell_of(keys, taken, row.quoted_src_hi, row.quoted_src_lo)
            row.quoted_src_hi, row.quoted_src_lo = values[cell, 0], values[cell, 1]
            cell = cell_of(keys, taken, row.quoted_dst_hi, row.quoted_dst_lo)
            row.quoted_dst_hi, row.quoted_dst_lo = values[cell, 0], values[cell, 1]


class Known:
    """Addresses and what they are mapped to. `room`: cells, a power of two, at least 16 for each header of one go."""

    def __init__(self, room: int = ROOM) -> None:
        self.keys = np.zeros((room, 2), np.uint64)
        self.values = np.zeros((room, 2), np.uint64)
        self.taken = np.zeros(room, np.uint8)
        self.fresh = np.zeros(room, np.int64)
        self.used = 0

    @property
    def rows(self) -> int:
        """Headers in one go."""
        return min(ROWS, len(self.taken) // 16)

    def enrol(self, rows: NDArray[np.void]) -> NDArray[np.int64]:
        """Take up the addresses of `rows` (HEADER[n], n at most `self.rows`); the cells that want a value."""
        if self.used + 4 * len(rows) > len(self.taken) * 3 // 4:
            self.taken[:] = 0
            self.used = 0
        many = enrol(rows, self.keys, self.taken, self.fresh)
        self.used += many
        return self.fresh[:many]
