"""What two sensors saw of each connection since the last look: data that came through need no further one.

`scan` compares; where both sensors saw the same data once and in order, what has been acknowledged is *settled* and is never
looked at again. `trim` keeps what is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import ACK, RST, SYN
from wireverdict.kernels import kernel, types
from wireverdict.location.layout import ACKED, BUCKETS, CONN, CUT, JOINT_ACK, JOINT_SEQ, LINK, ROW

MARGIN = 1_000_000_000
"""ns in which a packet that has not come by yet may still come."""
PATIENCE = 10_000_000_000
"""ns that an acknowledgement is kept for the other sensor's copy."""
BUCKET = 8_000_000_000
"""ns of packets that one POINT stands for."""
NOTHING, WHOLE, FAULTY, ALONE = range(4)
"""What `scan` finds of a direction: no news; the same at both sensors; to be followed; only one sensor saw packets, all of them
SYNs."""

BOTH = np.uint32(3 * (CUT | JOINT_SEQ | JOINT_ACK))
"""Bits of a connection of which both sensors have seen something."""

row = types.from_dtype
ROWS, CONNS, LINKS, I8, I64 = row(ROW)[::1], row(CONN)[::1], row(LINK)[::1], types.int64[::1], types.int64
U4, U1 = types.uint32[::1], types.uint8[::1]


@kernel(inline=True, borrow=True)
def beyond(one: Any, other: Any) -> Any:
    """How far a sequence number is beyond another: int32, modulo 2**32."""
    return np.int32(np.uint32(one) - np.uint32(other))


@kernel(inline=True, borrow=True)
def same(a: Any, b: Any) -> Any:
    """Whether two rows are of the same packet."""
    return (
        a.seq == b.seq
        and a.ack == b.ack
        and a.length == b.length
        and a.tsval == b.tsval
        and a.tsecr == b.tsecr
        and a.flags == b.flags
        and a.sack_left[0] == b.sack_left[0]
        and a.sack_right[0] == b.sack_right[0]
    )


@kernel(inline=True, borrow=True)
def add_point(points: Any, ts: Any, gap: Any) -> None:
    """A packet that both saw; `points` of one direction."""
    bucket = ts // BUCKET
    p = points[bucket % BUCKETS]
    if p.bucket != bucket:
        p.bucket, p.many = bucket, np.uint32(0)
    if p.many == 0 or gap < p.gap[0]:
        p.ts[0], p.gap[0] = ts, gap
    if p.many == 0 or gap > p.gap[1]:
        p.ts[1], p.gap[1] = ts, gap
    p.many += np.uint32(1)


@kernel(borrow=True)
def join_data(rows: Any, a: Any, a_end: Any, b: Any, b_end: Any, way: Any, k: Any, points: Any) -> None:
    """Times of data that both sensors saw sent for the first time. Numbers only grow then, so that one pass finds them."""
    known = (k.bits & (JOINT_SEQ << way)) != 0
    least_a = least_b = k.joint_seq[way]
    fixed_a = fixed_b = known
    while True:
        while a < a_end and (
            rows[a].from_high != way or rows[a].length == 0 or (fixed_a and beyond(rows[a].seq, least_a) < 0)
        ):
            a += 1
        while b < b_end and (
            rows[b].from_high != way or rows[b].length == 0 or (fixed_b and beyond(rows[b].seq, least_b) < 0)
        ):
            b += 1
        if a >= a_end or b >= b_end:
            return
        one, two = rows[a], rows[b]
        ahead = beyond(one.seq, two.seq)
        if ahead == 0 and same(one, two):
            add_point(points, one.ts, two.ts - one.ts)
            k.joint_seq[way] = one.seq + one.length
            k.bits = k.bits | np.uint32(JOINT_SEQ << way)
        if ahead <= 0:
            least_a, fixed_a = np.uint32(one.seq + one.length), True
            a += 1
        if ahead >= 0:
            least_b, fixed_b = np.uint32(two.seq + two.length), True
            b += 1


@kernel(borrow=True)
def join_acks(rows: Any, a: Any, a_end: Any, b: Any, b_end: Any, way: Any, k: Any, points: Any) -> None:
    """The same with acknowledgements without data that acknowledge more than those before."""
    known = (k.bits & (JOINT_ACK << way)) != 0
    top_a = top_b = k.joint_ack[way]
    fixed_a = fixed_b = known
    while True:
        while a < a_end and (
            rows[a].from_high != way
            or rows[a].length != 0
            or (rows[a].flags & (ACK | RST)) != ACK
            or (fixed_a and beyond(rows[a].ack, top_a) <= 0)
        ):
            a += 1
        while b < b_end and (
            rows[b].from_high != way
            or rows[b].length != 0
            or (rows[b].flags & (ACK | RST)) != ACK
            or (fixed_b and beyond(rows[b].ack, top_b) <= 0)
        ):
            b += 1
        if a >= a_end or b >= b_end:
            return
        one, two = rows[a], rows[b]
        ahead = beyond(one.ack, two.ack)
        if ahead == 0 and same(one, two):
            add_point(points, one.ts, two.ts - one.ts)
            k.joint_ack[way] = one.ack
            k.bits = k.bits | np.uint32(JOINT_ACK << way)
        if ahead <= 0:
            top_a, fixed_a = one.ack, True
            a += 1
        if ahead >= 0:
            top_b, fixed_b = two.ack, True
            b += 1


