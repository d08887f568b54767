"""Taking and giving back rows of the path tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.paths.layout import (
    AGAIN,
    BASES,
    CHUNK,
    CHUNKS_USED,
    FREE_CHUNK,
    FREE_MEMBER,
    FREE_PAIR,
    FREE_RING,
    FULL_MEMBERS,
    FULL_PAIRS,
    FULL_RINGS,
    NEVER,
    PAIRS_USED,
    SIEVE,
    TOP_CHUNK,
    TOP_MEMBER,
    TOP_PAIR,
    TOP_RING,
)


@kernel(borrow=True)
def take_chunk(links: Any, counters: Any, losing: Any) -> Any:
    """A chunk, -1 if there is none. Pairs without loss leave half of the pool to those that lose."""
    if not losing and counters[CHUNKS_USED] >= len(links) // 2:
        return np.int64(-1)
    chunk = counters[FREE_CHUNK] - 1
    if chunk >= 0:
        counters[FREE_CHUNK] = np.int64(links[chunk]) + 1
    elif counters[TOP_CHUNK] < len(links):
        chunk = counters[TOP_CHUNK]
        counters[TOP_CHUNK] += 1
    else:
        return np.int64(-1)
    links[chunk] = -1
    counters[CHUNKS_USED] += 1
    return chunk


@kernel(borrow=True)
def drop_head(p: Any, links: Any, counters: Any) -> None:
    """Give back the oldest chunk of a pair that has one."""
    chunk = np.int64(p.head)
    p.head = links[chunk]
    p.chunks -= 1
    if p.chunks == 0:
        p.head = -1
        p.tail = -1
        p.used = CHUNK
    links[chunk] = np.int32(counters[FREE_CHUNK] - 1)
    counters[FREE_CHUNK] = chunk + 1
    counters[CHUNKS_USED] -= 1


@kernel(borrow=True)
def clear_pair(p: Any, links: Any, counters: Any) -> None:
    """Forget what a pair's packets have shown; its members stay."""
    while p.chunks > 0:
        drop_head(p, links, counters)
    p.loss_ts = 0
    p.period = 0
    p.in_period = 0
    p.generation = 0
    p.gap = 0
    for k in range(AGAIN):
        p.again[0, k] = 0
        p.again[1, k] = 0
    for k in range(BASES):
        p.base[0, k] = 0
        p.base[1, k] = 0


@kernel(inline=True, borrow=True)
def hash_pair(a: Any, b: Any, c: Any, d: Any) -> Any:
    """A hash of two addresses."""
    x = np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(b)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93) ^ np.uint64(c)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93) ^ np.uint64(d)
    x = (x ^ (x >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return x ^ (x >> np.uint64(32))


@kernel(inline=True, borrow=True)
def may_be_known(sieve: Any, hashed: Any) -> Any:
    """Whether a pair with this hash may have been entered: looked at first, as it stays in the nearest cache."""
    bit = hashed >> np.uint64(64 - SIEVE)
    return (sieve[np.int64(bit >> np.uint64(5))] >> np.uint32(bit & np.uint64(31))) & np.uint32(1)


@kernel(inline=True, borrow=True)
def enter_pair(table: Any, place: Any, sieve: Any, hashed: Any, row: Any) -> None:
    """Make a pair known."""
    table[place] = np.uint32(row + 1)
    bit = hashed >> np.uint64(64 - SIEVE)
    word = np.int64(bit >> np.uint64(5))
    sieve[word] = np.uint32(sieve[word] | (np.uint32(1) << np.uint32(bit & np.uint64(31))))


@kernel(borrow=True)
def find_pair(table: Any, pairs: Any, hashed: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """(row, place): the row of a pair or -1, and where it is or would be in the table."""
    mask = np.int64(len(table) - 1)
    place = np.int64(hashed & np.uint64(mask))
    while table[place]:
        p = pairs[np.int64(table[place]) - 1]
        if p.low_hi == a and p.low_lo == b and p.high_hi == c and p.high_lo == d:
            return np.int64(table[place]) - 1, place
        place = (place + 1) & mask
    return np.int64(-1), place


@kernel(borrow=True)
def take_pair(
    table: Any, place: Any, sieve: Any, hashed: Any, pairs: Any, links: Any, counters: Any
) -> Any:  # fmt: skip
    """A cleared row for a new pair, entered at `place`; -1 (counted) if there is none."""
    row = counters[FREE_PAIR] - 1
    if row >= 0:
        counters[FREE_PAIR] = np.int64(pairs[row].head) + 1
    elif counters[TOP_PAIR] < len(pairs):
        row = counters[TOP_PAIR]
        counters[TOP_PAIR] += 1
    else:
        counters[FULL_PAIRS] += 1
        return np.int64(-1)
    enter_pair(table, place, sieve, hashed, row)
    counters[PAIRS_USED] += 1
    p = pairs[row]
    p.head, p.tail, p.chunks, p.used = -1, -1, 0, CHUNK
    p.number, p.connections, p.members, p.skipped, p.last_ts = 0, 0, 0, 0, 0
    clear_pair(p, links, counters)
    return row


@kernel(borrow=True)
def take_member(members: Any, counters: Any) -> Any:
    """A row for a connection; -1 (counted) if there is none."""
    row = counters[FREE_MEMBER] - 1
    if row >= 0:
        counters[FREE_MEMBER] = np.int64(members[row].ring[0]) + 1
    elif counters[TOP_MEMBER] < len(members):
        row = counters[TOP_MEMBER]
        counters[TOP_MEMBER] += 1
    else:
        counters[FULL_MEMBERS] += 1
        return np.int64(-1)
    return row


@kernel(borrow=True)
def take_ring(rings: Any, loads: Any, oldest: Any, counters: Any, member: Any, direction: Any) -> Any:
    """A cleared ring + 1; 0 (counted) if there is none."""
    row = counters[FREE_RING] - 1
    if row >= 0:
        counters[FREE_RING] = np.int64(rings[row].next) + 1
    elif counters[TOP_RING] < len(rings):
        row = counters[TOP_RING]
        counters[TOP_RING] += 1
    else:
        counters[FULL_RINGS] += 1
        return np.int64(0)
    r = rings[row]
    r.newest, r.judged, r.echo_first, r.echo_count, r.echo_last, r.pending = 0, 0, 0, 0, 0, 0
    r.member, r.direction = member, direction
    oldest[row] = NEVER
    for k in range(len(loads[row])):
        loads[row, k].second = -1
    return row + 1


@kernel(borrow=True)
def release_member(row: Any, members: Any, pairs: Any, rings: Any, counters: Any) -> None:
    """Give back a member and its rings."""
    m = members[row]
    for d in range(2):
        ring = np.int64(m.ring[d]) - 1
        if ring >= 0:
            rings[ring].member = -1
            rings[ring].next = np.int32(counters[FREE_RING] - 1)
            counters[FREE_RING] = ring + 1
    pairs[m.pair].members -= 1
    m.pair = -1
    m.ring[0] = np.int32(counters[FREE_MEMBER] - 1)
    counters[FREE_MEMBER] = row + 1
