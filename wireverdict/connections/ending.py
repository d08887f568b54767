"""Ending connections that no packet ends: those silent for too long, those that have to make room, all at the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections import index
from wireverdict.connections.layout import ENDED, LIVE
from wireverdict.connections.pools import TOP_ROW
from wireverdict.connections.track import CONNS, HALVES, I4, I8, U4, end_connection, timed_out
from wireverdict.kernels import kernel, types


@kernel(types.void(types.int64, CONNS, HALVES, U4, I4, I8, I8), borrow=True)
def sweep(now: Any, conn: Any, half: Any, table: Any, ended: Any, counters: Any, timeouts: Any) -> None:
    """End every connection that has been silent for its time-out at `now` (ns), in order of rows."""
    shortest = timeouts[0]
    for k in range(1, len(timeouts)):
        shortest = min(shortest, timeouts[k])
    for at in range(counters[TOP_ROW]):
        c = conn[at]
        if not c.bits & LIVE or c.bits & ENDED or now - c.last_ts <= shortest:
            continue  # nearly all: their halves need no look
        if timed_out(c, half[2 * at], half[2 * at + 1], now, timeouts):
            index.remove(table, conn, at)
            end_connection(conn, at, ended, counters)


@kernel(types.void(I8, CONNS, U4, I4, I8), borrow=True)
def end_rows(rows: Any, conn: Any, table: Any, ended: Any, counters: Any) -> None:
    """End the connections of the given rows."""
    for k in range(len(rows)):
        index.remove(table, conn, rows[k])
        end_connection(conn, rows[k], ended, counters)


@kernel(types.int64(types.int64, types.int64, CONNS, U4, I4, I8), borrow=True)
def end_live(start: Any, most: Any, conn: Any, table: Any, ended: Any, counters: Any) -> Any:
    """End the first `most` live connections from row `start` on, in order of rows; the row after the last one looked at."""
    many = np.int64(0)
    for at in range(start, counters[TOP_ROW]):
        if many == most:
            return np.int64(at)
        c = conn[at]
        if c.bits & LIVE and not c.bits & ENDED:
            index.remove(table, conn, at)
            end_connection(conn, at, ended, counters)
            many += 1
    return np.int64(counters[TOP_ROW])
