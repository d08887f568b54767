"""The tracker: a connection table and the order in which it is driven."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.connections import ending, finish, pools, restore, track
from wireverdict.connections.flags import fill_flags
from wireverdict.connections.index import MAX_ROWS
from wireverdict.connections.layout import CONN, ENDED, HALF, HISTOGRAM, INACTIVE, LIVE, SYN_SENT, TROUBLE
from wireverdict.connections.notes import NOTE
from wireverdict.headers import TCP
from wireverdict.memory import Memory
from wireverdict.records import CONNECTION

SECOND = 1_000_000_000

SERVER_TCP = (
    *(20, 21, 22, 23, 25, 43, 53, 79, 80, 81, 88, 102, 110, 111, 113, 119, 135, 139, 143, 179, 389, 443, 445, 465, 502),
    *(514, 524, 554, 563, 585, 587, 593, 614, 631, 636, 853, 989, 990, 992, 993, 995, 1080, 1433, 1521, 1883, 2049),
    *(2404, 2811, 3128, 3268, 3306, 3389, 4505, 5060, 5061, 5222, 5223, 5269, 5432, 5671, 5672, 5900, 5985, 5986, 6379),
    *(6666, 6667, 6668, 6669, 8000, 8008, 8080, 8081, 8443, 8883, 8888, 9092, 9200, 9418, 11211, 20000, 27017),
)
"""TCP ports that mark the responder where no SYN was seen."""
SERVER_UDP = (
    *(53, 67, 69, 88, 111, 123, 137, 138, 161, 162, 389, 443, 500, 514, 853, 1194, 1701, 1812, 1813, 2049, 2123),
    *(2152, 3389, 3478, 3544, 4011, 4500, 4754, 4789, 5060, 5072, 5353, 5355, 6081, 6343, 11211, 20000, 47808, 51820),
)
"""UDP ports that mark the responder where its packet comes first."""


FIRST_CELLS = 1 << 14
"""Cells of an index that has never held more than a quarter of that: a worker has thousands of mostly idle trackers, and a
hashed index touches all its pages soon."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds and time-outs of connection tracking."""

    max_connections: int = 1 << 20  # rows of 248 bytes; beyond that half-open connections go first
    max_troubled: int = 1 << 18  # directions with loss, reordering or zero windows followed at once; 288 bytes each
    max_histograms: int = 1 << 17  # directions with more than three round-trip samples; 872 bytes each
    tcp_idle: float = (
        300.0  # s without a packet until an open connection counts as over (Zeek's tcp_inactivity_timeout)
    )
    tcp_attempt: float = 75.0  # s after the last SYN: longer than Linux waits between its first five retries
    tcp_linger: float = 5.0  # s for late packets after the close (Zeek's tcp_close_delay)
    udp_idle: float = 60.0  # s (Zeek's udp_inactivity_timeout)
    icmp_idle: float = 60.0  # s (Zeek's icmp_inactivity_timeout)
    report_open: float = 0.0  # s between reports of a connection that is still open; 0: only when it ends


@cache
def _server_ports() -> NDArray[np.uint8]:
    """By port: 1 for SERVER_TCP, 2 for SERVER_UDP. One for all trackers; nobody writes to it."""
    ports = np.zeros(1 << 16, np.uint8)
    ports[list(SERVER_TCP)] |= 1
    ports[list(SERVER_UDP)] |= 2
    return ports


