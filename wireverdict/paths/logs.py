"""Logs of pairs, read where they lie: which directions lost something in a window, and a log as one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types
from wireverdict.paths.events import EVENT, HIGH, REPEAT
from wireverdict.paths.layout import CHUNK
from wireverdict.paths.observe import FULL_PACKET, I4, I8, LOGS, MEMBERS, PAIRS

I64, I8_2, EVENTS = types.int64, types.int64[:, ::1], types.from_dtype(EVENT)[::1]
PACKETS, REPEATS, SENT_AGAIN = range(3)
"""Columns of `survey`: data packets in the window, those sent again in the window and in the horizon."""


@kernel(types.void(PAIRS, LOGS, I4, I8, I64, I64, I64, I8_2), borrow=True)
def survey(pairs: Any, logs: Any, links: Any, rows: Any, since: Any, start: Any, end: Any, out: Any) -> None:
    """Count the data packets (super-packets split) of the pairs `rows` in the window from `start` to before `end`, and from
    `since` (ns); out[2·i + direction] is of rows[i]."""
    for i in range(len(rows)):
        p = pairs[rows[i]]
        for d in range(2):
            for k in range(3):
                out[2 * i + d, k] = 0
        chunk = np.int64(p.head)
        for number in range(p.chunks):
            for j in range(np.int64(p.used) if number + 1 == p.chunks else np.int64(CHUNK)):
                e = logs[chunk, j]
                if not e.payload or e.ts >= end or e.ts < since:
                    continue
                counts = out[2 * i + (np.int64(1) if e.flags & HIGH else np.int64(0))]
                packets = (np.int64(e.payload) + FULL_PACKET - 1) // FULL_PACKET
                if e.flags & REPEAT:
                    counts[SENT_AGAIN] += packets
                if e.ts >= start:
                    counts[PACKETS] += packets
                    if e.flags & REPEAT:
                        counts[REPEATS] += packets
            chunk = np.int64(links[chunk])


@kernel(I64(PAIRS, LOGS, I4, I64, I64, I64, I64, EVENTS), borrow=True)
def gather(pairs: Any, logs: Any, links: Any, row: Any, since: Any, end: Any, last: Any, out: Any) -> Any:
    """Copy those events of a pair's log whose time is from `since` to before `end` (ns) and whose number is at most
    `last`; how many there are. `out` has room for the whole log."""
    p = pairs[row]
    many = np.int64(0)
    chunk = np.int64(p.head)
    for number in range(p.chunks):
        for j in range(np.int64(p.used) if number + 1 == p.chunks else np.int64(CHUNK)):
            e = logs[chunk, j]
            if since <= e.ts < end and np.int64(e.number) <= last:
                out[many] = e
                many += 1
        chunk = np.int64(links[chunk])
    return many


@kernel(types.void(EVENTS, I64, I64, I64, I8, I8, I8, I8, MEMBERS), borrow=True)
def remember(
    log: Any, pair: Any, direction: Any, answer: Any, lost: Any, rows: Any, marks: Any, stamp: Any, members: Any
) -> None:
    """Keep a window's answer (TRUE, FALSE or 0) about a direction for the flags of those connections that lost packets.

    `log`: the pair's; `lost`: numbers of connections that lost packets, in order; `rows` says for each its member, -1 if
    that has been given back. `marks` (one for each member) and `stamp` (1,) tell who has been seen; both go on for the
    next call. What an earlier window answered counts for members that have gone on after it.
    """
    for k in range(len(lost)):
        rows[k] = -1
    stamp[0] += 1
    for back in range(len(log)):
        e = log[len(log) - 1 - back]
        row = np.int64(e.member)
        m = members[row]
        if marks[row] == stamp[0] or m.pair != pair or m.ordinal != e.connection:
            continue
        marks[row] = stamp[0]
        if m.last_event > m.judged_event:
            m.policed = np.uint8(m.policed | m.pending)
            m.pending = 0
        if m.judged_event != e.number:
            m.pending = 0
        m.judged_event = e.number
        at: Any = np.int64(0)
        above: Any = np.int64(len(lost))
        while at < above:
            middle = (at + above) // 2
            if lost[middle] < e.connection:
                at = middle + 1
            else:
                above = middle
        if at < len(lost) and lost[at] == e.connection:
            rows[at] = row
            m.pending = np.uint8(m.pending | answer << 2 * direction)
