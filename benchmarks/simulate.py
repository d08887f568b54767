"""From a plan to packets: a small TCP and DNS model whose every loss, repeat and swap is decided here, and so known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import ACK, EVENT, FIN, MS, PSH, RST, SYN, WINDOW, datagram, dice, emit, tick_of
from benchmarks.plan import (
    CONN,
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
from benchmarks.response import MOST, ROUND, response
from wireverdict.kernels import kernel, types

LATE_BY = 6_000 * MS  # later than any time-out in use


@kernel(borrow=True)
def tcp(out: Any, n: Any, c: Any, conn: Any, random: Any, work: Any) -> Any:
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
    client_next: Any = 1
    server_next: Any = 1
    left: Any = c.segments
    for request in range(c.requests):
        if request:  # the user thinks; some clients keep the connection alive meanwhile
            idle: Any = np.int64(-np.log(1.0 - dice(random)) * 1000 * MS)
            if idle > 2 * c.rtt + 100 * MS and dice(random) < 0.1:
                n = emit(
                    out,
                    n,
                    c,
                    conn,
                    t + idle // 3,
                    0,
                    ACK,
                    client_next - 1,
                    server_next,
                    0,
                    WINDOW,
                    server_tick,
                    0,
                    0,
                    0,
                )
                c.client.keep_alives += np.uint32(1)
                echo = tick_of(c.tick_client, c, t + idle // 3)
                n = emit(
                    out, n, c, conn, t + idle // 3 + half, 1, ACK, server_next, client_next, 0, WINDOW, echo, 0, 0, 0
                )
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
            out,
            n,
            c,
            conn,
            random,
            work,
            t + half + thinking,
            server_next,
            client_next,
            count,
            last_length,
            client_tick,
            server_tick,
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
    c.closed = c.last
    client_tick = tick_of(c.tick_client, c, t)
    return emit(out, n, c, conn, t + half, 1, ACK, server_next + 1, client_next + 1, 0, WINDOW, client_tick, 0, 0, 0)


@kernel(borrow=True)
def dns(out: Any, n: Any, c: Any, conn: Any) -> Any:
    """A query and what comes of it. The question is always hXXXXXXXX.example.com (33 bytes with type and class)."""
    number = np.int64(c.random & np.uint64(0xFFFF))
    if c.kind != ORPHAN:
        n = datagram(out, n, c, conn, c.start, 0, number, 12 + 27)
    if c.kind == UNANSWERED:
        return n
    wait = LATE_BY if c.kind == LATE else 0
    return datagram(out, n, c, conn, c.start + c.rtt // 2 + wait, 1, number, 12 + 27 + 16)


@kernel(
    types.UniTuple(types.int64, 2)(
        types.from_dtype(CONN)[::1],
        types.int64,
        types.from_dtype(EVENT)[::1],
        types.uint8[::1],
        types.int64[:, ::1],
        types.uint64[::1],
    ),
    borrow=True,
)
def simulate(rows: Any, first: Any, out: Any, got: Any, rounds: Any, random: Any) -> Any:
    """Simulate rows[first:] until `out` (EVENT rows) might not hold another connection; gives (next row, events).

    `got` uint8[MOST + 1], `rounds` int64[5, ROUND + 1] and `random` uint64[1] are room to work in.
    """
    work = (got, rounds[0], rounds[1], rounds[2], rounds[3], rounds[4])
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


def room() -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint64]]:
    """What `simulate` needs to work in."""
    return np.zeros(MOST + 1, np.uint8), np.zeros((5, ROUND + 1), np.int64), np.zeros(1, np.uint64)


def events(rows: NDArray[np.void]) -> NDArray[np.void]:
    """All packets of the plan in order of capture time (EVENT); fills the truth columns of `rows`."""
    pieces: list[NDArray[np.void]] = []
    first = 0
    space = np.zeros(2_000_000, EVENT)
    work = room()
    while first < len(rows):
        first, n = simulate(rows, first, space, *work)
        pieces.append(space[:n].copy())
    together = np.concatenate(pieces) if pieces else np.zeros(0, EVENT)
    del pieces, space
    return together[np.argsort(together["ts"], kind="stable")]