@kernel(inline=True, borrow=True)
def hear(rows: Any, start: Any, stop: Any, side: Any, safe: Any, k: Any) -> None:
    """Take up acknowledgements of one side that are `safe` (ns) or older, and set lengths of settled data to 0."""
    for i in range(start, stop):
        r = rows[i]
        way = np.int64(r.from_high)
        if r.length != 0 and (k.bits & (CUT << way)) != 0 and beyond(r.seq + r.length, k.cut[way]) <= 0:
            r.length = np.uint32(0)
        if (r.flags & (ACK | RST)) == ACK and r.ts <= safe:
            at = 2 * side + 1 - way
            if (k.bits & (ACKED << at)) == 0 or beyond(r.ack, k.acked[at]) > 0:
                k.acked[at] = r.ack
                k.bits = k.bits | np.uint32(ACKED << at)


@kernel(borrow=True)
def usual_gap(points: Any) -> Any:
    """What a packet took lately from side 0 to side 1, by both clocks; 0 if nothing is known."""
    found = -1
    for at in range(BUCKETS):
        if points[at].many > 0 and (found < 0 or points[at].bucket > points[found].bucket):
            found = at
    return points[found].gap[0] if found >= 0 else np.int64(0)


@kernel(borrow=True)
def compare(
    rows: Any,
    a: Any,
    a_end: Any,
    b: Any,
    b_end: Any,
    way: Any,
    k: Any,
    points: Any,
    has: Any,
    reach: Any,
    safe_a: Any,
    safe_b: Any,
) -> Any:
    """Whether both sensors saw the same data of a direction, once and in order, apart from what may still come: FAULTY if not,
    WHOLE if there were some, and then what is below `reach` (where `has`) is settled; NOTHING."""
    known = (k.bits & (CUT << way)) != 0
    due, settled = k.cut[way], k.cut[way]
    many, gap = np.int64(0), np.int64(0)
    matched = False
    while True:
        while a < a_end and (rows[a].from_high != way or rows[a].length == 0):
            a += 1
        while b < b_end and (rows[b].from_high != way or rows[b].length == 0):
            b += 1
        if a >= a_end or b >= b_end:
            break
        one, two = rows[a], rows[b]
        if not same(one, two) or (known and one.seq != due):
            return FAULTY
        due, known, matched = np.uint32(one.seq + one.length), True, True
        gap = two.ts - one.ts
        if has and beyond(reach, due) >= 0:
            settled = due
            many += 1
        a += 1
        b += 1
    if not matched and (a < a_end or b < b_end):
        gap = usual_gap(points)
    if a < a_end and (rows[a].ts + gap <= safe_b or (known and rows[a].seq != due)):
        return FAULTY
    if b < b_end and (rows[b].ts - gap <= safe_a or (known and rows[b].seq != due)):
        return FAULTY
    if not matched:
        return NOTHING
    if many > 0:
        k.cut[way] = settled
        k.bits = k.bits | np.uint32(CUT << way)
        k.sent[way] += np.uint32(many)
    return WHOLE


@kernel(borrow=True)
def whole_rows(rows: Any, start: Any, stop: Any, way: Any, reach: Any) -> Any:
    """The greatest number up to `reach` that divides no row's data."""
    for _ in range(8):
        lowered = False
        for i in range(start, stop):
            r = rows[i]
            mine = r.from_high == way and r.length != 0
            if mine and beyond(reach, r.seq) > 0 and beyond(r.seq + r.length, reach) > 0:
                reach, lowered = r.seq, True
        if not lowered:
            break
    return reach


