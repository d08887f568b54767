"""What a TCP packet's data and acknowledgement say: new, repeated or reordered bytes, losses, round-trip times.

Sequence numbers are compared modulo 2**32 (RFC 9293, section 3.4). Each rule is written down in docs/definitions.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import history
from wireverdict.connections.layout import (
    BY_TIMESTAMP,
    CLOSED,
    DATA_TIMED,
    ESTABLISHED,
    FIN_SENT,
    HOLES,
    INACTIVE,
    RESET,
    TIMED_TWICE,
    TIMING,
    WINDOW_IS_ZERO,
)
from wireverdict.connections.notes import (
    ACK_ADVANCED,
    DATA,
    DUPLICATE_ACK,
    KEEP_ALIVE,
    MISSED,
    OUT_OF_ORDER,
    RETRANSMISSION,
    RTT_SAMPLE,
    SPURIOUS,
    WINDOW_FULL,
)
from wireverdict.connections.pools import HOLES_FORGOTTEN, add_rtt, take_trouble
from wireverdict.headers import COPY, DSACK, TIMESTAMPS
from wireverdict.kernels import kernel

PLAUSIBLE = 1 << 30  # no window is larger (RFC 7323, section 2.3): an ACK beyond it is not of this connection


@kernel(inline=True, borrow=True)
def distance(a: Any, b: Any) -> Any:
    """a - b for sequence numbers, -2**31 to 2**31 - 1."""
    return np.int64(np.int32(np.uint32(a) - np.uint32(b)))


@kernel(inline=True, borrow=True)
def move_next(e: Any, by: Any) -> None:
    """The highest sequence number of a direction goes up; 4 GB wraps are counted."""
    new = np.uint32(e.next + np.uint32(by))
    if np.uint32(new - e.isn) < np.uint32(e.next - e.isn):
        e.wraps = e.wraps + 1
    e.next = new


@kernel(borrow=True)
def add_hole(t: Any, left: Any, right: Any, us: Any, tsval: Any, counters: Any) -> None:
    """Remember bytes that were jumped over. When all places are taken the lowest, oldest hole is forgotten (counted)."""
    n: Any = np.int64(t.holes)
    if n == HOLES:
        t.filled_bytes += np.uint64(distance(t.hole_right[0], t.hole_left[0]))
        for k in range(HOLES - 1):
            t.hole_left[k] = t.hole_left[k + 1]
            t.hole_right[k] = t.hole_right[k + 1]
            t.hole_us[k] = t.hole_us[k + 1]
            t.hole_tsval[k] = t.hole_tsval[k + 1]
        n = HOLES - 1
        counters[HOLES_FORGOTTEN] += 1
    t.hole_left[n] = left
    t.hole_right[n] = right
    t.hole_us[n] = us
    t.hole_tsval[n] = tsval
    t.holes = n + 1


@kernel(borrow=True)
def remove_hole(t: Any, k: Any) -> None:
    """Take out hole `k`, keeping the order."""
    n = np.int64(t.holes) - 1
    for j in range(k, n):
        t.hole_left[j] = t.hole_left[j + 1]
        t.hole_right[j] = t.hole_right[j + 1]
        t.hole_us[j] = t.hole_us[j + 1]
        t.hole_tsval[j] = t.hole_tsval[j + 1]
    t.holes = n


@kernel(inline=True, borrow=True)
def stream_bytes(e: Any) -> Any:
    """Payload bytes by sequence numbers, holes included (Zeek's orig_bytes, resp_bytes)."""
    if e.state == INACTIVE:
        return np.int64(0)
    size = np.int64(np.uint32(e.next - e.isn)) + (np.int64(e.wraps) << 32) - 1
    if e.bits & FIN_SENT and size > 0:
        size -= 1
    return max(size, np.int64(0))


@kernel(borrow=True)
def leave_numbers(e: Any, trouble: Any, counters: Any) -> None:
    """A SYN starts a direction's numbers again: forget its holes, and keep what payload there was in the sum."""
    size = stream_bytes(e)
    row = np.int64(e.trouble) - 1
    if size:
        row = take_trouble(e, trouble, counters)
    if row >= 0:
        t = trouble[row]
        for k in range(np.int64(t.holes)):
            size -= distance(t.hole_right[k], t.hole_left[k])
        t.holes = 0
        t.filled_bytes -= np.uint64(size)


@kernel(borrow=True)
def acknowledge_holes(t: Any, ack: Any) -> Any:
    """Holes below `ack` were received and not captured: forget them. Their bytes, and how many they are."""
    missed = np.int64(0)
    many = np.int64(0)
    k = np.int64(0)
    while k < t.holes:
        if distance(ack, t.hole_right[k]) >= 0:
            missed += distance(t.hole_right[k], t.hole_left[k])
            many += 1
            remove_hole(t, k)
        elif distance(ack, t.hole_left[k]) > 0:
            missed += distance(ack, t.hole_left[k])
            many += 1
            t.hole_left[k] = ack
            k += 1
        else:
            k += 1
    return missed, many


@kernel(inline=True, borrow=True)
def is_clean(e: Any) -> Any:
    """Whether an end was established and did nothing since but close (Zeek's is_clean): elsewhere gaps may be none."""
    return e.state == ESTABLISHED or (e.state == CLOSED and e.previous == ESTABLISHED)


@kernel(borrow=True)
def write_gaps(c: Any, t: Any, many: Any, side: Any) -> None:
    """The letters of `many` more content gaps in what `side` sent."""
    for _ in range(many):
        t.gaps += np.uint32(1)
        if history.at_power_of_ten(np.int64(t.gaps)):
            history.add(c, history.G, side)


@kernel(borrow=True)
def fill_holes(t: Any, left: Any, right: Any, us: Any, tsval: Any, timed: Any, patience: Any, counters: Any) -> Any:
    """Bytes of [left, right) that had not been seen, and whether they came late (sent again) and not merely out of order.

    With timestamps: sent again if the TSval is newer than that of the packet that jumped over the hole. Without: if
    more than `patience` µs have passed since.
    """
    filled = np.int64(0)
    late = False
    k = np.int64(0)
    while k < t.holes:
        hole_left, hole_right = t.hole_left[k], t.hole_right[k]
        start = left if distance(left, hole_left) > 0 else hole_left
        end = right if distance(right, hole_right) < 0 else hole_right
        if distance(end, start) <= 0:
            k += 1
            continue
        filled += distance(end, start)
        if timed and t.hole_tsval[k]:
            late = late or distance(tsval, t.hole_tsval[k]) > 0
        else:
            late = late or np.int64(np.uint32(np.uint32(us) - t.hole_us[k])) > patience
        if start == hole_left and end == hole_right:
            remove_hole(t, k)
        elif start == hole_left:
            t.hole_left[k] = end
            k += 1
        elif end == hole_right:
            t.hole_right[k] = start
            k += 1
        else:  # it splits: the upper part stays where it is, the lower becomes a hole of its own if there is room
            if t.holes < HOLES:
                for j in range(np.int64(t.holes), k, -1):
                    t.hole_left[j] = t.hole_left[j - 1]
                    t.hole_right[j] = t.hole_right[j - 1]
                    t.hole_us[j] = t.hole_us[j - 1]
                    t.hole_tsval[j] = t.hole_tsval[j - 1]
                t.holes = t.holes + 1
                t.hole_right[k] = start
                k += 1
            else:
                t.filled_bytes += np.uint64(distance(start, hole_left))
                counters[HOLES_FORGOTTEN] += 1
            t.hole_left[k] = end
            k += 1
    return filled, late


@kernel(inline=True, borrow=True)
def data(c: Any, e: Any, p: Any, h: Any, base: Any, side: Any, trouble: Any, counters: Any, note: Any) -> Any:
    """Payload sent by `e`, first byte `base`: what kind of data it is. Returns the event bits."""
    length = np.int64(h.payload_length)
    end = np.uint32(base + np.uint32(length))
    us = np.uint32(h.ts // 1000)
    timed = (h.present & TIMESTAMPS) != 0
    ahead = distance(end, e.next)
    events = np.int64(DATA)
    if ahead > 0:
        gap = distance(base, e.next)
        row = np.int64(e.trouble) - 1
        if gap != 0:
            row = take_trouble(e, trouble, counters)
            if row >= 0:
                if gap > 0:
                    add_hole(trouble[row], e.next, base, us, h.tsval, counters)
                else:
                    t = trouble[row]
                    t.retransmitted_bytes += np.uint64(-gap)
                    if t.holes:
                        filled, _ = fill_holes(t, base, e.next, us, h.tsval, timed, np.int64(0), counters)
                        t.filled_bytes += np.uint64(filled)
        move_next(e, ahead)
        if length <= 1 and p.bits & WINDOW_IS_ZERO:  # a window probe: its answer waits for the window
            row = take_trouble(e, trouble, counters)
            if row >= 0:
                trouble[row].keep_alives += np.uint32(1)
            return np.int64(KEEP_ALIVE)
        if not e.bits & TIMING and (row < 0 or trouble[row].holes == 0):
            e.timed_end = end
            e.timed_us = us
            e.timed_tsval = h.tsval
            e.bits = (e.bits | TIMING) & ~(TIMED_TWICE)
    else:
        row = take_trouble(e, trouble, counters)
        # Zeek's T is for any payload at or below what was sent, reordered or a keep-alive, unless a FIN is new
        if row >= 0 and e.state != RESET and not (h.tcp_flags & 1 and ahead == 0):
            trouble[row].history_counts[0] += np.uint32(1)
            if history.at_power_of_ten(np.int64(trouble[row].history_counts[0])):
                history.add(c, history.T, side)
        if length <= 1 and (distance(base, e.next) == -1 or p.bits & WINDOW_IS_ZERO):
            if row >= 0:
                trouble[row].keep_alives += np.uint32(1)
            return np.int64(KEEP_ALIVE)
        filled = np.int64(0)
        late = True
        if row >= 0:
            t = trouble[row]
            if t.holes:
                patience = (np.int64(c.handshake) - 1) // 2 if c.handshake else np.int64(3000)
                filled, late = fill_holes(t, base, end, us, h.tsval, timed, patience, counters)
            if filled and not late:
                t.out_of_order += 1
                t.retransmitted_bytes += np.uint64(length - filled)
            else:
                t.retransmissions += 1
                t.retransmitted_bytes += np.uint64(length)
                t.filled_bytes += np.uint64(filled)
                if h.present & COPY:
                    t.copies += np.uint32(1)
                    t.copied_bytes += np.uint64(length)
                else:
                    t.repeats += 1
                    t.last_retransmitted_left = base
                    t.last_retransmitted_tsval = h.tsval
        events |= np.uint32(OUT_OF_ORDER) if filled and not late else np.uint32(RETRANSMISSION)
        if not h.present & COPY:
            e.bits = e.bits | TIMED_TWICE
    flight = distance(e.next, e.acked)
    if p.state != INACTIVE and flight > 0:
        note.flight = flight
        e.peak_flight = max(e.peak_flight, np.uint32(flight))
        if p.window and flight >= np.int64(p.window):
            events |= WINDOW_FULL
    return events


@kernel(inline=True, borrow=True)
def acknowledgement(
    c: Any,
    e: Any,
    p: Any,
    h: Any,
    sacks: Any,
    window_same: Any,
    trouble: Any,
    histogram: Any,
    counters: Any,
    note: Any,
    side: Any,
) -> Any:
    """The ACK field of a packet from `e` about the data of `p`, the end `side` (not on RST). Returns the event bits."""
    ack = h.ack
    events = np.int64(0)
    moved = distance(ack, p.acked)
    beyond = distance(ack, p.next)
    if beyond > PLAUSIBLE:
        return events
    if moved > 0:
        gaps = np.int64(0)
        if beyond > 0:
            if p.state != INACTIVE:  # a side that is never seen is not captured, which is not loss
                row = take_trouble(p, trouble, counters)
                if beyond == 1:  # it may be a FIN
                    if row >= 0:
                        trouble[row].filled_bytes += np.uint64(1)
                else:
                    if row >= 0:
                        trouble[row].missed_bytes += np.uint64(beyond)
                    note.missed = beyond
                    events |= MISSED
                    gaps += 1
            move_next(p, beyond)
        row = np.int64(p.trouble) - 1
        if row >= 0:
            t = trouble[row]
            if t.holes:
                missed, many = acknowledge_holes(t, ack)
                if missed:
                    t.missed_bytes += np.uint64(missed)
                    note.missed = note.missed + missed
                    events |= MISSED
                gaps += many
            if gaps and is_clean(e) and is_clean(p):
                write_gaps(c, t, gaps, side)
            # Eifel (RFC 3522): the echo is older than the copy, so the first copy had arrived. Not where SACK is in
            # use: there the receiver says so itself (DSACK), and one copy must not be proven needless twice.
            if (
                t.repeats
                and not sacks
                and h.present & TIMESTAMPS
                and distance(ack, t.last_retransmitted_left) > 0
                and t.last_retransmitted_tsval
                and distance(h.tsecr, t.last_retransmitted_tsval) < 0
            ):
                t.spurious += 1
                t.repeats -= 1
                note.spurious = 1
                events |= SPURIOUS
        p.acked = ack
        note.acked = moved
        events |= ACK_ADVANCED
        if p.bits & TIMING and distance(ack, p.timed_end) >= 0:
            by_timestamp = (h.present & TIMESTAMPS) != 0 and h.tsecr == p.timed_tsval and h.tsecr != 0
            if not p.bits & TIMED_TWICE or by_timestamp:
                rtt = np.uint32(np.uint32(h.ts // 1000) - p.timed_us)
                if rtt < 1 << 31 and h.ts > c.last_ts - (1 << 31) * 1000:  # else time went backwards
                    add_rtt(p, np.int64(rtt), histogram, counters)
                    note.rtt = rtt
                    events |= RTT_SAMPLE
                    if p.bits & TIMED_TWICE:
                        p.bits = p.bits | BY_TIMESTAMP
                    if distance(p.timed_end, p.isn) != 1:
                        p.bits = p.bits | DATA_TIMED
            p.bits = p.bits & ~(TIMING | TIMED_TWICE)
    elif (
        not h.present & COPY
        and moved == 0
        and h.payload_length == 0
        and h.tcp_flags & 3 == 0
        and distance(p.next, p.acked) > 0
        and window_same
    ):
        row = take_trouble(e, trouble, counters)
        if row >= 0:
            trouble[row].duplicate_acks += np.uint32(1)
        events |= DUPLICATE_ACK
    if h.present & DSACK and not h.present & COPY and not events & (SPURIOUS):
        row = np.int64(p.trouble) - 1
        if row >= 0 and trouble[row].repeats:
            trouble[row].spurious += np.uint32(1)
            trouble[row].repeats -= np.uint32(1)
            note.spurious = 1
            events |= SPURIOUS
    return events
