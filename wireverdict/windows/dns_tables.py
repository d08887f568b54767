"""Finding rows of a window's DNS tables: by client + resolver, and by question."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.windows.dns_state import NAME_INDEX, NAMES, PAIR_INDEX, PAIRS
from wireverdict.windows.fields import LATENCY_BUCKETS
from wireverdict.windows.tables import mix


@kernel(borrow=True)
def bucket(value: Any) -> Any:
    """As fields.bucket_of."""
    if value < 8:
        return max(value, np.int64(0))
    shift = np.int64(0)
    while (value >> shift) >= 16:
        shift += 1
    return min((shift << 3) + (value >> shift), np.int64(LATENCY_BUCKETS - 1))


@kernel(borrow=True)
def pair_row(
    d: Any, ring: Any, pairs: Any, index: Any, place: Any, r: Any, h: Any, c_hi: Any, c_lo: Any, s_hi: Any, s_lo: Any
) -> Any:
    """The row of client + resolver, of hash `h`, in ring place `r`; 0 (`other`) when there is no room."""
    mask = d[PAIR_INDEX] - 1
    cell = np.int64(h) & mask
    first, rows = r * d[PAIR_INDEX], r * d[PAIRS]
    while True:
        row = np.int64(index[first + cell])
        if row == 0:
            break
        k = pairs[rows + row]
        if k.client_lo == c_lo and k.server_lo == s_lo and k.client_hi == c_hi and k.server_hi == s_hi:
            return row
        cell = (cell + 1) & mask
    row = ring[r].dns_used
    if row >= d[PAIRS]:
        return np.int64(0)
    ring[r].dns_used = row + 1
    index[first + cell] = row
    place[rows + row] = cell
    k = pairs[rows + row]
    k.client_hi = c_hi
    k.client_lo = c_lo
    k.server_hi = s_hi
    k.server_lo = s_lo
    return row


@kernel(inline=True, borrow=True)
def name_cell(d: Any, header: Any) -> Any:
    """Where the index of names begins to be searched for a question."""
    return np.int64(mix(np.uint64(header.dns_qtype), header.dns_qhash)) & (d[NAME_INDEX] - 1)


@kernel(inline=True, borrow=True)
def name_row(d: Any, ring: Any, kept: Any, index: Any, r: Any, header: Any, names: Any) -> Any:
    """The row of a question's name in ring place `r`; 0 when there is no room."""
    mask = d[NAME_INDEX] - 1
    cell = name_cell(d, header)
    first, rows = r * d[NAME_INDEX], r * d[NAMES]
    while True:
        row = np.int64(index[first + cell])
        if row == 0:
            break
        k = kept[rows + row]
        if k.qhash == header.dns_qhash and k.qtype == header.dns_qtype:
            return row
        cell = (cell + 1) & mask
    row = ring[r].names_used
    if row >= d[NAMES]:
        return np.int64(0)
    ring[r].names_used = row + 1
    index[first + cell] = row
    k = kept[rows + row]
    k.qhash = header.dns_qhash
    k.qtype = header.dns_qtype
    k.place = cell
    offset = np.int64(header.name_offset)
    size = max(min(np.int64(header.name_length), np.int64(256), len(names) - offset), np.int64(0))
    k.length = size
    text = k.text
    for i in range(size):
        text[i] = names[offset + i]
    return row