@kernel(types.void(ROWS, I8, I64, CONNS, LINKS, I8, U1, U4, U1), borrow=True)
def scan(
    rows: Any, starts: Any, used: Any, conns: Any, links: Any, clocks: Any, state: Any, reach: Any, has: Any
) -> None:
    """Compare each connection's rows, as `arrange.group` put them. `clocks` ns: how far each sensor has come.

    Written for each connection and direction (2 c + w): what it is to `state`, and for FAULTY the number below which data are
    acknowledged at both sensors to `reach`, where `has`.
    """
    for c in range(used):
        a, b, end = starts[2 * c], starts[2 * c + 1], starts[2 * c + 2]
        state[2 * c] = state[2 * c + 1] = NOTHING
        has[2 * c] = has[2 * c + 1] = 0
        if a == end:
            continue
        k = conns[c]
        link = links[k.link]
        safe_a, safe_b = clocks[link.sensors[0]] - MARGIN, clocks[link.sensors[1]] - MARGIN
        hear(rows, a, b, 0, safe_a, k)
        hear(rows, b, end, 1, safe_b, k)
        if (a == b or b == end) and k.bits & BOTH == 0:
            sender = np.int64(rows[a].from_high)
            state[2 * c + sender] = ALONE
            for i in range(a, end):
                r = rows[i]
                if r.from_high != sender or (r.flags & (SYN | ACK | RST)) != SYN or r.length != 1:
                    state[2 * c + sender] = NOTHING
            continue
        for way in range(2):
            join_data(rows, a, b, b, end, way, k, link.points[way])
            join_acks(rows, a, b, b, end, way, k, link.points[way])
            both = np.uint32((ACKED << way) | (ACKED << (2 + way)))
            top = np.uint32(0)
            if (k.bits & both) == both:
                top = k.acked[way] if beyond(k.acked[way], k.acked[2 + way]) < 0 else k.acked[2 + way]
                has[2 * c + way] = 1
            found = compare(rows, a, b, b, end, way, k, link.points[way], has[2 * c + way] != 0, top, safe_a, safe_b)
            state[2 * c + way] = found
            if found == WHOLE:
                link.whole = np.uint8(1)
            elif found == FAULTY and has[2 * c + way]:
                top = whole_rows(rows, a, end, way, top)
                reach[2 * c + way] = top
                if (k.bits & (CUT << way)) != 0 and beyond(top, k.cut[way]) <= 0:
                    has[2 * c + way] = 0


@kernel(I64(ROWS, I8, I64, CONNS, LINKS, I8, I8, ROWS), borrow=True)
def trim(rows: Any, starts: Any, used: Any, conns: Any, links: Any, clocks: Any, before: Any, out: Any) -> Any:
    """Write the rows that may still count to `out`; how many they are. `before` ns: by sensor, what is older is dropped.
    `starts` says where those of a connection are in `out` then."""
    made: Any = np.int64(0)
    end: Any = np.int64(0)
    for c in range(used):
        start, middle = end, starts[2 * c + 1]  # the start itself is overwritten by now
        end = starts[2 * c + 2]
        starts[2 * c] = starts[2 * c + 1] = made
        if start == end:
            continue
        k = conns[c]
        link = links[k.link]
        for i in range(start, end):  # what is given up is given up at both sensors
            r = rows[i]
            way, last = np.int64(r.from_high), np.uint32(r.seq + r.length)
            above = (k.bits & (CUT << way)) == 0 or beyond(last, k.cut[way]) > 0
            if above and r.length != 0 and r.ts < before[r.sensor]:
                k.cut[way] = last
                k.bits = k.bits | np.uint32(CUT << way)
        open_low = open_high = False
        for i in range(start, end):
            r = rows[i]
            way = np.int64(r.from_high)
            if r.length != 0 and (k.bits & (CUT << way)) != 0 and beyond(r.seq + r.length, k.cut[way]) <= 0:
                r.length = np.uint32(0)
            open_low |= r.length != 0 and way == 0
            open_high |= r.length != 0 and way == 1
        for i in range(start, end):
            r = rows[i]
            clock = clocks[link.sensors[0 if i < middle else 1]]
            if r.ts < before[r.sensor]:
                continue
            way = np.int64(r.from_high)
            keep = r.length != 0 or r.ts > clock - MARGIN
            if not keep and (r.flags & (ACK | RST)) == ACK:
                other = 1 - way
                if open_low if other == 0 else open_high:
                    news = (k.bits & (CUT << other)) == 0 or beyond(r.ack, k.cut[other]) > 0
                    keep = news or r.sack_left[0] != r.sack_right[0]
                if not keep and r.ts > clock - PATIENCE:
                    keep = (k.bits & (JOINT_ACK << way)) == 0 or beyond(r.ack, k.joint_ack[way]) > 0
            if keep:
                out[made] = r
                made += 1
                if i < middle:
                    starts[2 * c + 1] = made
    starts[2 * used] = made
    return made


@kernel(types.void(I8, I64, CONNS, LINKS, I8, U1), borrow=True)
def find_alive(starts: Any, used: Any, conns: Any, links: Any, before: Any, alive: Any) -> None:
    """Write 1 to `alive` for each connection that has rows, or that a sensor has seen from `before` (ns, by sensor) on."""
    for c in range(used):
        k = conns[c]
        sensors = links[k.link].sensors
        late = k.last[0] >= before[sensors[0]] or k.last[1] >= before[sensors[1]]
        alive[c] = np.uint8(late or starts[2 * c + 2] > starts[2 * c])
