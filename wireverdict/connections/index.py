"""Finding a connection's row: a key that is the same for both directions, its hash, and an open-addressing index of 4 bytes.

An index entry is 8 bits of the hash above 24 bits of row number plus one, 0 for empty. The eight bits save the memory access
to a row that is not the one looked for; linear probing keeps a probe in one cache line; removal shifts entries back instead
of leaving tombstones, so that a busy table does not silt up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel

ROW_MASK = np.uint32(0xFFFFFF)
MAX_ROWS = 0xFFFFFE


@kernel(inline=True, borrow=True)
def hash_key(low_hi: Any, low_lo: Any, high_hi: Any, high_lo: Any, ports: Any) -> Any:
    """64-bit hash of a key; multiply-and-fold rounds after wyhash's idea. `ports` holds both ports, protocol and way."""
    k = np.uint64(0x9E3779B97F4A7C15)
    h = (low_lo ^ np.uint64(0xA0761D6478BD642F)) * k
    h = (h ^ (h >> np.uint64(32)) ^ low_hi) * np.uint64(0xE7037ED1A0B428DB)
    h = (h ^ (h >> np.uint64(32)) ^ high_lo) * k
    h = (h ^ (h >> np.uint64(32)) ^ high_hi) * np.uint64(0x8EBC6AF09C88C6E3)
    h = (h ^ (h >> np.uint64(32)) ^ ports) * np.uint64(0x589965CC75374CC3)
    h ^= h >> np.uint64(29)
    return h


@kernel(inline=True, borrow=True)
def pack_ports(low_port: Any, high_port: Any, protocol: Any, way: Any) -> Any:
    """Ports, protocol and way in one number."""
    return (
        (np.uint64(low_port) << np.uint64(32))
        | (np.uint64(high_port) << np.uint64(16))
        | (np.uint64(protocol) << np.uint64(8))
        | np.uint64(way)
    )


@kernel(inline=True, borrow=True)
def hash_of_row(c: Any) -> Any:
    """The hash under which the row is in the index."""
    return hash_key(c.low_hi, c.low_lo, c.high_hi, c.high_lo, pack_ports(c.low_port, c.high_port, c.protocol, c.way))


@kernel(inline=True, borrow=True)
def find(index: Any, conn: Any, h: Any, low_hi: Any, low_lo: Any, high_hi: Any, high_lo: Any, ports: Any) -> Any:
    """(row, place in the index); row -1 and the empty place where it belongs if it is not there."""
    mask = np.int64(len(index) - 1)
    tag = np.uint32(h >> np.uint64(56))
    place = np.int64(h & np.uint64(mask))
    while True:
        entry = index[place]
        if entry == 0:
            return np.int64(-1), place
        if np.uint32(entry >> np.uint32(24)) == tag:
            row = np.int64(entry & ROW_MASK) - 1
            c = conn[row]
            if (
                c.low_lo == low_lo
                and c.high_lo == high_lo
                and c.low_hi == low_hi
                and c.high_hi == high_hi
                and pack_ports(c.low_port, c.high_port, c.protocol, c.way) == ports
            ):
                return row, place
        place = (place + 1) & mask


@kernel(inline=True, borrow=True)
def entry_for(h: Any, row: Any) -> Any:
    """The index entry of a row."""
    return (np.uint32(h >> np.uint64(56)) << np.uint32(24)) | np.uint32(row + 1)


@kernel(borrow=True)
def remove(index: Any, conn: Any, row: Any) -> None:
    """Take a row out of the index and close the gap. Nothing happens if the entry has been given to another row."""
    mask = np.int64(len(index) - 1)
    place = np.int64(hash_of_row(conn[row]) & np.uint64(mask))
    while True:
        entry = index[place]
        if entry == 0:
            return
        if np.int64(entry & ROW_MASK) - 1 == row:
            break
        place = (place + 1) & mask
    hole = place
    while True:
        place = (place + 1) & mask
        entry = index[place]
        if entry == 0:
            break
        home = np.int64(hash_of_row(conn[np.int64(entry & ROW_MASK) - 1]) & np.uint64(mask))
        if ((place - home) & mask) >= ((place - hole) & mask):
            index[hole] = entry
            hole = place
    index[hole] = np.uint32(0)
