"""The tracking kernel: find each header's connection, open one if there is none, and account the packet to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import history, index, states, tcp
from wireverdict.connections.layout import (
    BOTH_WAYS,
    CONN,
    DID_CLOSE,
    ENDED,
    FLIPPED,
    GOT_UNREACHABLE,
    HALF,
    HISTOGRAM,
    INACTIVE,
    LIVE,
    ORIGINATOR_LOW,
    SYN_SENT,
    TROUBLE,
)
from wireverdict.connections.notes import CLOSED, COPIED, ESTABLISHED, FROM_RESPONDER, NEW, NOTE, ONE_SIDED, UNREACHABLE
from wireverdict.connections.pools import (
    CUT_TCP,
    ENDED_ROWS,
    FREE_ROW,
    LIVE_ROWS,
    NEW_ICMP,
    NEW_TCP,
    NEW_UDP,
    OTHER_PROTOCOL,
    TOP_ROW,
    take_trouble,
)
from wireverdict.headers import COPY, HEADER, ICMP, ICMP6, PORTS, QUOTED, QUOTED_ONLY, TCP, TCP_HEADER, UDP
from wireverdict.kernels import kernel, types
from wireverdict.kernels.prefetch import prefetch

TCP_IDLE, TCP_ATTEMPT, LINGER, UDP_IDLE, ICMP_IDLE = range(5)
"""Places in the array of time-outs, ns."""

PARTNERS = np.full((2, 256), -1, np.int16)
"""The ICMP type that answers a type, -1 for none; row 0 ICMP, row 1 ICMPv6 (as Zeek and Community ID pair them)."""
for asked, answer in ((8, 0), (13, 14), (15, 16), (10, 9), (17, 18)):  # RFC 792, 1256, 950
    PARTNERS[0, asked], PARTNERS[0, answer] = answer, asked
for asked, answer in ((128, 129), (133, 134), (135, 136), (130, 131), (144, 145)):  # RFC 4443, 4861, 2710, 6275
    PARTNERS[1, asked], PARTNERS[1, answer] = answer, asked

BROADCAST = np.uint64(0xFFFF_FFFF_FFFF)
"""The low half of 255.255.255.255 as ``::ffff:a.b.c.d``."""

BLOCK = 32
"""Packets whose memory is asked for at once: enough to cover the latency, few enough to be still cached when used."""

row = types.from_dtype
HEADERS, NOTES, CONNS, HALVES = row(HEADER)[::1], row(NOTE)[::1], row(CONN)[::1], row(HALF)[::1]
TROUBLES, HISTOGRAMS = row(TROUBLE)[::1], row(HISTOGRAM)[::1]
U1, U4, U8 = types.uint8[::1], types.uint32[::1], types.uint64[::1]
I4, I8 = types.int32[::1], types.int64[::1]


@kernel(inline=True, borrow=True)
def source_is_low(src_hi: Any, src_lo: Any, dst_hi: Any, dst_lo: Any, sport: Any, dport: Any) -> Any:
    """The order of the two ends in a key: by address, then by port."""
    if src_hi != dst_hi:
        return src_hi < dst_hi
    if src_lo != dst_lo:
        return src_lo < dst_lo
    return sport <= dport


@kernel(inline=True, borrow=True)
def timed_out(c: Any, a: Any, b: Any, ts: Any, timeouts: Any) -> Any:
    """Whether the connection had ended before `ts` for lack of packets."""
    silent = ts - c.last_ts
    if c.protocol == TCP:
        if states.is_closed(a, b):
            return silent > timeouts[LINGER]
        if a.state == SYN_SENT and b.state == INACTIVE:
            return silent > timeouts[TCP_ATTEMPT]
        return silent > timeouts[TCP_IDLE]
    return silent > (timeouts[UDP_IDLE] if c.protocol == UDP else timeouts[ICMP_IDLE])


@kernel(inline=True, borrow=True)
def end_connection(conn: Any, at: Any, ended: Any, counters: Any) -> None:
    """Put a connection on the list of those that have ended. Its row is given back when it has been collected."""
    c = conn[at]
    c.bits = c.bits | ENDED
    ended[counters[ENDED_ROWS]] = np.int32(at)
    counters[ENDED_ROWS] += 1
    counters[LIVE_ROWS] -= 1


@kernel(inline=True, borrow=True)
def starts_flipped(h: Any, sport: Any, dport: Any, server_ports: Any) -> Any:
    """Whether the first packet seen comes from the responder, told by well-known ports (Zeek's likely_server_ports).

    Not what goes to everybody (RFC 919): nobody has asked from that address.
    """
    if h.dst_hi == 0 and h.dst_lo == BROADCAST:
        return False
    if h.protocol == TCP:
        if h.tcp_flags & 2:
            return (h.tcp_flags & 16) != 0  # only responders send SYN-ACK
        if server_ports[sport] & 1:
            return server_ports[dport] & 1 == 0 or sport < dport
        return False
    if h.protocol == UDP:
        return server_ports[sport] & 2 != 0 and server_ports[dport] & 2 == 0
    return False


@kernel(inline=True, borrow=True)
def count_payload(e: Any, length: Any, trouble: Any, counters: Any) -> None:
    """UDP and ICMP payload bytes are counted where TCP keeps its sequence number."""
    new = np.uint32(e.next + np.uint32(length))
    if new < e.next:
        at = take_trouble(e, trouble, counters)
        if at >= 0:
            trouble[at].payload_high += np.uint32(1)
    e.next = new


@kernel(inline=True, borrow=True)
def icmp_ports(protocol: Any, kind: Any, code: Any) -> Any:
    """What stands for ports in an ICMP key: type, answering type and 0; type, code and 1 if none answers."""
    partner = np.int64(PARTNERS[0 if protocol == ICMP else 1, kind])
    if partner >= 0:
        return kind, partner, np.int64(0)
    return kind, code, np.int64(1)


@kernel(inline=True, borrow=True)
def find_quoted(conn: Any, table: Any, h: Any) -> Any:
    """The connection that an ICMP error is about, -1 if unknown."""
    sport, dport, way = np.int64(h.quoted_sport), np.int64(h.quoted_dport), np.int64(0)
    if h.quoted_protocol in (ICMP, ICMP6):
        sport, dport, way = icmp_ports(h.quoted_protocol, sport, dport)
    if source_is_low(h.quoted_src_hi, h.quoted_src_lo, h.quoted_dst_hi, h.quoted_dst_lo, sport, dport):
        ports = index.pack_ports(sport, dport, h.quoted_protocol, way)
        a, b, c, d = h.quoted_src_hi, h.quoted_src_lo, h.quoted_dst_hi, h.quoted_dst_lo
    else:
        ports = index.pack_ports(dport, sport, h.quoted_protocol, 2 * way)
        a, b, c, d = h.quoted_dst_hi, h.quoted_dst_lo, h.quoted_src_hi, h.quoted_src_lo
    at, _ = index.find(table, conn, index.hash_key(a, b, c, d, ports), a, b, c, d, ports)
    return at


@kernel(borrow=True)
def quote(h: Any, note: Any, conn: Any, half: Any, table: Any, timeouts: Any) -> Any:
    """Tell the connection that an ICMP error is about: UNREACHABLE if it is known and can be reached no more, else 0."""
    if not (
        (h.protocol == ICMP and h.icmp_type == 3 and h.icmp_code != 4) or (h.protocol == ICMP6 and h.icmp_type == 1)
    ):
        return np.int64(0)
    about = find_quoted(conn, table, h)
    if about < 0 or timed_out(conn[about], half[2 * about], half[2 * about + 1], h.ts, timeouts):
        return np.int64(0)
    q = conn[about]
    q.bits = q.bits | GOT_UNREACHABLE
    note.missed = np.uint32(about)
    if q.protocol == TCP and half[2 * about].state == SYN_SENT and half[2 * about + 1].state == INACTIVE:
        note.reply_to = q.first_ts
    return np.int64(UNREACHABLE)


@kernel(inline=True, borrow=True)
def key_ports(h: Any) -> Any:
    """(source port, destination port, way) of a key: for ICMP type, and answering type or code; way 1 is one-way."""
    protocol = h.protocol
    if protocol in (ICMP, ICMP6):
        return icmp_ports(protocol, np.int64(h.icmp_type), np.int64(h.icmp_code))
    return np.int64(h.sport), np.int64(h.dport), np.int64(0)


@kernel(inline=True, borrow=True)
def canonical(h: Any, sport: Any, dport: Any, way: Any) -> Any:
    """(source is the lower end, lower address, higher address, packed ports): the same for both directions."""
    low = source_is_low(h.src_hi, h.src_lo, h.dst_hi, h.dst_lo, sport, dport)
    if low:
        return low, h.src_hi, h.src_lo, h.dst_hi, h.dst_lo, index.pack_ports(sport, dport, h.protocol, way)
    return low, h.dst_hi, h.dst_lo, h.src_hi, h.src_lo, index.pack_ports(dport, sport, h.protocol, 2 * way)


@kernel(borrow=True)
def fetch_ahead(headers: Any, start: Any, stop: Any, hashes: Any, conn: Any, half: Any, table: Any) -> None:
    """Hash the keys of headers[start:stop] into `hashes`, and ask for the memory that they will need.

    The look-ups of a packet depend on each other (index, then connection and directions) and each is a cache miss in a large
    table; done for a block of packets at once they overlap. Not so for the side tables: to ask for their rows one has to wait
    for the directions, which costs more than it saves.
    """
    mask = np.uint64(len(table) - 1)
    for i in range(start, stop):
        h = headers[i]
        sport, dport, way = key_ports(h)
        _, a_hi, a_lo, b_hi, b_lo, ports = canonical(h, sport, dport, way)
        hashed = index.hash_key(a_hi, a_lo, b_hi, b_lo, ports)
        hashes[i - start] = hashed
        prefetch(table, np.int64(hashed & mask), 0)
    for i in range(start, stop):
        hashed = hashes[i - start]
        place = np.int64(hashed & mask)
        tag = np.uint32(hashed >> np.uint64(56))
        for _ in range(8):
            entry = table[place]
            if entry == 0:
                break
            if np.uint32(entry >> np.uint32(24)) == tag:
                row = np.int64(entry & index.ROW_MASK) - 1
                prefetch(conn, row, 0)
                prefetch(conn, row, 64)
                prefetch(half, 2 * row, 0)
                prefetch(half, 2 * row, 64)
                prefetch(half, 2 * row, 128)
                prefetch(half, 2 * row, 156)  # the end of the two rows may be on a fourth line
                break
            place = (place + 1) & np.int64(mask)


@kernel(
    types.int64(HEADERS, types.int64, types.int64, NOTES, CONNS, HALVES, TROUBLES, HISTOGRAMS, U4, I4, I8, I8, U1, U8),
    borrow=True,
)
def track(
    headers: Any,
    start: Any,
    stop: Any,
    notes: Any,
    conn: Any,
    half: Any,
    trouble: Any,
    histogram: Any,
    table: Any,
    ended: Any,
    counters: Any,
    timeouts: Any,
    server_ports: Any,
    hashes: Any,
) -> Any:
    """Account headers[start:stop] and write their notes. Returns where it stopped: before `stop` if no row was free.

    `hashes` is scratch room for BLOCK numbers.
    """
    for i in range(start, stop):
        if (i - start) % BLOCK == 0:
            fetch_ahead(headers, i, min(i + BLOCK, stop), hashes, conn, half, table)
        h = headers[i]
        note = notes[i]
        note.reply_to = 0
        note.slot = -1
        note.events = 0
        note.rtt = 0
        note.flight = 0
        note.acked = 0
        note.missed = 0
        note.age = 0
        note.spurious = 0
        note.pad = 0
        if h.present & QUOTED_ONLY:
            note.events = quote(h, note, conn, half, table, timeouts)
            continue
        protocol = h.protocol
        if protocol == TCP:
            if not h.present & TCP_HEADER:
                counters[CUT_TCP] += 1
                continue
        elif (protocol != UDP or not h.present & PORTS) and protocol != ICMP and protocol != ICMP6:
            counters[OTHER_PROTOCOL] += 1
            continue
        sport, dport, way = key_ports(h)
        low, a_hi, a_lo, b_hi, b_lo, ports = canonical(h, sport, dport, way)
        hashed = hashes[(i - start) % BLOCK]
        at, place = index.find(table, conn, hashed, a_hi, a_lo, b_hi, b_lo, ports)

        known = at >= 0
        if known:
            side = 0 if low == ((conn[at].bits & ORIGINATOR_LOW) != 0) else 1
            over = timed_out(conn[at], half[2 * at], half[2 * at + 1], h.ts, timeouts)
            if over or (protocol == TCP and tcp.is_reuse(half[2 * at], half[2 * at + 1], h, side)):
                known = False
        if not known:
            new = counters[FREE_ROW] - 1
            if new >= 0:
                counters[FREE_ROW] = conn[new].first_ts
            elif counters[TOP_ROW] < len(conn):
                new = counters[TOP_ROW]
                counters[TOP_ROW] += 1
            else:
                return i
            if at >= 0:
                end_connection(conn, at, ended, counters)
            table[place] = index.entry_for(hashed, new)
            at = new
            counters[LIVE_ROWS] += 1
            if protocol == TCP:
                counters[NEW_TCP] += 1
            elif protocol == UDP:
                counters[NEW_UDP] += 1
            else:
                counters[NEW_ICMP] += 1
            fresh = conn[at]
            fresh.low_hi, fresh.low_lo, fresh.high_hi, fresh.high_lo = a_hi, a_lo, b_hi, b_lo
            fresh.low_port = sport if low else dport
            fresh.high_port = dport if low else sport
            fresh.protocol = protocol
            fresh.way = way if low else 2 * way
            fresh.first_ts = h.ts
            fresh.last_ts = h.ts
            fresh.history = 0
            fresh.history_more = 0
            fresh.idle = 0
            fresh.handshake = 0
            fresh.seen = 0
            fresh.letters = 0
            flipped = starts_flipped(h, sport, dport, server_ports)
            bits = LIVE
            if low != flipped:
                bits |= ORIGINATOR_LOW
            side = 0
            if flipped:
                bits |= FLIPPED
                side = 1
                history.add(fresh, history.FLIP, 0)
            fresh.bits = bits
            blank = len(half) - 1  # never used: all zero
            half[2 * at] = half[blank]
            half[2 * at + 1] = half[blank]
            note.events = NEW

        c = conn[at]
        note.slot = np.int32(at)
        age = (h.ts - c.first_ts) // 1_000_000
        note.age = min(max(age, np.int64(0)), np.int64(0xFFFFFFFF))
        events = np.int64(note.events)
        if protocol == TCP:
            was_closed = (half[2 * at].bits & half[2 * at + 1].bits & DID_CLOSE) != 0
            events |= tcp.packet(c, at, side, h, half, trouble, histogram, counters, note)
            if states.is_closed(half[2 * at], half[2 * at + 1]):
                events |= CLOSED
        else:
            was_closed = False
            e = half[2 * at + side]
            count_payload(e, np.int64(h.payload_length), trouble, counters)
            if protocol == UDP:
                history.packet(c, e, side, np.uint16(0), np.uint32(0), np.int64(1))
        e = half[2 * at + side]
        e.packets += 1
        total = np.uint32(e.ip_bytes + h.ip_length)
        if total < e.ip_bytes:
            carry = take_trouble(e, trouble, counters)
            if carry >= 0:
                trouble[carry].ip_bytes_high += np.uint32(1)
        e.ip_bytes = total
        if side == 1:
            events |= FROM_RESPONDER
        if half[2 * at + 1 - side].packets:
            if not c.bits & BOTH_WAYS:
                c.bits = c.bits | BOTH_WAYS
                if protocol == UDP:
                    events |= ESTABLISHED
        else:
            events |= ONE_SIDED
        if not was_closed:
            silent = (h.ts - c.last_ts) // 1_000_000
            if silent > np.int64(c.idle):
                c.idle = min(silent, np.int64(0xFFFFFFFF))
            c.last_ts = max(c.last_ts, h.ts)
        if h.present & COPY:
            events |= COPIED
        if h.present & QUOTED:
            events |= quote(h, note, conn, half, table, timeouts)
        note.events = events
    return stop
