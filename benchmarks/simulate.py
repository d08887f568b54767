"""From a plan to packets: a small TCP and DNS model whose every loss, repeat and swap is decided, and therefore known, here.

The sender works in rounds of one RTT. What goes wrong is chosen so that the right count at the capture point is beyond
dispute: a segment lost after the capture point is seen twice; one lost before it leaves a hole that is filled at least
0.6 RTT later by a segment with a newer timestamp; a swapped one comes within a few per cent of the RTT behind its
successor, with its original timestamp.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.plan import (
    FLOOD,
    LATE,
    LEFT_OPEN,
    LIVE,
    ORPHAN,
    REFUSED,
    RESET_BY_CLIENT,
    RESET_BY_SERVER,
    UDP,
    UNANSWERED,
    UNREACHED,
)

EVENT = np.dtype(
    [
        ("ts", "<i8"),  # ns at the capture point
        ("conn", "<i4"),
        ("seq", "<u4"),  # relative to the sender's ISN; DNS: transaction id
        ("ack", "<u4"),  # relative to the peer's ISN
        ("tsval", "<u4"),
        ("tsecr", "<u4"),
        ("sack_left", "<u4"),  # relative to the peer's ISN; both 0 for none
        ("sack_right", "<u4"),
        ("length", "<u2"),  # payload
        ("window", "<u2"),
        ("flags", "u1"),
        ("server", "u1"),  # 1 if sent by the server
    ],
    align=True,
)

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MOST = 4096  # segments of one response
ROUND = 48  # most segments in a round
MS = 1_000_000
WINDOW = 501
LATE_BY = 6_000 * MS  # later than any time-out in use


@numba.njit(cache=True)
def dice(state: Any) -> float:
    """The next number in [0, 1) (splitmix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) / 9007199254740992.0


