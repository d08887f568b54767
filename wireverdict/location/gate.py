"""The gate: which packets are of pairs of addresses that several sensors see. The others, nearly all, cost some nanoseconds.

Pairs are known by a hash, in buckets of four that drop whom nobody has seen for longest. Packets of pairs that one sensor alone
has seen go to a ring, which the latest ones of all such pairs share: when a second sensor turns out to see the pair, what the
first one saw of it is taken from there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import COPY, DSACK, FIN, HEADER, QUOTED_ONLY, SACK1, SACK2, SYN, TCP, TCP_HEADER, TIMESTAMPS
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch
from wireverdict.location.layout import CELL, GROUP, LINK, MOST_SENSORS, ROW

SHARED, LATE = np.uint32(1 << 31), np.uint32(1 << 30)
"""`who` of a cell: SHARED and the place of its GROUP; else the number of its sensor plus one, with LATE if the pair may have
been seen before, and dropped. 0: free."""
NUMBER = np.uint32(LATE - 1)
WAYS = 4
BLOCK = 32
"""Packets whose cells are asked for at once."""
WRITTEN, GROUPS, FREE_GROUP, LINKS, FREE_LINK, EARLY, FULL, COUNTERS = range(8)
"""Counters: rows ever written to the ring; rows of the tables that were ever used, and the first free one plus one (0: none);
rows that the last call took from the ring; pairs that found no room."""
ALWAYS = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max

row = types.from_dtype
HEADERS, ROWS, CELLS = row(HEADER)[::1], row(ROW)[::1], row(CELL)[::1]
GROUP_ROWS, LINK_ROWS, I8, U8 = row(GROUP)[::1], row(LINK)[::1], types.int64[::1], types.uint64[::1]
I64 = types.int64


@kernel(inline=True, borrow=True)
def low_first(h: Any) -> Any:
    """Whether the sender is the numerically lower endpoint, by address and port."""
    if h.src_hi != h.dst_hi:
        return h.src_hi < h.dst_hi
    if h.src_lo != h.dst_lo:
        return h.src_lo < h.dst_lo
    return h.sport <= h.dport


@kernel(inline=True, borrow=True)
def pair_key(low_hi: Any, low_lo: Any, high_hi: Any, high_lo: Any) -> Any:
    """64-bit hash of a pair of addresses; multiply-and-fold rounds after wyhash's idea. Never 0."""
    k = np.uint64(0x9E3779B97F4A7C15)
    h = (low_lo ^ np.uint64(0xA0761D6478BD642F)) * k
    h = (h ^ (h >> np.uint64(32)) ^ low_hi) * np.uint64(0xE7037ED1A0B428DB)
    h = (h ^ (h >> np.uint64(32)) ^ high_lo) * k
    h = (h ^ (h >> np.uint64(32)) ^ high_hi) * np.uint64(0x8EBC6AF09C88C6E3)
    h ^= h >> np.uint64(29)
    return h | np.uint64(1)


@kernel(inline=True, borrow=True)
def key_of(h: Any) -> Any:
    """`pair_key` of a header."""
    if low_first(h):
        return pair_key(h.src_hi, h.src_lo, h.dst_hi, h.dst_lo)
    return pair_key(h.dst_hi, h.dst_lo, h.src_hi, h.src_lo)


@kernel(inline=True, borrow=True)
def wanted(h: Any) -> Any:
    """Whether a header is of a TCP packet that counts."""
    return h.protocol == TCP and (h.present & (TCP_HEADER | COPY | QUOTED_ONLY)) == TCP_HEADER


@kernel(inline=True, borrow=True)
def fill(r: Any, h: Any, place: Any, sensor: Any, side: Any) -> None:
    """Write a ROW."""
    r.ts, r.place, r.seq, r.ack = h.ts, np.uint64(place), h.seq, h.ack
    flags = h.tcp_flags
    r.length = np.uint32(h.payload_length + np.uint32((flags & SYN) != 0) + np.uint32((flags & FIN) != 0))
    timed = (h.present & TIMESTAMPS) != 0
    r.tsval, r.tsecr = (h.tsval if timed else np.uint32(0)), (h.tsecr if timed else np.uint32(0))
    one, two = (h.present & SACK1) != 0, (h.present & SACK2) != 0
    r.sack_left[0], r.sack_right[0] = (
        (h.sack1_left if one else np.uint32(0)),
        (h.sack1_right if one else np.uint32(0)),
    )
    r.sack_left[1], r.sack_right[1] = (
        (h.sack2_left if two else np.uint32(0)),
        (h.sack2_right if two else np.uint32(0)),
    )
    low = low_first(h)
    r.low_port, r.high_port = (h.sport, h.dport) if low else (h.dport, h.sport)
    r.flags, r.sensor = flags, np.uint16(sensor)
    r.from_high, r.dsack = np.uint8(not low), np.uint8((h.present & DSACK) != 0)
    r.side, r.pad = np.uint8(side), np.uint8(0)


