"""`follow.follow` for all directions that need it, in one kernel: which data were lost where."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import ACK, RST
from wireverdict.kernels import kernel, types
from wireverdict.location.copies import (
    AFTER,
    BETWEEN,
    MISSED,
    NEVER,
    UNCLEAR,
    judge_copies,
    mark_blocks,
    pair_copies,
)
from wireverdict.location.layout import CONN, CUT, JOINT_SEQ, LINK, ROW
from wireverdict.location.order import ORDER, find_order, moved
from wireverdict.location.pieces import ascend, at_least, collect, cut_up, segments_of
from wireverdict.location.scan import MARGIN, beyond

LEAST_MET = 0.9
TRACED = np.dtype(
    [
        ("start", "<i8"),  # its losses
        ("stop", "<i8"),
        ("sent", "<i8"),  # segments that are not settled, and those of them that a capture missed
        ("missed_near", "<i8"),
        ("missed_far", "<i8"),
        ("near", "<i4"),
        ("done", "<i4"),  # 0: there was no room for it; 1: traced; 2: nothing can be said
    ],
    align=True,
)
"""What came out for one direction."""
LOST = np.dtype(
    [("ts", "<i8"), ("segments", "<u4"), ("bytes", "<u4"), ("place", "u1"), ("settled", "u1"), ("pad", "<u2")],
    align=True,
)
"""Segments lost of one transmission, as `locate.LOSS`; `settled`: no more will be known."""
WIDE, NARROW = 33, 5
"""Rows of 64 and of 32 bits that are worked with."""

row = types.from_dtype
ROWS, CONNS, LINKS, ORDERS = row(ROW)[::1], row(CONN)[::1], row(LINK)[::1], row(ORDER)[::1]
I8, I64, U4, U1 = types.int64[::1], types.int64, types.uint32[::1], types.uint8[::1]


@kernel(borrow=True)
def trace_one(
    rows: Any, near_a: Any, near_b: Any, far_a: Any, far_b: Any, way: Any, clock: Any, begin: Any, end: Any, floor: Any,
    until: Any, k: Any, link: Any, has: Any, reach: Any, w: Any, size: Any, u: Any, fate: Any, out: Any, t: Any,
) -> None:  # fmt: skip
    """See `follow.follow`. `floor`, `until` ns: far data from and to then count."""
    t.done, t.stop = np.int32(2), t.start
    base: Any = np.int64(-1)
    for i in range(near_a, near_b):
        if rows[i].from_high == way and rows[i].length != 0:
            base = np.int64(rows[i].seq)
            break
    if base < 0:
        return
    left, right, ts, at_far = w[0 : 1 * size], w[size : 2 * size], w[2 * size : 3 * size], w[3 * size : 4 * size]
    f_left, f_right, f_at, f_ts = (
        w[4 * size : 5 * size],
        w[5 * size : 6 * size],
        w[6 * size : 7 * size],
        w[7 * size : 8 * size],
    )
    stamp, f_stamp = u[0:size], u[size : 2 * size]
    always, never = np.int64(np.iinfo(np.int64).min), np.int64(NEVER)
    near = collect(rows, near_a, near_b, way, base, always, never, clock, True, left, right, ts, at_far, stamp)
    far = collect(rows, far_a, far_b, way, base, floor, until, clock, False, f_left, f_right, f_ts, f_at, f_stamp)
    known = (k.bits & (JOINT_SEQ << way)) != 0
    if far == 0 and not known:
        return
    bounds, spare = w[8 * size : 9 * size], w[9 * size : 10 * size]
    full, far_full = np.int64(0), np.int64(0)
    for n in range(near):
        bounds[n], bounds[near + n] = left[n], right[n]
        full = max(full, right[n] - left[n])
    for n in range(far):
        bounds[2 * near + n], bounds[2 * near + far + n] = f_left[n], f_right[n]
        far_full = max(far_full, f_right[n] - f_left[n])
    full = max(min(full, far_full) if far > 0 else full, np.int64(1))
    many = ascend(bounds, spare, 2 * (near + far))
    pieces = many - 1
    n_start, n_ts, n_of, first = (
        w[10 * size : 11 * size],
        w[11 * size : 12 * size],
        w[12 * size : 13 * size],
        w[13 * size : 14 * size],
    )
    f_start, c_ts, f_of = w[14 * size : 15 * size], w[15 * size : 16 * size], w[16 * size : 17 * size]
    copy_stamp, c_stamp = u[2 * size : 3 * size], u[3 * size : 4 * size]
    t.done = np.int32(0)
    ours = cut_up(bounds, many, left, right, at_far, stamp, near, size, n_start, n_ts, copy_stamp, n_of, first)
    theirs = cut_up(bounds, many, f_left, f_right, f_at, f_stamp, far, size, f_start, c_ts, c_stamp, f_of, first)
    if ours < 0 or theirs < 0:
        return
    t.done = np.int32(2)
    met, came = w[17 * size : 17 * size + ours], w[18 * size : 18 * size + theirs]
    slack = -np.int64(clock.apart / 4)
    pair_copies(
        n_start[:many],
        n_ts[:ours],
        copy_stamp[:ours],
        f_start[:many],
        c_ts[:theirs],
        c_stamp[:theirs],
        slack,
        met,
        came,
    )
    strange: Any = np.int64(0)
    for f in range(theirs):
        strange += came[f] == -1
    if not known and theirs - strange < LEAST_MET * theirs:
        return
    t.done = np.int32(1)
    limit = np.int64(beyond(reach, np.uint32(base)))
    octets = w[19 * size : 20 * size]
    unmatched = w[20 * size : 21 * size]
    for n in range(far):
        octets[n] = 0
    for p in range(pieces):
        unmatched[p] = 0
        for f in range(f_start[p], f_start[p + 1]):
            if came[f] == -1:
                octets[f_of[f]] += bounds[p + 1] - bounds[p]
                unmatched[p] = 1
    missed_near = segments_of(octets, f_right, far, full, has, limit)
    # when the receiver had what
    had, repeated, echo = (
        w[21 * size : 21 * size + pieces],
        w[22 * size : 22 * size + pieces],
        u[4 * size : 4 * size + pieces],
    )
    ack_ts, ack = w[23 * size : 24 * size], w[24 * size : 25 * size]
    b_left, b_right = w[26 * size : 28 * size], w[28 * size : 30 * size]
    acks: Any = np.int64(0)
    place, before = np.int64(0), np.uint32(base)
    for p in range(pieces):
        had[p], repeated[p], echo[p] = NEVER, -1, np.uint32(0)
    reached = 0
    for i in range(far_a, far_b):
        r = rows[i]
        if r.from_high == way or (r.flags & (ACK | RST)) != ACK:
            continue
        place += np.int64(beyond(r.ack, before))
        before = r.ack
        ack_ts[acks], ack[acks] = r.ts, place
        while reached < pieces and bounds[reached + 1] <= place:
            had[reached], echo[reached] = r.ts, r.tsecr
            reached += 1
        for b in range(2):
            at = 2 * acks + b
            if r.sack_left[b] == r.sack_right[b]:
                b_left[at] = b_right[at] = 0
            else:
                b_left[at] = place + np.int64(beyond(r.sack_left[b], r.ack))
                b_right[at] = place + np.int64(beyond(r.sack_right[b], r.ack))
        acks += 1
    quick: Any = np.int64(0)
    for p in range(pieces):
        if had[p] != NEVER and f_start[p + 1] - f_start[p] == 1:
            wait = had[p] - c_ts[f_start[p]]
            if wait > 0 and (quick == 0 or wait < quick):
                quick = wait
    block_first, block_last = w[25 * size : 25 * size + 1], w[30 * size : 30 * size + 1]
    block_ts, twice = w[31 * size : 31 * size + 1], w[32 * size : 32 * size + 1]
    number: Any = np.int64(0)
    for i in range(far_a, far_b):
        r = rows[i]
        if r.from_high == way or (r.flags & (ACK | RST)) != ACK:
            continue
        for b in range(2):
            at = 2 * number + b
            if b_left[at] == 0 and b_right[at] == 0 and r.sack_left[b] == r.sack_right[b]:
                continue
            block_first[0] = at_least(bounds, many, b_left[at], -1)
            block_last[0] = at_least(bounds, many, b_right[at] + 1, -1) - 1
            block_ts[0], twice[0] = r.ts, np.int64(b == 0 and r.dsack != 0)
            for p in range(
                max(block_first[0], 0), min(block_last[0], pieces)
            ):  # a block is earlier than the number: no echo
                if twice[0] == 0 and r.ts < had[p]:
                    echo[p] = np.uint32(0)
            mark_blocks(bounds[:many], block_first, block_ts, block_last, twice, had, repeated)
            if twice[0]:
                b_left[at] = b_right[at] = 0
        number += 1
    place, before, reached = np.int64(0), np.uint32(base), 0
    for i in range(near_a, near_b):  # what the far sensor did not hear
        r = rows[i]
        if r.from_high == way or (r.flags & (ACK | RST)) != ACK:
            continue
        place += np.int64(beyond(r.ack, before))
        before = r.ack
        while reached < pieces and bounds[reached + 1] <= place:
            if had[reached] == NEVER:
                had[reached] = moved(r.ts, clock.origin, clock.offset, clock.skew)
            reached += 1
    top = spare
    for n in range(far):
        top[n] = f_right[n] if n == 0 else max(top[n - 1], f_right[n])
    judge_copies(
        n_start[:many], n_ts[:ours], copy_stamp[:ours], f_start[:many], c_ts[:theirs], met, came, bounds[:pieces],
        bounds[1:many], had, echo, repeated, f_ts[:far], top[:far], ack_ts[:acks], ack[:acks], b_left[: 2 * acks],
        b_right[: 2 * acks], begin, end - MARGIN, quick, fate[:ours],
    )  # fmt: skip
    # losses of each transmission, by place
    by = w[26 * size : 30 * size]
    for n in range(4 * near):
        by[n] = 0
    for p in range(pieces):
        for n in range(n_start[p], n_start[p + 1]):
            f = fate[n]
            at = 1 if f == BETWEEN else 2 if f == AFTER else 3 if f == UNCLEAR else 0 if f == MISSED else -1
            if at >= 0:
                by[4 * n_of[n] + at] += bounds[p + 1] - bounds[p]
    for n in range(near):
        octets[n] = by[4 * n]
        for at in range(1, 4):
            if by[4 * n + at] > 0:
                lose(out[t.stop], ts[n], by[4 * n + at], full, at, has and right[n] <= limit)
                t.stop += 1
    missed_far = segments_of(octets, right, near, full, has, limit)
    # what the near sensor first saw when it was sent again
    cut = (k.bits & (CUT << way)) != 0
    least = np.int64(beyond(k.cut[way], np.uint32(base))) if cut else left[0]
    for n in range(near):
        octets[n] = 0
        top[n] = right[n] if n == 0 else max(top[n - 1], right[n])
    jumped = 0
    when = met  # of transmissions: there are no fewer copies
    for p in range(pieces):
        while jumped < near and top[jumped] <= bounds[p + 1]:
            jumped += 1
        if n_start[p] == n_start[p + 1] or jumped >= near or bounds[p] < least or unmatched[p]:
            continue
        again = n_of[n_start[p]]
        if jumped >= again or stamp[jumped] == 0 or stamp[again] == 0:
            continue
        oldest = copy_stamp[n_start[p]]
        for n in range(n_start[p], n_start[p + 1]):
            if beyond(copy_stamp[n], oldest) < 0:
                oldest = copy_stamp[n]
        if beyond(oldest, stamp[jumped]) > 0:
            octets[again] += bounds[p + 1] - bounds[p]
            when[again] = ts[jumped]
    for n in range(near):
        if octets[n] > 0:
            lose(out[t.stop], when[n], octets[n], full, 0, has and right[n] <= limit)
            t.stop += 1
        octets[n] = right[n] - left[n]
    sent = segments_of(octets, right, near, full, has, limit)
    t.sent, t.missed_near, t.missed_far = sent[1], missed_near[1], missed_far[1]
    k.sent[way] += np.uint32(sent[0])
    k.missed_near[way] += np.uint32(missed_near[0])
    k.missed_far[way] += np.uint32(missed_far[0])
    link.sent += sent[0]
    link.missed += missed_far[0]
    link.whole = np.uint8(1)


@kernel(inline=True, borrow=True)
def lose(one: Any, ts: Any, octets: Any, full: Any, place: Any, settled: Any) -> None:
    """Write a LOST."""
    one.ts, one.segments, one.bytes = ts, np.uint32(-(-octets // full)), np.uint32(octets)
    one.place, one.settled, one.pad = np.uint8(place), np.uint8(settled), np.uint16(0)


@kernel(inline=True, borrow=True)
def sides(order: Any, way: Any, clock: Any) -> Any:
    """The side near to the sender of a direction; `clock` is told from there."""
    clock.apart, clock.packets = order.apart, order.packets
    if way == 0:
        clock.origin, clock.offset, clock.skew = order.origin, order.offset, order.skew
        return np.int64(order.near)
    clock.origin, clock.offset = order.origin + order.offset, -order.offset
    clock.skew = -order.skew / (1 + order.skew)
    return np.int64(1 - order.near)


@kernel(
    I64(
        ROWS, I8, CONNS, LINKS, I8, I8, I8, I64, U4, U1, ORDERS, ORDERS, I8, I64, U4, U1, row(LOST)[::1], row(TRACED)[::1]
    ),
    borrow=True,
)  # fmt: skip
def trace(
    rows: Any, starts: Any, conns: Any, links: Any, clocks: Any, began: Any, directions: Any, many: Any, reach: Any, has: Any,
    orders: Any, scratch: Any, w: Any, size: Any, u: Any, fate: Any, out: Any, traced: Any,
) -> Any:  # fmt: skip
    """Trace directions (2 connection + way), and settle what is acknowledged up to `reach` (where `has`, by direction). How
    many losses were written to `out`.

    `clocks`, `began` ns: by sensor. `orders`: by link, filled where needed. Room: `scratch` 1, `w` WIDE `size`, `u` NARROW
    `size`, `fate` `size`; `size` at least four times the rows of any connection, and 16.
    """
    written: Any = np.int64(0)
    for d in range(many):
        at = directions[d]
        conn, way = at // 2, at % 2
        k, t = conns[conn], traced[d]
        link, o = links[k.link], orders[k.link]
        t.start = t.stop = written
        t.sent = t.missed_near = t.missed_far = np.int64(0)
        t.near, t.done = np.int32(-1), np.int32(2)
        if o.known == 0:
            find_order(link, o)
        if o.near < 0:
            continue
        clock = scratch[0]
        near = sides(o, way, clock)
        t.near = np.int32(near)
        one, other = np.int64(link.sensors[near]), np.int64(link.sensors[1 - near])
        begin, end, floor = began[other], clocks[other], np.int64(np.iinfo(np.int64).min)
        if link.cut:
            begin = moved(link.began[near], clock.origin, clock.offset, clock.skew) + MARGIN
            begin = floor = max(link.began[1 - near], begin)
        until = moved(clocks[one], clock.origin, clock.offset, clock.skew)
        a, b = starts[2 * conn + near], starts[2 * conn + near + 1]
        fa, fb = starts[2 * conn + 1 - near], starts[2 * conn + 2 - near]
        trace_one(
            rows, a, b, fa, fb, way, clock, begin, end, floor, until, k, link, has[at] != 0, reach[at], w, size, u, fate, out, t
        )  # fmt: skip
        if t.done != 0 and has[at]:
            k.cut[way] = reach[at]
            k.bits = k.bits | np.uint32(CUT << way)
        written = t.stop
    return written