class Tracker:
    """Connections in order of packets. Nothing here looks at a clock: packets' timestamps are the time.

    Rows of ended connections are kept until `drain`; they can be looked at until then (judges of other rooms do).
    """

    def __init__(self, settings: Settings, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        if not 1 <= settings.max_connections <= MAX_ROWS:
            raise ValueError(f"max_connections must be 1 to {MAX_ROWS:,}, not {settings.max_connections:,}")
        rows = settings.max_connections
        self.settings = settings
        self.conn = memory.zeros(rows, CONN)
        self.half = memory.zeros(2 * rows + 1, HALF)  # one spare row: see track
        self.trouble = memory.zeros(settings.max_troubled + 1, TROUBLE)
        self.histogram = memory.zeros(settings.max_histograms, HISTOGRAM)
        self._most_cells = 1 << max(4, (2 * rows - 1).bit_length())
        self.table = np.zeros(min(FIRST_CELLS, self._most_cells), np.uint32)
        self.ended = memory.zeros(rows, np.int32)
        self.counters = np.zeros(pools.COUNTERS, np.int64)
        self.evicted_half_open = 0
        self.evicted_others = 0
        limits = (settings.tcp_idle, settings.tcp_attempt, settings.tcp_linger, settings.udp_idle, settings.icmp_idle)
        self.timeouts = np.array([round(limit * SECOND) for limit in limits], np.int64)
        self.server_ports = _server_ports()
        self.notes = np.zeros(0, NOTE)
        self._hashes = np.zeros(track.BLOCK, np.uint64)
        self._finished = 0

    def track(self, rows: NDArray[np.void], start: int, stop: int) -> int:
        """Account rows[start:stop] (HEADER); their notes are `self.notes[start:stop]` until the next batch.

        Returns where it stopped. That is before `stop` when the table is full: drain what has ended (`ended_rows`), call
        `make_room` and go on.
        """
        if len(self.notes) < len(rows):
            self.notes = np.zeros(len(rows), NOTE)
        while start < stop:
            part = min(stop, start + self._room())
            done = self._track(rows, start, part)
            if done < part:
                return done
            start = part
        return stop

    def _room(self) -> int:
        """How many new connections the index takes before it is half full; it grows if these would be few."""
        if len(self.table) < self._most_cells and 4 * self.live > len(self.table):
            self.rebuild_index()
        return len(self.table) if len(self.table) == self._most_cells else len(self.table) // 2 - self.live

    def rebuild_index(self) -> int:
        """Make the index anew, large enough for the rows that there are; how many it holds."""
        cells = len(self.table)
        while cells < self._most_cells and 4 * self.live > cells:
            cells *= 2
        self.table = np.zeros(cells, np.uint32)
        return int(restore.rebuild(self.conn, self.counters, self.table))

    def _track(self, rows: NDArray[np.void], start: int, stop: int) -> int:
        return int(
            track.track(
                rows,
                start,
                stop,
                self.notes,
                self.conn,
                self.half,
                self.trouble,
                self.histogram,
                self.table,
                self.ended,
                self.counters,
                self.timeouts,
                self.server_ports,
                self._hashes,
            )
        )

    def sweep(self, now: int) -> None:
        """End all connections that have timed out by packet time `now` (ns)."""
        ending.sweep(now, self.conn, self.half, self.table, self.ended, self.counters, self.timeouts)

    def make_room(self) -> None:
        """End the oldest sixteenth of the table, half-open connections first."""
        top = int(self.counters[pools.TOP_ROW])
        conn, half = self.conn[:top], self.half[: 2 * top]
        live = (conn["bits"] & (LIVE | ENDED)) == LIVE
        half_open = (
            live & (conn["protocol"] == TCP) & (half["state"][0::2] == SYN_SENT) & (half["state"][1::2] == INACTIVE)
        )
        wanted = max(1, len(self.conn) // 16)
        candidates = np.flatnonzero(half_open)
        if len(candidates):
            self.evicted_half_open += min(wanted, len(candidates))
        else:
            candidates = np.flatnonzero(live)
            self.evicted_others += min(wanted, len(candidates))
        oldest = candidates[np.argsort(conn["last_ts"][candidates], kind="stable")[:wanted]]
        ending.end_rows(np.sort(oldest).astype(np.int64), self.conn, self.table, self.ended, self.counters)

    def finish(self, most: int | None = None) -> bool:
        """The capture is over: end all connections, or the first `most` in order of rows. Whether any ended.

        In parts (drain after each), so that a million records need not be in memory at once.
        """
        before = int(self.counters[pools.ENDED_ROWS])
        most = len(self.conn) if most is None else most
        for start in dict.fromkeys((self._finished, 0)):  # where the last part stopped; rows before are free, as a rule
            self._finished = ending.end_live(start, most, self.conn, self.table, self.ended, self.counters)
            if self.counters[pools.ENDED_ROWS] > before:
                return True
        return False

    @property
    def ended_rows(self) -> NDArray[np.int32]:
        """Rows of connections that have ended and not been drained, in the order in which they ended."""
        return self.ended[: int(self.counters[pools.ENDED_ROWS])]

    def records(self, rows: NDArray[np.int32], *, final: bool = True) -> NDArray[np.void]:
        """CONNECTION records of table rows, in their order."""
        records = np.zeros(len(rows), CONNECTION)
        bits, answers = np.zeros(len(rows), np.uint16), np.zeros(len(rows), np.uint8)
        finish.make_records(
            rows,
            len(rows),
            self.conn,
            self.half,
            self.trouble,
            self.histogram,
            records,
            np.uint8(final),
            bits,
            answers,
        )
        fill_flags(records, bits, answers)
        return records

    def open_rows(self, older_than: int) -> NDArray[np.int32]:
        """Rows of connections that are open and began before `older_than` (ns)."""
        top = int(self.counters[pools.TOP_ROW])
        conn = self.conn[:top]
        return np.flatnonzero(((conn["bits"] & (LIVE | ENDED)) == LIVE) & (conn["first_ts"] < older_than)).astype(
            np.int32
        )

    def drain(self) -> NDArray[np.void]:
        """Records of the connections that have ended; their rows are free afterwards."""
        rows = self.ended_rows
        records = self.records(rows)
        finish.release(rows, len(rows), self.conn, self.half, self.trouble, self.histogram, self.counters)
        self.counters[pools.ENDED_ROWS] = 0
        return records

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`: what is used of it, to be packed before it changes."""
        return restore.dump(self)

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh tracker. Raises ValueError."""
        restore.load(self, state)

    @property
    def live(self) -> int:
        """Connections in the table, those that have ended and not been drained included."""
        return int(self.counters[pools.LIVE_ROWS] + self.counters[pools.ENDED_ROWS])

    @property
    def counts(self) -> dict[str, int]:
        """What was tracked and what had no room, for the summary."""
        c = self.counters
        named: dict[str, Any] = {
            "tcp": c[pools.NEW_TCP],
            "udp": c[pools.NEW_UDP],
            "icmp": c[pools.NEW_ICMP],
            "live": c[pools.LIVE_ROWS],
            "evicted_half_open": self.evicted_half_open,
            "evicted_others": self.evicted_others,
            "tcp_header_cut": c[pools.CUT_TCP],
            "other_protocol": c[pools.OTHER_PROTOCOL],
            "trouble_rows_full": c[pools.FULL_TROUBLE],
            "histogram_rows_full": c[pools.FULL_HISTOGRAM],
            "holes_forgotten": c[pools.HOLES_FORGOTTEN],
        }
        return {name: int(value) for name, value in named.items()}
