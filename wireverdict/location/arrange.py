"""Rows of packets in order: by connection, by sensor and by time."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import ACK, SYN
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch
from wireverdict.location.layout import CONN, OPENED, ROW, SYN_AT

AHEAD = 12
"""Rows that are asked for before they are copied."""

row = types.from_dtype
ROWS, CONNS, I8, I4, I64 = row(ROW)[::1], row(CONN)[::1], types.int64[::1], types.int32[::1], types.int64


@kernel(inline=True, borrow=True)
def hash_conn(link: Any, low_port: Any, high_port: Any) -> Any:
    """64-bit hash of a link and two ports."""
    mixed = (np.uint64(link) << np.uint64(32)) | (np.uint64(low_port) << np.uint64(16)) | np.uint64(high_port)
    mixed = (mixed ^ np.uint64(0xA0761D6478BD642F)) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ (mixed >> np.uint64(32))


@kernel(inline=True, borrow=True)
def spot(index: Any, conns: Any, link: Any, low_port: Any, high_port: Any) -> Any:
    """Where in the index the newest connection of two endpoints is, or belongs."""
    mask = np.int64(len(index) - 1)
    at = np.int64(hash_conn(link, low_port, high_port) & np.uint64(mask))
    while index[at] != 0:
        k = conns[index[at] - 1]
        if k.link == link and k.low_port == low_port and k.high_port == high_port:
            break
        at = (at + 1) & mask
    return at


@kernel(borrow=True)
def open_conn(conns: Any, used: Any, r: Any, link: Any, previous: Any) -> None:
    """Write a CONN of which nothing is known."""
    k = conns[used]
    k.link, k.previous, k.isn, k.bits = np.int32(link), np.int32(previous), np.uint32(0), np.uint32(0)
    k.last[0] = k.last[1] = np.iinfo(np.int64).min
    k.low_port, k.high_port = r.low_port, r.high_port
    for way in range(2):
        k.cut[way] = k.joint_seq[way] = k.joint_ack[way] = np.uint32(0)
        k.sent[way] = k.missed_near[way] = k.missed_far[way] = np.uint32(0)
        k.acked[way] = k.acked[2 + way] = np.uint32(0)


@kernel(I64(ROWS, I64, I64, CONNS, I4, I64), borrow=True)
def assign(rows: Any, start: Any, stop: Any, conns: Any, index: Any, used: Any) -> Any:
    """Write the row in CONN of each of ``rows[start:stop]`` into its `place`, which was the link. How many are used then.

    Endpoints are used again: a connection begins with a SYN of another number, at each sensor when its own SYN comes by. Room:
    `conns` and `index` for as many more as there are rows, the index at most half full.
    """
    for i in range(start, stop):
        r = rows[i]
        link = np.int64(r.place)
        at = spot(index, conns, link, r.low_port, r.high_port)
        opening = (r.flags & (SYN | ACK)) == SYN
        seen = np.uint32(SYN_AT << r.side)
        found = np.int64(index[at]) - 1
        if found < 0:
            open_conn(conns, used, r, link, -1)
            found, used = used, used + 1
            index[at] = np.int32(used)
        elif opening:
            while found >= 0 and (conns[found].bits & OPENED == 0 or conns[found].isn != r.seq):
                found = np.int64(conns[found].previous)
            if found < 0:
                open_conn(conns, used, r, link, index[at] - 1)
                found, used = used, used + 1
                index[at] = np.int32(used)
        else:
            while conns[found].previous >= 0 and conns[found].bits & seen == 0:
                found = np.int64(conns[found].previous)
        k = conns[found]
        if opening:
            k.isn, k.bits = r.seq, k.bits | OPENED | seen
        k.last[r.side] = max(k.last[r.side], r.ts)
        r.place = np.uint64(found)
    return used


@kernel(types.void(CONNS, I64, I4), borrow=True)
def enter(conns: Any, used: Any, index: Any) -> None:
    """Fill an empty index: the newest connection of each two endpoints is the last one."""
    for found in range(used):
        k = conns[found]
        index[spot(index, conns, k.link, k.low_port, k.high_port)] = np.int32(found + 1)


@kernel(borrow=True)
def merge_sort(order: Any, spare: Any, ts: Any, low: Any, high: Any) -> None:
    """Sort ``order[low:high]`` by ``ts[order]``; what is equal stays as it is."""
    width = 1
    while width < high - low:
        for start in range(low, high, 2 * width):
            middle, end = min(start + width, high), min(start + 2 * width, high)
            a, b = start, middle
            for to in range(start, end):
                if a < middle and (b >= end or ts[order[a]] <= ts[order[b]]):
                    spare[to] = order[a]
                    a += 1
                else:
                    spare[to] = order[b]
                    b += 1
        for to in range(low, high):
            order[to] = spare[to]
        width *= 2


@kernel(types.void(ROWS, I64, I64, I8, I8, I8, I8, ROWS), borrow=True)
def group(rows: Any, many: Any, conns: Any, starts: Any, order: Any, spare: Any, times: Any, out: Any) -> None:
    """Write ``rows[:many]`` to `out`, by connection, side and time; those of connection c at side s are
    ``starts[2 c + s]`` to ``starts[2 c + s + 1]`` then.

    Room: `starts` 2 conns + 1, the others `many`.
    """
    groups = 2 * conns
    starts[: groups + 1] = 0
    for i in range(many):
        mine = 2 * np.int64(rows[i].place) + np.int64(rows[i].side)
        spare[i], times[i] = mine, rows[i].ts
        starts[mine] += 1
    total: Any = np.int64(0)
    for g in range(groups):
        here = starts[g]
        starts[g] = total
        total += here
    for i in range(many):
        mine = spare[i]
        order[starts[mine]] = i
        starts[mine] += 1
    for g in range(groups, 0, -1):
        starts[g] = starts[g - 1]
    starts[0] = 0
    for g in range(groups):
        for k in range(starts[g] + 1, starts[g + 1]):
            if times[order[k]] < times[order[k - 1]]:
                merge_sort(order, spare, times, starts[g], starts[g + 1])
                break
    for k in range(many):
        prefetch(rows, order[min(k + AHEAD, many - 1)], 0)
        out[k] = rows[order[k]]
