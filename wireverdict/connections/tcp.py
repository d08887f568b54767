"""One TCP packet in its connection: handshake, windows, data, acknowledgement, close."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import history, sequence, states
from wireverdict.connections.layout import (
    CLOSED,
    ESTABLISHED,
    FIN_SENT,
    FLIPPED,
    GOT_REFUSED,
    HANDSHAKE,
    HAS_TIMESTAMPS,
    INACTIVE,
    ORIGINATOR_LOW,
    PARTIAL,
    RESET,
    SACK_HIGH,
    SACK_LOW,
    SCALE_OFFERED,
    SYN_ACK_SENT,
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
from wireverdict.connections.sequence import distance, move_next
from wireverdict.headers import MSS, SACK1, SACK_PERMITTED, TIMESTAMPS, WINDOW_SCALE
from wireverdict.kernels import kernel

FIN, SYN, RST, ACK = 1, 2, 4, 16
TOO_FAR = 1 << 20  # a SYN's or RST's sequence number that jumps further is not believed (Zeek's rule)


@kernel(inline=True, borrow=True)
def is_reuse(a: Any, b: Any, h: Any, side: int) -> bool:
    """Whether a SYN on a known key asks for a new connection (after Zeek's IsReuse): other sequence number, or all closed."""
    flags = h.tcp_flags
    if not flags & SYN:
        return False
    if side == 1 and not flags & ACK and a.state == SYN_SENT and b.state == INACTIVE:
        return False  # simultaneous open (RFC 9293, section 3.5)
    first = a
    if flags & ACK:
        if a.state != INACTIVE:
            return False
        first = b
    if states.is_closed(a, b):
        return True
    if h.seq == first.isn:
        return False
    # SYN and SYN-ACK seen in the wrong order, as when two interfaces were merged
    return not (not flags & ACK and a.state == SYN_ACK_SENT and b.state == INACTIVE)


@kernel(borrow=True)
def swap_roles(c: Any, half: Any, row: int) -> None:
    """Make the originator the responder: the SYN came after its answer."""
    spare = len(half) - 1  # the table's last row is for this
    half[spare] = half[2 * row]
    half[2 * row] = half[2 * row + 1]
    half[2 * row + 1] = half[spare]
    c.bits = np.uint16(c.bits ^ ORIGINATOR_LOW)


@kernel(inline=True, borrow=True)
def begin(e: Any, h: Any) -> None:
    """Start a direction's sequence numbers at its first packet, as though a SYN had come before if it is none."""
    flags = h.tcp_flags
    if e.state == INACTIVE:
        e.isn = h.seq if flags & SYN else np.uint32(h.seq - np.uint32(1))
        known = e.packets > 0 or e.acked != 0
        if not known or flags & SYN:
            e.acked = np.uint32(e.isn + np.uint32(1)) if not flags & SYN else h.seq
        e.next = np.uint32(h.seq + np.uint32(1)) if flags & SYN else h.seq
        e.wraps = 0
    elif flags & SYN and h.seq != e.isn and (e.state == ESTABLISHED or e.state == PARTIAL or e.previous == INACTIVE):
        e.isn = h.seq
        e.acked = h.seq
        e.next = np.uint32(h.seq + np.uint32(1))
        e.wraps = 0


@kernel(inline=True, borrow=True)
def handshake_events(c: Any, e: Any, p: Any, h: Any, side: int) -> int:
    """SYN sent, answered, refused, completed: before the states move."""
    flags = h.tcp_flags
    events = np.uint32(0)
    if flags & SYN and not flags & ACK and side == 0:
        if e.state == INACTIVE:
            events |= np.uint32(NOTE_SYN_SENT)
            c.bits = np.uint16(c.bits | SYN_START)
        elif e.state == SYN_SENT:
            events |= np.uint32(NOTE_SYN_SENT | SYN_RETRY)
    if side == 1 and e.state == INACTIVE and p.state == SYN_SENT:
        if flags & SYN and flags & ACK:
            events |= np.uint32(SYN_ANSWERED)
        elif flags & RST:
            events |= np.uint32(REFUSED)
            c.bits = np.uint16(c.bits | GOT_REFUSED)
    return events


@kernel(borrow=True)
def packet(c: Any, row: int, side: int, h: Any, half: Any, trouble: Any, histogram: Any, counters: Any, note: Any) -> int:
    """Account one TCP packet of `side` (0 originator). Returns the event bits; fills the note's numbers."""
    flags = h.tcp_flags
    length = np.int64(h.payload_length)
    if (
        side == 1
        and flags & SYN
        and not flags & ACK
        and half[2 * row].state == SYN_ACK_SENT
        and half[2 * row + 1].state == INACTIVE
    ):
        swap_roles(c, half, row)
        c.bits = np.uint16((c.bits | SYN_START) & ~np.uint16(FLIPPED))
        half[2 * row].state = np.uint8(INACTIVE)
        half[2 * row + 1].state = np.uint8(ESTABLISHED)
        side = 0
    e = half[2 * row + side]
    p = half[2 * row + 1 - side]
    carried = np.int64(0) if flags & RST else length  # what a RST carries is not part of the stream (RFC 9293, 3.10.7)
    span = carried + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
    end = np.uint32(h.seq + np.uint32(span))
    begin(e, h)
    history.packet(c, e, side, flags, h.seq, length)
    events = handshake_events(c, e, p, h, side)
    if events & np.uint32(SYN_ANSWERED | REFUSED):
        note.reply_to = c.first_ts
    if h.present & TIMESTAMPS:
        e.bits = np.uint8(e.bits | HAS_TIMESTAMPS)
    if h.present & (SACK_PERMITTED | SACK1):
        c.bits = np.uint16(c.bits | (SACK_LOW if side == 0 else SACK_HIGH))

    # window
    if flags & SYN:
        if h.present & MSS:
            e.mss = h.mss
        if h.present & WINDOW_SCALE:
            e.wscale = min(h.wscale, np.uint8(14))  # RFC 7323, section 2.3
            e.bits = np.uint8(e.bits | SCALE_OFFERED)
        if flags & ACK and not (e.bits & SCALE_OFFERED and p.bits & SCALE_OFFERED):
            e.wscale = 0
            p.wscale = 0
        window = np.uint32(h.window)
    else:
        window = np.uint32(h.window) << np.uint32(e.wscale)
    window_same = window == e.window
    if not flags & RST:
        if window == 0 and not flags & SYN and p.state != CLOSED and e.state != RESET:
            if not e.bits & WINDOW_IS_ZERO:
                events |= np.uint32(ZERO_WINDOW)
                e.bits = np.uint8(e.bits | WINDOW_IS_ZERO)
            troubled = take_trouble(e, trouble, counters)
            if troubled >= 0:
                t = trouble[troubled]
                t.zero_windows += np.uint32(1)
                t.history_counts[1] += np.uint32(1)
                if history.at_power_of_ten(np.int64(t.history_counts[1])):
                    history.add(c, history.W, side)
        elif window and e.bits & WINDOW_IS_ZERO:
            events |= np.uint32(WINDOW_OPENED)
            e.bits = np.uint8(e.bits & ~np.uint8(WINDOW_IS_ZERO))
        e.window = window

    if flags & ACK:
        if p.state == INACTIVE and p.acked == 0 and p.next == 0:
            p.isn = np.uint32(h.ack - np.uint32(1))
            p.next = h.ack
            p.acked = h.ack
        elif not flags & RST:
            sacks = (c.bits & SACK_LOW) != 0 and (c.bits & SACK_HIGH) != 0
            events |= sequence.acknowledgement(
                c, e, p, h, sacks, window_same, trouble, histogram, counters, note
            )

    was = e.state
    states.advance(e, p, side == 0, flags, length)

    if carried:
        base = np.uint32(h.seq + np.uint32(1)) if flags & SYN else h.seq
        events |= sequence.data(c, e, p, h, base, side, trouble, counters, note)
        since = min(max((h.ts - c.first_ts) // 16000, np.int64(0)), np.int64(0xFFFFFFFE)) + 1
        if e.first_data == 0:
            e.first_data = np.uint32(since)
        e.last_data = np.uint32(since)
    elif not flags & (SYN | FIN | RST) and was != INACTIVE and distance(h.seq, e.next) == -1:
        troubled = take_trouble(e, trouble, counters)
        if troubled >= 0:
            trouble[troubled].keep_alives += np.uint32(1)
        events |= np.uint32(KEEP_ALIVE)
    if flags & SYN and was == INACTIVE:  # the handshake is timed like data
        e.timed_end = end
        e.timed_us = np.uint32(h.ts // 1000)
        e.timed_tsval = h.tsval
        e.bits = np.uint8((e.bits | TIMING) & ~np.uint8(TIMED_TWICE))
    elif flags & SYN:
        e.bits = np.uint8(e.bits | TIMED_TWICE)
    if flags & FIN:
        events |= np.uint32(FIN_SEEN)
        e.bits = np.uint8(e.bits | FIN_SENT)
    ahead = distance(end, e.next)
    if ahead > 0 and flags & (SYN | FIN) and not flags & RST and (not flags & SYN or ahead < TOO_FAR):
        move_next(e, ahead)
    if flags & RST:
        events |= np.uint32(RST_SEEN)
    if (
        side == 0
        and flags & ACK
        and not flags & (SYN | RST)
        and c.bits & SYN_START
        and not c.bits & HANDSHAKE
        and p.state == ESTABLISHED
        and distance(h.ack, p.isn) > 0
    ):
        c.bits = np.uint16(c.bits | HANDSHAKE)
        took = (h.ts - c.first_ts) // 1000
        if 0 <= took < 0xFFFFFFFE:
            c.handshake = np.uint32(took + 1)
        events |= np.uint32(NOTE_ESTABLISHED)
    return events
