"""A response: many segments from a server to a client, with everything that may happen to them on the way.

The sender works in rounds of one RTT. What goes wrong is chosen so that the right count at the capture point is beyond
dispute: a segment lost after the capture point is seen twice; one lost before it leaves a hole that is filled at least
0.6 RTT later by a segment with a newer timestamp; a swapped one comes within a few per cent of the RTT behind its
successor, with its original timestamp.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.events import ACK, MS, PSH, WINDOW, dice, emit, tick_of
from wireverdict.kernels import kernel

MOST = 4096  # segments of one response
ROUND = 48  # most segments in a round


@kernel(borrow=True)
def end_of(c: Any, base: Any, segments: Any, count: Any, last_length: Any) -> Any:
    """Sequence number after so many segments of a response."""
    if segments == count:
        return base + (count - 1) * c.mss + last_length
    return base + segments * c.mss


@kernel(borrow=True)
def response(
    out: Any,
    n: Any,
    c: Any,
    conn: Any,
    random: Any,
    work: Any,
    start: Any,
    base: Any,
    client_next: Any,
    count: Any,
    last_length: Any,
    last_tick: Any,
    ts_recent: Any,
) -> Any:
    """`count` segments from the server, first byte at `base`.

    `last_tick`: the client's newest timestamp at the server; `ts_recent`: the server's at the client. Gives (events,
    time at the server when all is acknowledged, last_tick, time of the client's last packet, ts_recent). `work`:
    scratch arrays.
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
                n = emit(
                    out,
                    n,
                    c,
                    conn,
                    sent,
                    1,
                    flags,
                    base + s * c.mss,
                    client_next,
                    length,
                    WINDOW,
                    last_tick,
                    0,
                    0,
                    extra,
                )
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
            n = emit(
                out,
                n,
                c,
                conn,
                now + sending * gap,
                1,
                ACK,
                base + s * c.mss,
                client_next,
                last_length if s == count - 1 else c.mss,
                WINDOW,
                last_tick,
                0,
                0,
                0,
            )
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
                n = emit(
                    out,
                    n,
                    c,
                    conn,
                    due,
                    0,
                    ACK,
                    client_next,
                    end_of(c, base, expected, count, last_length),
                    0,
                    WINDOW,
                    ts_recent,
                    0,
                    0,
                    0,
                )
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
                n = emit(
                    out,
                    n,
                    c,
                    conn,
                    at + 1000,
                    0,
                    ACK,
                    client_next,
                    end_of(c, base, expected, count, last_length),
                    0,
                    WINDOW,
                    ts_recent,
                    left,
                    right,
                    0,
                )
                acked, unacked, client_sent, due = expected, 0, at + 1000, np.int64(0)
            elif not due:
                due = at + 40 * MS
        if due:
            n = emit(
                out,
                n,
                c,
                conn,
                due,
                0,
                ACK,
                client_next,
                end_of(c, base, expected, count, last_length),
                0,
                WINDOW,
                ts_recent,
                0,
                0,
                0,
            )
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
