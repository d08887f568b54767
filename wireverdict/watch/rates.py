"""Packets and bytes by second of packet time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000_000
KEPT = 256
"""Seconds that are remembered."""
RUNS = 4 * KEPT
"""Runs of packets within a second that are looked at in a batch, the last ones: times may go to and fro."""
OVER = 5
"""Seconds over which a rate is told."""


class Rates:
    """Counts of the last KEPT seconds, and totals. A batch within one second costs two looks at it."""

    def __init__(self) -> None:
        self.packets = self.octets = 0
        self.first = self.last = 0  # ns: of the first packet, and the greatest time so far
        self._counts = np.zeros((KEPT, 2), np.int64)
        self._second = 0  # the newest second that has a place

    def add(self, ts: NDArray[np.int64], lengths: NDArray[np.uint32]) -> None:
        """Take up packets: times in ns, bytes on the wire."""
        if not len(ts):
            return
        octets = int(lengths.sum(dtype=np.int64))
        low, high = int(ts[0]), int(ts[-1])
        if not self.packets:
            self.first, self._second = low, low // SECOND
        self.packets += len(ts)
        self.octets += octets
        if low // SECOND == high // SECOND:  # the packets between are close to that as well
            self._book(low // SECOND, len(ts), octets)
        else:
            seconds = ts // SECOND
            starts = np.concatenate([[0], np.flatnonzero(np.diff(seconds)) + 1])  # of runs within a second
            many = np.diff(starts, append=len(ts))
            sizes = np.add.reduceat(lengths, starts, dtype=np.int64)
            runs = [column[-RUNS:].tolist() for column in (seconds[starts], many, sizes)]
            for second, packets, size in zip(*runs, strict=True):
                self._book(second, packets, size)
        self.last = max(self.last, high)

    def until(self, now: int) -> None:
        """Packet time has come to `now` (ns) without packets."""
        if self.packets:
            self.last = max(self.last, now)
            self._reach(self.last // SECOND)

    def history(self, seconds: int) -> list[int]:
        """Packets in each of the last `seconds` seconds that are over, oldest first."""
        wanted = np.arange(self._second - min(seconds, KEPT - 1), self._second)
        return [int(many) for many in self._counts[wanted % KEPT, 0]]

    @property
    def rate(self) -> tuple[float, float]:
        """Packets and bits per second over the last OVER seconds (less at the start)."""
        begin = max(self.first, self.last - OVER * SECOND)
        taken = np.arange(max(begin // SECOND, self._second - KEPT + 1), self._second + 1)
        span = max(self.last - max(begin // SECOND * SECOND, self.first), SECOND // 10)
        packets, octets = self._counts[taken % KEPT].sum(axis=0).tolist() if self.packets else (0, 0)
        return packets * SECOND / span, 8 * octets * SECOND / span

    def _book(self, second: int, many: int, octets: int) -> None:
        self._reach(second)
        if second > self._second - KEPT:
            self._counts[second % KEPT] += (many, octets)

    def _reach(self, second: int) -> None:
        if second > self._second:
            self._counts[np.arange(max(self._second + 1, second - KEPT + 1), second + 1) % KEPT] = 0
            self._second = second