@numba.njit(cache=True)
def tick_of(base: int, c: Any, moment: int) -> int:
    """TSval of a host whose clock showed `base` when the connection began: milliseconds."""
    return (np.int64(base) + (moment - c.start) // MS) & 0xFFFFFFFF


@numba.njit(cache=True)
def header_bytes(c: Any, flags: int, sack: bool) -> int:
    """IP and TCP header of a segment."""
    options = 12 if c.timestamps else 0
    if flags & SYN:
        options = 20  # MSS, SACK permitted, timestamps (or padding), window scale
    if sack:
        options += 12
    return (40 if c.ipv6 else 20) + 20 + options


@numba.njit(cache=True)
def emit(
    out: Any, n: int, c: Any, conn: int, sent: int, server: int, flags: int, seq: int, ack: int, length: int,
    window: int, echo: int, sack_left: int, sack_right: int, extra: int,
) -> int:
    """Write one TCP packet that left its sender at `sent` (ns) and passed the capture point `extra` ns late."""
    half = c.rtt // 2
    e = out[n]
    e.ts = sent + extra + np.int64(half * ((1.0 - c.place) if server else c.place))
    e.conn = conn
    e.seq = np.uint32(seq)
    e.ack = np.uint32(ack)
    e.length = length
    e.window = window
    e.flags = flags
    e.server = server
    if c.timestamps:
        e.tsval = tick_of(c.tick_server if server else c.tick_client, c, sent)
        e.tsecr = echo
    else:
        e.tsval = 0
        e.tsecr = 0
    e.sack_left = np.uint32(sack_left)
    e.sack_right = np.uint32(sack_right)
    size = np.uint64(header_bytes(c, flags, sack_right != 0) + length)
    if server:
        c.server.packets += np.uint32(1)
        c.server.bytes += size
        c.server.payload += np.uint64(length)
    else:
        c.client.packets += np.uint32(1)
        c.client.bytes += size
        c.client.payload += np.uint64(length)
    c.first = min(c.first, e.ts) if c.first else e.ts
    c.last = max(c.last, e.ts)
    return n + 1


@numba.njit(cache=True)
def response(
    out: Any, n: int, c: Any, conn: int, random: Any, work: Any, start: int, base: int, client_next: int, count: int,
    last_length: int, last_tick: int, ts_recent: int,
) -> Any:
    """`count` segments from the server, first byte at `base`.

    `last_tick`: the client's newest timestamp at the server; `ts_recent`: the server's at the client. Gives (events, time at
    the server when all is acknowledged, last_tick, time of the client's last packet, ts_recent). `work`: scratch arrays.
    """
    got, todo, again, arrival, segment, ticks = work
    got[:count] = 0
    half = c.rtt // 2
    gap = min(np.int64(120_000), c.rtt // 120)
    fresh = 0
    pending = 0
    cwnd = 10
    expected = 0  # receiver: next segment wanted
    highest = -1
    acked = 0  # receiver: segments acknowledged
    unacked = 0  # receiver: arrivals since the last ACK
    due = np.int64(0)  # receiver: when the delayed ACK goes out
    now = start
    client_sent = start
    loss_rate, swap_rate = (0.03, 0.01) if c.lossy else (0.0, 0.0)

    while fresh < count or pending:
        # what goes out in this round: repeats first
        sending = 0
        for k in range(pending):
            todo[sending] = again[k]
            sending += 1
        repeats = pending
        while fresh < count and sending < cwnd:
            todo[sending] = fresh
            fresh += 1
            sending += 1
        pending = 0
        arrived = 0
        clean = repeats == 0
        swapped = False
        for j in range(sending):
            s = todo[j]
            sent = now + j * gap
            length = last_length if s == count - 1 else c.mss
            flags = ACK | (PSH if s == count - 1 else 0)
            luck = dice(random)
            extra = np.int64(0)
            visible = True
            reaches = True
            if swapped:
                swapped = False  # the one that overtakes
            elif j < repeats:
                reaches = luck >= 0.05 if c.lossy else True
            elif luck < loss_rate:
                reaches = False
                visible = j == sending - 1 or luck < loss_rate / 2
            elif luck < loss_rate + swap_rate and j < sending - 1:
                extra = gap + gap // 3
                swapped = True
                c.server.out_of_order += np.uint32(1)
                clean = False
            if visible:
                n = emit(out, n, c, conn, sent, 1, flags, base + s * c.mss, client_next, length, WINDOW, last_tick, 0, 0, extra)
            if j < repeats:
                c.server.retransmissions += np.uint32(1)
                c.server.retransmitted_bytes += np.uint64(length)
            if reaches:
                arrival[arrived] = sent + half + extra
                segment[arrived] = s
                ticks[arrived] = tick_of(c.tick_server, c, sent)
                if arrived and arrival[arrived] < arrival[arrived - 1]:  # overtakes the one before
                    for row in (arrival, segment, ticks):
                        row[arrived], row[arrived - 1] = row[arrived - 1], row[arrived]
                arrived += 1
            else:
                again[pending] = s
                pending += 1
                clean = False
        if clean and c.lossy and dice(random) < 0.02 and sending > 1:
            # a repeat that was not needed, on the heels of the round: the receiver reports it (DSACK)
            s = todo[0]
            n = emit(out, n, c, conn, now + sending * gap, 1, ACK, base + s * c.mss, client_next,
                     last_length if s == count - 1 else c.mss, WINDOW, last_tick, 0, 0, 0)
            c.server.retransmissions += np.uint32(1)
            c.server.retransmitted_bytes += np.uint64(last_length if s == count - 1 else c.mss)
            c.server.spurious += np.uint32(1)
            arrival[arrived] = now + sending * gap + half
            segment[arrived] = s
            ticks[arrived] = tick_of(c.tick_server, c, now + sending * gap)
            arrived += 1
        # the receiver
        for k in range(arrived):
            s = segment[k]
            at = arrival[k]
            if due and due <= at:
                n = emit(out, n, c, conn, due, 0, ACK, client_next, end_of(c, base, expected, count, last_length), 0,
                         WINDOW, ts_recent, 0, 0, 0)
                acked, unacked, client_sent, due = expected, 0, due, np.int64(0)
            if s <= acked:
                ts_recent = ticks[k]  # RFC 7323, 4.3: only what touches the left edge
            left = right = 0
            at_once = True
            if s < expected or got[s]:
                left = base + s * c.mss
                right = end_of(c, base, s + 1, count, last_length)
            elif s > expected:
                got[s] = 1
                highest = max(highest, s)
                low = s
                while got[low - 1]:
                    low -= 1
                high = s + 1
                while high < count and got[high]:
                    high += 1
                left = base + low * c.mss
                right = end_of(c, base, high, count, last_length)
                if expected == acked:
                    c.client.duplicate_acks += np.uint32(1)
            else:
                got[s] = 1
                holes = highest > s
                while expected < count and got[expected]:
                    expected += 1
                unacked += 1
                at_once = holes or unacked >= 2
            if at_once:
                n = emit(out, n, c, conn, at + 1000, 0, ACK, client_next, end_of(c, base, expected, count, last_length), 0,
                         WINDOW, ts_recent, left, right, 0)
                acked, unacked, client_sent, due = expected, 0, at + 1000, np.int64(0)
            elif not due:
                due = at + 40 * MS
        if due:
            n = emit(out, n, c, conn, due, 0, ACK, client_next, end_of(c, base, expected, count, last_length), 0,
                     WINDOW, ts_recent, 0, 0, 0)
            acked, unacked, client_sent, due = expected, 0, due, np.int64(0)
        if arrived:
            now = max(client_sent + half, now + (sending - 1) * gap + c.rtt) + gap
            last_tick = tick_of(c.tick_client, c, client_sent)
        else:
            now += 200 * MS + 2 * c.rtt  # nothing came through: time-out
        cwnd = min(cwnd * 2, 40)
        if not pending and clean and dice(random) < 0.002 and fresh < count:
            # the application stops reading for a while
            end = end_of(c, base, expected, count, last_length)
            n = emit(out, n, c, conn, client_sent + MS, 0, ACK, client_next, end, 0, 0, ts_recent, 0, 0, 0)
            c.client.zero_windows += np.uint32(1)
            client_sent += MS + np.int64((100 + 800 * dice(random)) * MS)
            n = emit(out, n, c, conn, client_sent, 0, ACK, client_next, end, 0, WINDOW, ts_recent, 0, 0, 0)
            now = client_sent + half + gap
            last_tick = tick_of(c.tick_client, c, client_sent)
    return n, now, last_tick, client_sent, ts_recent


@numba.njit(cache=True)
def end_of(c: Any, base: int, segments: int, count: int, last_length: int) -> int:
    """Sequence number after so many segments of a response."""
    if segments == count:
        return base + (count - 1) * c.mss + last_length
    return base + segments * c.mss


@numba.njit(cache=True)
def tcp(out: Any, n: int, c: Any, conn: int, random: Any, work: Any) -> int:
    """All packets of one TCP connection; sequence numbers start at 0 with the SYN."""
    half = c.rtt // 2
    t = c.start
    n = emit(out, n, c, conn, t, 0, SYN, 0, 0, 0, 64240, 0, 0, 0, 0)
    if c.kind == FLOOD:
        return n
    if c.kind == UNREACHED:
        for wait in (1000, 3000):
            n = emit(out, n, c, conn, t + wait * MS, 0, SYN, 0, 0, 0, 64240, 0, 0, 0, 0)
            c.syn_retries += np.uint32(1)
        return n
    client_tick = np.int64(c.tick_client)
    if c.kind == REFUSED:
        return emit(out, n, c, conn, t + half, 1, RST | ACK, 0, 1, 0, 0, client_tick, 0, 0, 0)
    n = emit(out, n, c, conn, t + half, 1, SYN | ACK, 0, 1, 0, 65160, client_tick, 0, 0, 0)
    server_tick = tick_of(c.tick_server, c, t + half)
    t += c.rtt
    n = emit(out, n, c, conn, t, 0, ACK, 1, 1, 0, WINDOW, server_tick, 0, 0, 0)
    client_next = 1
    server_next = 1
    left = c.segments
    for request in range(c.requests):
        if request:  # the user thinks; some clients keep the connection alive meanwhile
            idle = np.int64(-np.log(1.0 - dice(random)) * 1000 * MS)
            if idle > 2 * c.rtt + 100 * MS and dice(random) < 0.1:
                n = emit(out, n, c, conn, t + idle // 3, 0, ACK, client_next - 1, server_next, 0, WINDOW, server_tick, 0, 0, 0)
                c.client.keep_alives += np.uint32(1)
                echo = tick_of(c.tick_client, c, t + idle // 3)
                n = emit(out, n, c, conn, t + idle // 3 + half, 1, ACK, server_next, client_next, 0, WINDOW, echo, 0, 0, 0)
                server_tick = tick_of(c.tick_server, c, t + idle // 3 + half)
            t += idle + 2 * c.rtt
        length = 120 + np.int64(600 * dice(random))
        n = emit(out, n, c, conn, t, 0, ACK | PSH, client_next, server_next, length, WINDOW, server_tick, 0, 0, 0)
        client_next += length
        client_tick = tick_of(c.tick_client, c, t)
        n = emit(out, n, c, conn, t + half, 1, ACK, server_next, client_next, 0, WINDOW, client_tick, 0, 0, 0)
        count = left if request == c.requests - 1 else min(left - (c.requests - 1 - request), left // 2 + 1)
        left -= count
        last_length = 1 + np.int64((c.mss - 1) * dice(random))
        thinking = np.int64((1 + 20 * dice(random)) * MS)
        n, done, client_tick, t, server_tick = response(
            out, n, c, conn, random, work, t + half + thinking, server_next, client_next, count, last_length,
            client_tick, server_tick,
        )
        server_next += (count - 1) * c.mss + last_length
        t = max(t, done - half) + 100_000
    if c.kind in (LIVE, LEFT_OPEN):
        return n
    if c.kind == RESET_BY_CLIENT:
        return emit(out, n, c, conn, t, 0, RST | ACK, client_next, server_next, 0, 0, server_tick, 0, 0, 0)
    if c.kind == RESET_BY_SERVER:
        return emit(out, n, c, conn, t + half, 1, RST | ACK, server_next, client_next, 0, 0, client_tick, 0, 0, 0)
    n = emit(out, n, c, conn, t + half, 1, FIN | ACK, server_next, client_next, 0, WINDOW, client_tick, 0, 0, 0)
    server_tick = tick_of(c.tick_server, c, t + half)
    t += c.rtt
    if dice(random) < 0.5:  # acknowledged first, closed later
        n = emit(out, n, c, conn, t, 0, ACK, client_next, server_next + 1, 0, WINDOW, server_tick, 0, 0, 0)
        t += MS
    n = emit(out, n, c, conn, t, 0, FIN | ACK, client_next, server_next + 1, 0, WINDOW, server_tick, 0, 0, 0)
    client_tick = tick_of(c.tick_client, c, t)
    return emit(out, n, c, conn, t + half, 1, ACK, server_next + 1, client_next + 1, 0, WINDOW, client_tick, 0, 0, 0)


@numba.njit(cache=True)
def datagram(out: Any, n: int, c: Any, conn: int, sent: int, server: int, number: int, length: int) -> int:
    """Write one DNS message."""
    e = out[n]
    e.ts = sent + np.int64((c.rtt // 2) * ((1.0 - c.place) if server else c.place))
    e.conn = conn
    e.seq = number
    e.length = length
    e.server = server
    size = np.uint64((40 if c.ipv6 else 20) + 8 + length)
    if server:
        c.server.packets += np.uint32(1)
        c.server.bytes += size
        c.server.payload += np.uint64(length)
    else:
        c.client.packets += np.uint32(1)
        c.client.bytes += size
        c.client.payload += np.uint64(length)
    c.first = min(c.first, e.ts) if c.first else e.ts
    c.last = max(c.last, e.ts)
    return n + 1


@numba.njit(cache=True)
def dns(out: Any, n: int, c: Any, conn: int) -> int:
    """A query and what comes of it. The question is always hXXXXXXXX.example.com (33 bytes with type and class)."""
    number = np.int64(c.random & np.uint64(0xFFFF))
    if c.kind != ORPHAN:
        n = datagram(out, n, c, conn, c.start, 0, number, 12 + 27)
    if c.kind == UNANSWERED:
        return n
    wait = LATE_BY if c.kind == LATE else 0
    return datagram(out, n, c, conn, c.start + c.rtt // 2 + wait, 1, number, 12 + 27 + 16)


@numba.njit(cache=True, nogil=True)
def simulate(rows: Any, first: int, out: Any) -> Any:
    """Simulate rows[first:] until `out` (EVENT rows) might not hold another connection; gives (next row, events)."""
    got = np.zeros(MOST + 1, np.uint8)
    todo = np.zeros(ROUND, np.int64)
    again = np.zeros(ROUND, np.int64)
    arrival = np.zeros(ROUND + 1, np.int64)
    segment = np.zeros(ROUND + 1, np.int64)
    ticks = np.zeros(ROUND + 1, np.int64)
    work = (got, todo, again, arrival, segment, ticks)
    random = np.zeros(1, np.uint64)
    n = 0
    while first < len(rows):
        c = rows[first]
        if n + 4 * np.int64(c.segments) + 200 > len(out):
            break
        if c.protocol == UDP:
            n = dns(out, n, c, first)
        else:
            random[0] = c.random
            n = tcp(out, n, c, first, random, work)
        first += 1
    return first, n


def events(rows: NDArray[np.void]) -> NDArray[np.void]:
    """All packets of the plan in order of capture time (EVENT); fills the truth columns of `rows`."""
    pieces: list[NDArray[np.void]] = []
    first = 0
    space = np.zeros(2_000_000, EVENT)
    while first < len(rows):
        first, n = simulate(rows, first, space)
        pieces.append(space[:n].copy())
    together = np.concatenate(pieces) if pieces else np.zeros(0, EVENT)
    del pieces, space
    return together[np.argsort(together["ts"], kind="stable")]
