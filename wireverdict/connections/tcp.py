"""One TCP packet in its connection: handshake, windows, data, acknowledgement, close."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import history, sequence, states
from wireverdict.connections.layout import (
    CLOSED,
    ESTABLISHED,
    FIN_SENT,
    GOT_REFUSED,
    HANDSHAKE,
    INACTIVE,
    PARTIAL,
    RESET,
    SACK_HIGH,
    SACK_LOW,
    SCALE_OFFERED,
    SYN_SENT,
    SYN_START,
    TIMED_TWICE,
    TIMING,
    WINDOW_IS_ZERO,
)
from wireverdict.connections.notes import (
    ESTABLISHED as NOTE_ESTABLISHED,
)
from wireverdict.connections.notes import (
    FIN_SEEN,
    KEEP_ALIVE,
    REFUSED,
    RST_SEEN,
    SYN_ANSWERED,
    SYN_RETRY,
    WINDOW_OPENED,
    ZERO_WINDOW,
)
from wireverdict.connections.notes import (
    SYN_SENT as NOTE_SYN_SENT,
)
from wireverdict.connections.pools import take_trouble
from wireverdict.connections.sequence import add_hole, distance, move_next
from wireverdict.headers import COPY, MSS, SACK1, SACK_PERMITTED, WINDOW_SCALE
from wireverdict.kernels import kernel

FIN, SYN, RST, ACK = 1, 2, 4, 16


@kernel(inline=True, borrow=True)
def is_reuse(a: Any, b: Any, h: Any, side: Any) -> Any:
    """Whether a SYN on a known key asks for a new connection (after Zeek's IsReuse): other sequence number, or all closed."""
    flags = h.tcp_flags
    if not flags & SYN:
        return False
    if side == 1 and not flags & ACK and a.state == SYN_SENT and b.state == INACTIVE:
        return False  # simultaneous open (RFC 9293, section 3.5)
    if flags & ACK and a.state != INACTIVE:
        return False  # it answers
    # where the other side's SYN-ACK came first, its acknowledgement has told which SYN this must be
    e = b if side == 1 else a
    return states.is_closed(a, b) or h.seq != e.isn or e.next == e.isn


@kernel(inline=True, borrow=True)
def begin(e: Any, h: Any, trouble: Any, counters: Any) -> None:
    """Start a direction's sequence numbers at its first packet, as though a SYN had come before if it is none."""
    flags = h.tcp_flags
    if e.state == INACTIVE:
        known = e.next != e.isn
        e.isn = h.seq if flags & SYN else np.uint32(h.seq - np.uint32(1))
        if flags & SYN:
            answered = distance(e.acked, h.seq)  # its answer came first, as when two interfaces were merged
            if not known or answered < 1 or answered > np.int64(h.payload_length) + 1:
                e.acked = h.seq
        elif not known:
            e.acked = h.seq
        e.next = np.uint32(h.seq + np.uint32(1)) if flags & SYN else h.seq
        e.wraps = 0
    elif flags & SYN and h.seq != e.isn and (e.state == ESTABLISHED or e.state == PARTIAL or e.previous == INACTIVE):
        sequence.leave_numbers(e, trouble, counters)
        e.bits = e.bits & ~(TIMING | TIMED_TWICE | FIN_SENT)
        e.isn = h.seq
        e.acked = h.seq
        e.next = np.uint32(h.seq + np.uint32(1))
        e.wraps = 0


@kernel(inline=True, borrow=True)
def handshake_events(c: Any, e: Any, p: Any, h: Any, side: Any) -> Any:
    """SYN sent, answered, refused, completed: before the states move."""
    flags = h.tcp_flags
    events = np.int64(0)
    if flags & SYN and not flags & ACK and side == 0:
        if e.state == INACTIVE:
            events |= NOTE_SYN_SENT
            c.bits = c.bits | SYN_START
        elif e.state == SYN_SENT:
            events |= NOTE_SYN_SENT | SYN_RETRY
    if side == 1 and e.state == INACTIVE and c.bits & SYN_START:
        if flags & SYN and flags & ACK:
            events |= SYN_ANSWERED
        elif flags & RST:
            events |= REFUSED
            c.bits = c.bits | GOT_REFUSED
    return events


@kernel(inline=True, borrow=True)
def packet(
    c: Any, row: Any, side: Any, h: Any, half: Any, trouble: Any, histogram: Any, counters: Any, note: Any
) -> Any:
    """Account one TCP packet of `side` (0 originator). Returns the event bits; fills the note's numbers."""
    flags = h.tcp_flags
    length = np.int64(h.payload_length)
    e = half[2 * row + side]
    p = half[2 * row + 1 - side]
    carried = np.int64(0) if flags & RST else length  # what a RST carries is not part of the stream (RFC 9293, 3.10.7)
    span = carried + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
    end = np.uint32(h.seq + np.uint32(span))
    begin(e, h, trouble, counters)
    history.packet(c, e, side, flags, h.seq, length)
    events = handshake_events(c, e, p, h, side)
    if events & (SYN_ANSWERED | REFUSED):
        note.reply_to = c.first_ts
    if h.present & (SACK_PERMITTED | SACK1):
        c.bits = c.bits | (SACK_LOW if side == 0 else SACK_HIGH)

    # window
    if flags & SYN:
        if h.present & MSS:
            e.mss = h.mss
        if h.present & WINDOW_SCALE:
            e.wscale = min(h.wscale, np.uint8(14))  # RFC 7323, section 2.3
            e.bits = e.bits | SCALE_OFFERED
        if flags & ACK and not (e.bits & SCALE_OFFERED and p.bits & SCALE_OFFERED):
            e.wscale = 0
            p.wscale = 0
        window = np.uint32(h.window)
    else:
        window = np.uint32(h.window) << np.uint32(e.wscale)
    window_same = window == e.window and e.packets > 0
    if not flags & RST:
        if window == 0 and not flags & SYN and p.state != CLOSED and e.state != RESET:
            if not e.bits & WINDOW_IS_ZERO:
                events |= ZERO_WINDOW
                e.bits = e.bits | WINDOW_IS_ZERO
            troubled = take_trouble(e, trouble, counters)
            if troubled >= 0:
                t = trouble[troubled]
                t.zero_windows += 1
                t.history_counts[1] += 1
                if history.at_power_of_ten(np.int64(t.history_counts[1])):
                    history.add(c, history.W, side)
        elif window and e.bits & WINDOW_IS_ZERO:
            events |= WINDOW_OPENED
            e.bits = e.bits & ~(WINDOW_IS_ZERO)
        e.window = window

    if flags & ACK:
        if p.state == INACTIVE and p.next == p.isn:  # nothing is known of it yet
            p.isn = np.uint32(h.ack - np.uint32(1))
            p.next = h.ack
            p.acked = h.ack
        elif not flags & RST:
            sacks = (c.bits & SACK_LOW) != 0 and (c.bits & SACK_HIGH) != 0
            events |= sequence.acknowledgement(
                c, e, p, h, sacks, window_same, trouble, histogram, counters, note, 1 - side
            )

    was = e.state
    states.advance(e, p, side == 0, flags, length)

    if carried:
        base = np.uint32(h.seq + np.uint32(1)) if flags & SYN else h.seq
        events |= sequence.data(c, e, p, h, base, side, trouble, counters, note)
        since = min(max((h.ts - c.first_ts) // 16000, np.int64(0)), np.int64(0xFFFFFFFE)) + 1
        if e.first_data == 0:
            e.first_data = since
        e.last_data = since
    elif not flags & (SYN | FIN | RST) and was != INACTIVE and distance(h.seq, e.next) == -1:
        troubled = take_trouble(e, trouble, counters)
        if troubled >= 0:
            trouble[troubled].keep_alives += np.uint32(1)
        events |= KEEP_ALIVE
    if flags & SYN and was == INACTIVE:  # the handshake is timed like data
        e.timed_end = end
        e.timed_us = h.ts // 1000
        e.timed_tsval = h.tsval
        e.bits = e.bits & ~(TIMING | TIMED_TWICE)
        if distance(end, e.acked) > 0:
            e.bits = e.bits | TIMING
    elif flags & SYN and not h.present & COPY:
        e.bits = e.bits | TIMED_TWICE
    if flags & FIN:
        events |= FIN_SEEN
        if not flags & RST:
            ahead = distance(end, e.next)
            if ahead <= 0 and not e.bits & FIN_SENT and sequence.stream_bytes(e) > -ahead:
                e.bits = e.bits | FIN_SENT
                troubled = take_trouble(e, trouble, counters)
                if troubled >= 0:  # its acknowledgement came first and had to take it for a byte
                    trouble[troubled].filled_bytes -= np.uint64(1)
            if ahead > 0:
                if e.bits & FIN_SENT:  # the former one's place counts as a byte now, and was none
                    troubled = take_trouble(e, trouble, counters)
                    if troubled >= 0:
                        trouble[troubled].filled_bytes += np.uint64(1)
                e.bits = e.bits | FIN_SENT
                troubled = take_trouble(e, trouble, counters) if ahead > 1 else np.int64(-1)
                if troubled >= 0:  # it came before data, or they were lost
                    us = np.uint32(h.ts // 1000)
                    add_hole(trouble[troubled], e.next, np.uint32(end - np.uint32(1)), us, h.tsval, counters)
                move_next(e, ahead)
    if flags & RST:
        events |= RST_SEEN
    if (
        side == 0
        and flags & ACK
        and not flags & (SYN | RST)
        and c.bits & SYN_START
        and not c.bits & HANDSHAKE
        and c.seen & (history.ONCE_SYN << 8)
        and distance(h.ack, p.isn) > 0
    ):
        c.bits = c.bits | HANDSHAKE
        took = (h.ts - c.first_ts) // 1000
        if 0 <= took < 0xFFFFFFFE:
            c.handshake = took + 1
        events |= NOTE_ESTABLISHED
    return events