@kernel(inline=True, borrow=True)
def bucket_of(key: Any, cells: Any) -> Any:
    """The first of the cells in which a pair may be."""
    return np.int64((key >> np.uint64(1)) & np.uint64(cells // WAYS - 1)) * WAYS


@kernel(inline=True, borrow=True)
def cell_of(cells: Any, key: Any) -> Any:
    """The place of a pair's cell, -1 if it has none."""
    base = bucket_of(key, len(cells))
    tag = np.uint32(key >> np.uint64(32))
    for at in range(base, base + WAYS):
        if cells[at].tag == tag and cells[at].who != 0:
            return at
    return np.int64(-1)


@kernel(borrow=True)
def new_cell(cells: Any, key: Any, sensor: Any, message: Any, written: Any) -> Any:
    """Make a cell; somebody else's, if there is no free one: of a pair that one sensor alone has seen, if there is one, and the
    one that was seen last longest ago."""
    base = bucket_of(key, len(cells))
    best, rank = base, np.int64(-1)
    for at in range(base, base + WAYS):
        c = cells[at]
        if c.who == 0:
            best, rank = at, np.int64(NEVER)
            break
        mine = np.int64(np.uint32(message - c.last))
        if c.who & SHARED == 0:
            mine += np.int64(1) << 33
        if mine > rank:
            best, rank = at, mine
    c = cells[best]
    late = LATE if c.who != 0 else np.uint32(0)
    c.tag, c.who = np.uint32(key >> np.uint64(32)), np.uint32(sensor + 1) | late
    c.first, c.last = np.uint32(written), np.uint32(message)
    return best


@kernel(borrow=True)
def new_link(links: Any, counters: Any, group: Any, one: Any, other: Any, cut: Any) -> Any:
    """Make a LINK; -1 if there is no room."""
    at = counters[FREE_LINK] - 1
    if at >= 0:
        counters[FREE_LINK] = links[at].last
    elif counters[LINKS] < len(links):
        at = counters[LINKS]
        counters[LINKS] += 1
    else:
        return np.int64(-1)
    made = links[at]
    made.group, made.cut, made.whole, made.pad = np.int32(group), np.uint8(cut), np.uint8(0), np.uint16(0)
    made.sensors[0], made.sensors[1] = np.uint16(one), np.uint16(other)
    made.sent, made.missed, made.last = np.int64(0), np.int64(0), np.int64(0)
    for side in range(2):
        made.began[side] = np.int64(NEVER) if cut else np.int64(ALWAYS)
        for bucket in range(len(made.points[side])):
            made.points[side][bucket].bucket = np.int64(ALWAYS)
            made.points[side][bucket].many = np.uint32(0)
    return at


@kernel(borrow=True)
def new_group(
    groups: Any, links: Any, counters: Any, h: Any, key: Any, one: Any, other: Any, cut: Any, message: Any
) -> Any:
    """Make a GROUP of two sensors with its LINK; -1 if there is no room."""
    at = counters[FREE_GROUP] - 1
    if at < 0 and counters[GROUPS] == len(groups):
        return np.int64(-1)
    place = at if at >= 0 else counters[GROUPS]
    link = new_link(links, counters, place, one, other, cut)
    if link < 0:
        return np.int64(-1)
    g = groups[place]
    if at >= 0:
        counters[FREE_GROUP] = np.int64(g.low_hi)
    else:
        counters[GROUPS] += 1
    g.key, g.many, g.pad, g.fresh = key, np.uint16(2), np.uint16(0), np.uint32(message)
    low = low_first(h)
    g.low_hi, g.low_lo = (h.src_hi, h.src_lo) if low else (h.dst_hi, h.dst_lo)
    g.high_hi, g.high_lo = (h.dst_hi, h.dst_lo) if low else (h.src_hi, h.src_lo)
    g.sensors[0], g.sensors[1], g.links[0] = np.uint16(one), np.uint16(other), np.int32(link)
    return place


@kernel(borrow=True)
def join(g: Any, group: Any, links: Any, counters: Any, sensor: Any) -> Any:
    """The number of a sensor in a GROUP, which it joins if there is room; -1 if not."""
    many = np.int64(g.many)
    for at in range(many):
        if g.sensors[at] == sensor:
            return at
    if many == MOST_SENSORS:
        return np.int64(-1)
    for other in range(many):
        g.links[other + many * (many - 1) // 2] = np.int32(
            new_link(links, counters, group, np.int64(g.sensors[other]), sensor, True)
        )
    g.sensors[many] = np.uint16(sensor)
    g.many = np.uint16(many + 1)
    return many


@kernel(inline=True, borrow=True)
def note(link: Any, side: Any, ts: Any, message: Any) -> None:
    """A packet of a link was taken."""
    link.last = message
    if link.cut:
        link.began[side] = min(link.began[side], ts)


@kernel(I64(HEADERS, I64, I64, CELLS, GROUP_ROWS, LINK_ROWS, ROWS, I8, ROWS, ROWS, U8), borrow=True)
def take(
    headers: Any,
    sensor: Any,
    message: Any,
    cells: Any,
    groups: Any,
    links: Any,
    ring: Any,
    counters: Any,
    out: Any,
    early: Any,
    keys: Any,
) -> Any:
    """Write packets of pairs that several sensors see to `out`, once for each other sensor (how many is returned), and what
    came before of pairs that now turn out to be such to `early` (counted in EARLY).

    `sensor`: its number; `message`: its number, not 0. Room: `out` (MOST_SENSORS - 1) n, `early` as the ring, `keys` BLOCK.
    """
    made, fresh = np.int64(0), False
    for start in range(0, len(headers), BLOCK):
        stop = min(start + BLOCK, len(headers))
        for i in range(start, stop):
            keys[i - start] = key_of(headers[i])
            prefetch(cells, bucket_of(keys[i - start], len(cells)), 0)
        for i in range(start, stop):
            h = headers[i]
            if not wanted(h):
                continue
            key = keys[i - start]
            at = cell_of(cells, key)
            if at < 0:
                at = new_cell(cells, key, sensor, message, counters[WRITTEN])
            c = cells[at]
            c.last = np.uint32(message)
            group = np.int64(-1)
            if c.who & SHARED:
                group = np.int64(c.who & NUMBER)
                if groups[group].key != key:  # it was given to another
                    group = np.int64(-1)
                    c.who, c.first = np.uint32(sensor + 1) | LATE, np.uint32(counters[WRITTEN])
            elif np.int64(c.who & NUMBER) != sensor + 1:
                gone = np.int64(np.uint32(counters[WRITTEN] - np.int64(c.first))) > len(ring)
                cut = gone or (c.who & LATE) != 0
                one = np.int64(c.who & NUMBER) - 1
                group = new_group(groups, links, counters, h, key, one, sensor, cut, message)
                if group < 0:
                    counters[FULL] += 1
                    c.who, c.first = np.uint32(sensor + 1) | LATE, np.uint32(counters[WRITTEN])
                else:
                    c.who, fresh = SHARED | np.uint32(group), True
            if group < 0:
                fill(ring[counters[WRITTEN] % len(ring)], h, key, sensor, 0)
                counters[WRITTEN] += 1
                continue
            g = groups[group]
            me = join(g, group, links, counters, sensor)
            if me < 0:
                continue
            first = made
            for other in range(np.int64(g.many)):
                if other == me:
                    continue
                low, high = min(me, other), max(me, other)
                link = np.int64(g.links[low + high * (high - 1) // 2])
                if link >= 0:
                    side = np.int64(me > other)
                    if made == first:
                        fill(out[made], h, link, sensor, side)
                    else:
                        out[made] = out[first]
                        out[made].place, out[made].side = np.uint64(link), np.uint8(side)
                    note(links[link], side, h.ts, message)
                    made += 1
    counters[EARLY] = 0
    if fresh:
        for k in range(max(np.int64(0), counters[WRITTEN] - len(ring)), counters[WRITTEN]):
            old = ring[k % len(ring)]
            at = cell_of(cells, old.place)
            if at < 0 or cells[at].who & SHARED == 0:
                continue
            g = groups[np.int64(cells[at].who & NUMBER)]
            if g.key != old.place or g.fresh != np.uint32(message) or old.sensor not in (g.sensors[0], g.sensors[1]):
                continue
            side, link = np.int64(old.sensor == g.sensors[1]), np.int64(g.links[0])
            early[counters[EARLY]] = old
            found = early[counters[EARLY]]
            found.place, found.side = np.uint64(link), np.uint8(side)
            note(links[link], side, found.ts, message)
            counters[EARLY] += 1
    return made
