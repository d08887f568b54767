"""Which transmissions were lost: the sender's scoreboard replayed from a log of packets (RFC 6675, RFC 8985).

Each byte range remembers when an ACK or a SACK block first covered it. A copy sent less than most of a round trip
before that cannot be the one that was acknowledged, so the copy that arrived is the latest of the earlier ones; those
before it were lost, less the ones that DSACK blocks (RFC 2883) prove to have arrived too.

Behind the point of loss (at the receiver, say) lost packets are never seen: there they are the holes in the sequence
that are filled later by data with a newer TSval (RFC 7323). Data with the old TSval only came late: reordering.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.paths.events import (
    ACKS,
    DELIVERED,
    DSACK,
    HIGH,
    LOST,
    REPEAT,
    SACK1,
    SACK2,
    TIMESTAMPS,
    UNKNOWN,
)

MOST_OF_A_ROUND_TRIP = 0.8  # of the smallest RTT: an ACK that comes sooner answers an earlier copy
REORDERING_NS = 3_000_000  # without timestamps a hole filled later than this was loss (the value tcptrace uses)
FULL_PAYLOAD = 1460  # bytes in an Ethernet packet without TCP options: larger ones are super-packets
LONG_HOLE = 1_024  # packets: a longer one is a gap of the capture, and not followed in pieces
BEHIND_NS = 1_000  # a hole's loss is put this long after the packet before it
HOLE = -1  # TRANSMISSION.rtt of a packet that is known by its hole only

SEGMENT = np.dtype(
    [
        ("start", "<i8"),  # sequence numbers, unwrapped
        ("end", "<i8"),
        ("cover", "<i8"),  # ns; 0 not covered
        ("jump", "<i8"),  # of a hole: ns of the packet before it
        ("last", "<i4"),  # its latest transmission; -1 none
        ("copies", "<i4"),
        ("duplicates", "<i4"),  # DSACK blocks that named it
        ("following", "<i4"),  # itself if not covered, else a segment above (union-find)
        ("before", "<i4"),  # of a hole: the event before it
        ("hole", "<i4"),  # of a hole: its first piece, whose `jump` is 0 once the hole has begun to be filled
        ("tsval", "<u4"),  # of a hole: of the packet that jumped over it
    ],
    align=True,
)
"""A byte range that was first sent as one packet, or a hole."""

TRANSMISSIONS, SEGMENTS, REPEATS, FILLS, RTT_MIN, FULL = range(6)
"""Places in the counters that `replay` fills: rows used; data sent again; holes filled by a retransmission; ns; 1 if
the arrays were too short."""


@kernel(inline=True, borrow=True)
def unwrap(reference: Any, value: Any) -> Any:
    """The 64-bit sequence number nearest to `reference` whose low 32 bits are `value`."""
    return np.int64(reference) + np.int64(np.int32(np.uint32(value) - np.uint32(reference)))


@kernel(inline=True, borrow=True)
def first_ending_after(segments: Any, count: Any, sequence: Any) -> Any:
    """Index of the first of the `count` segments (in order, without gaps) that ends after `sequence`."""
    low: Any = np.int64(0)
    high: Any = np.int64(count)
    while low < high:
        middle = (low + high) // 2
        if segments[middle].end <= sequence:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(inline=True, borrow=True)
def cover(segments: Any, count: Any, left: Any, right: Any, ts: Any) -> Any:
    """Mark the segments inside [left, right) as covered; gives the highest one that was not before, -1 for none.

    -2 if one of them had been sent again or never been seen: no round-trip time can be told.
    """
    k = first_ending_after(segments, count, left)
    if k < count and segments[k].start < left:
        k += 1
    top: Any = np.int64(-1)
    clean = True
    while k < count:
        root = k
        while root < count and segments[root].following != root:
            root = np.int64(segments[root].following)
        while k < root:  # shorten the chain for the next search
            step = np.int64(segments[k].following)
            segments[k].following = root
            k = step
        if k >= count or segments[k].end > right:
            break
        segments[k].cover = ts
        segments[k].following = k + 1
        clean = clean and segments[k].copies == 1
        top = k
        k += 1
    return top if clean else np.int64(-2)


@kernel(borrow=True)
def replay(
    events: Any,
    order: Any,
    first: Any,
    stop: Any,
    direction: Any,
    full_payload: Any,
    link_overhead: Any,
    segments: Any,
    out: Any,
    previous: Any,
    room: Any,
    counters: Any,
) -> None:
    """Append to `out` the transmissions of one direction of one connection, in the order of the log.

    `order[first:stop]`: rows of `events` that belong to the connection. `direction`: 0 from the lower address, 1 from the
    higher. `full_payload`: bytes of a full packet: larger ones are split. `link_overhead`: bytes added to each IP length.
    `segments`, `out`, `previous` (the earlier transmission of the same segment) are work space, of which this one may use
    `room` rows; `counters` int64[6], of which TRANSMISSIONS says how many rows of `out` are used.
    """
    segment_count: Any = np.int64(0)
    transmissions: Any = np.int64(counters[TRANSMISSIONS])
    most = transmissions + room
    high: Any = np.int64(0)
    acked: Any = np.int64(-1) << 60
    rtt_min: Any = np.int64(1) << 60
    last_event: Any = np.int64(-1)
    last_ts: Any = np.int64(0)
    started = False
    for position in range(first, stop):
        event = np.int64(order[position])
        e = events[event]
        if (e.flags & HIGH) == direction:
            if not e.payload:
                continue
            if not started:
                started = True
                high = np.int64(e.seq)
            start: Any = unwrap(high, e.seq)
            end = start + np.int64(e.payload)
            if start > high and last_event >= 0:  # a hole, in pieces of a packet unless it is very long
                step = full_payload if start - high <= LONG_HOLE * full_payload else start - high
                hole = segment_count
                while high < start and segment_count < room:
                    s = segments[segment_count]
                    s.start, s.end, s.cover, s.jump = high, min(high + step, start), 0, last_ts
                    s.last, s.copies, s.duplicates, s.following = -1, 0, 0, segment_count
                    s.before, s.hole, s.tsval = last_event, hole, e.tsval
                    high = s.end
                    segment_count += 1
                high = start
            last_event, last_ts = event, e.ts
            if start < high:  # sent before, or the filler of a hole
                k = first_ending_after(segments, segment_count, start)
                repeated = False
                while k < segment_count and segments[k].start < end and transmissions < most:
                    s = segments[k]
                    part = min(end, s.end) - max(start, s.start)
                    if s.copies == 0 and segments[s.hole].jump:
                        newer = np.int32(np.uint32(e.tsval) - np.uint32(s.tsval)) > 0
                        if newer if e.flags & TIMESTAMPS else e.ts - s.jump > REORDERING_NS:
                            counters[FILLS] += 1
                            t = out[transmissions]
                            t.ts, t.rtt, t.event, t.fate = s.jump + BEHIND_NS, HOLE, s.before, LOST
                            t.size = full_payload + e.overhead + link_overhead
                            previous[transmissions] = -1
                            transmissions += 1
                        segments[s.hole].jump = 0
                    elif s.copies and 2 * part >= s.end - s.start:
                        repeated = True
                    if 2 * part >= s.end - s.start and transmissions < most:
                        t = out[transmissions]
                        t.ts, t.rtt, t.event, t.fate = e.ts, 0, event, UNKNOWN
                        t.size = part + e.overhead + link_overhead
                        previous[transmissions] = s.last
                        s.last = transmissions
                        s.copies += 1
                        transmissions += 1
                    k += 1
                counters[REPEATS] += repeated
                start = max(start, high)
            while start < end:
                if transmissions >= most or segment_count >= room:
                    counters[FULL] = 1
                    break
                s = segments[segment_count]
                s.start, s.end = start, min(end, start + full_payload)
                s.cover, s.jump, s.duplicates, s.before, s.tsval = 0, 0, 0, -1, 0
                s.copies = 2 if e.flags & REPEAT else 1  # the first copy was sent before the log began
                s.last, s.following = transmissions, segment_count
                t = out[transmissions]
                t.ts, t.rtt, t.event, t.fate = e.ts, 0, event, UNKNOWN
                t.size = s.end - s.start + e.overhead + link_overhead
                previous[transmissions] = -1
                start = s.end
                segment_count += 1
                transmissions += 1
            high = max(high, end)
        elif started and e.flags & ACKS:
            for block in range(3):
                if block == 0:
                    left, right = acked, unwrap(high, e.ack)
                    acked = max(acked, right)
                elif block == 1:
                    if not e.flags & SACK1:
                        continue
                    left, right = unwrap(high, e.sack1_left), unwrap(high, e.sack1_right)
                    if e.flags & DSACK:
                        k = first_ending_after(segments, segment_count, left)
                        while k < segment_count and segments[k].end <= right:
                            segments[k].duplicates += 1
                            k += 1
                        continue
                else:
                    if not e.flags & SACK2:
                        continue
                    left, right = unwrap(high, e.sack2_left), unwrap(high, e.sack2_right)
                top = cover(segments, segment_count, left, right, e.ts)
                if top >= 0:
                    t = out[segments[top].last]
                    t.rtt = max(e.ts - t.ts, 1)
                    rtt_min = min(rtt_min, t.rtt)
    slack = np.int64(MOST_OF_A_ROUND_TRIP * rtt_min) if rtt_min < np.int64(1) << 60 else np.int64(0)
    for k in range(segment_count):
        s = segments[k]
        at: Any = np.int64(s.last)
        if at < 0:
            continue
        later: Any = np.int64(0)
        if s.cover:
            while previous[at] >= 0 and out[at].ts > s.cover - slack:
                out[at].fate = DELIVERED
                later += 1
                at = np.int64(previous[at])
            out[at].fate = DELIVERED
        superfluous: Any = np.int64(s.duplicates) - later
        at = np.int64(previous[at])
        while at >= 0:
            out[at].fate = DELIVERED if superfluous > 0 else LOST
            superfluous -= 1
            at = np.int64(previous[at])
    counters[TRANSMISSIONS] = transmissions
    counters[SEGMENTS] = segment_count
    counters[RTT_MIN] = rtt_min
