"""Header batches cut into messages, one sequence for each partition: a function of the headers alone.

However the headers arrive, the same messages come out: a message ends after `size` headers, and whenever the sensor's clock
goes into another `interval` of packet time. At such a moment each partition hears of the clock, with its headers or with a
tick. So whoever sends the same input again repeats the same sequence numbers with the same contents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from producers.dividing import arrange
from wireverdict.bus import Envelope, Kind
from wireverdict.codec.headers import decode_headers, encode_headers
from wireverdict.codec.packer import Packer
from wireverdict.headers import HeaderBatch

SIZE = 8_192
"""Headers in a message, at most. With twice as many there are fewer messages to make, and tables that leave the nearest caches:
over a wire at 500,000 packets a second it came to the same."""
INTERVAL = 1_000_000_000
"""ns of packet time after which every partition hears of the clock."""
LARGEST = 1_500_000
"""Bytes of a message; headers that need more (long question names) are sent in two."""
BEGINNING = -(1 << 62)

Divide = Callable[[NDArray[np.void], int], tuple[NDArray[np.void], NDArray[np.int64]]]
"""Rows (HEADER[n]) and the number of partitions to the rows that are to be sent and the partition of each; none if there is one
partition: wireverdict.partition.divided."""


class Message(NamedTuple):
    """What goes to the headers topic."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    rows: int = 0


class Batcher:
    """Cuts one sensor's headers into messages. `drops`, `capture`: called for each message; what was lost so far, by reason,
    and what else there is to say (Envelope)."""

    def __init__(
        self,
        sensor: str,
        run: str,
        partitions: int,
        divide: Divide,
        *,
        size: int = SIZE,
        interval: int = INTERVAL,
        drops: Callable[[], Mapping[str, int]] = dict,
        capture: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.sensor, self.run, self.partitions = sensor, run, partitions
        self.clock = BEGINNING
        self._divide, self._size, self._interval, self._drops = divide, size, interval, drops
        self._capture = capture
        self._sequences, self._before = [0] * partitions, [0] * partitions
        self._pending = Packer(size, partitions)
        self._share, self._sampling = 1.0, [1.0] * partitions  # now, and the least since each partition's last message

    def add(self, batch: HeaderBatch) -> Iterator[Message]:
        """Take up headers in order; the messages that are complete. What is needed of rows and names is copied."""
        self._sampled(batch.sampling)
        if not len(batch.rows):
            return
        (rows, numbers), at = self._divide(batch.rows, self.partitions), 0
        names = np.ascontiguousarray(batch.names)
        clocks, order = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        while at < len(rows):
            clock = max(self.clock, int(rows[at]["ts"]))
            interval = clock // self._interval
            if self.clock != BEGINNING and interval > self.clock // self._interval:
                yield from self.tell()
            ends = np.zeros(self.partitions, np.int64)
            at = arrange(rows, numbers, at, clock, (interval + 1) * self._interval, clocks, order, ends)
            if at < 0:
                raise ValueError(f"a partition that is not there; there are {self.partitions}")
            for partition, behind in self._pending.add(rows, names, order, ends, clocks):
                self.clock = int(clocks[order[behind - 1]])
                yield from self._headers(partition)
            self.clock = int(clocks[at - 1])

    def tell(self) -> Iterator[Message]:
        """Everything that waits, and a tick for each partition that has nothing waiting."""
        for partition in range(self.partitions):
            if self._pending.count(partition):
                yield from self._headers(partition)
            else:
                yield self._message(partition, Kind.TICK)

    def tick(self, clock: int) -> Iterator[Message]:
        """Time goes by without packets: nothing older than `clock` (ns) will follow. What waits goes out as soon as that is in
        another `interval`. For sources that run by the wall clock; a file says the same each time that it is read."""
        if clock // self._interval > self.clock // self._interval and self.clock != BEGINNING:
            self.clock = clock
            yield from self.tell()

    def end(self) -> Iterator[Message]:
        """The input is over: what waits, then END for each partition. Nothing at all where nothing came: without a packet there
        is no time at which a reader could put the end."""
        if self.clock == BEGINNING:
            return
        for partition in range(self.partitions):
            if self._pending.count(partition):
                yield from self._headers(partition)
            yield self._message(partition, Kind.END)

    def _sampled(self, share: float) -> None:
        if share != self._share:
            self._sampling = [min(before, share) for before in self._sampling]
            self._share = share

    def _headers(self, partition: int) -> Iterator[Message]:
        """What waits for a partition, as one message or, if that would be too large, several."""
        pending = self._pending
        count, (first, last) = pending.count(partition), pending.times(partition)
        value = pending.finish(partition)
        if len(value) <= LARGEST or count < 2:
            yield self._message(partition, Kind.HEADERS, value, (count, first, last))
            return
        parts = _halves(*decode_headers(value))
        while parts:
            batch, clock = parts.pop(0)
            value = encode_headers(batch, clock)
            if len(value) > LARGEST and len(clock) > 1:
                parts = _halves(batch, clock) + parts
                continue
            times = len(clock), int(batch.rows["ts"].min()), int(batch.rows["ts"].max())
            yield self._message(partition, Kind.HEADERS, value, times, int(clock[-1]) if parts else None)

    def _message(
        self,
        partition: int,
        kind: Kind,
        value: bytes = b"",
        times: tuple[int, int, int] = (0, 0, 0),
        clock: int | None = None,
    ) -> Message:
        """`times`: how many headers, the least and the greatest of their times."""
        now = self.clock if clock is None else clock
        envelope = Envelope(
            sensor=self.sensor,
            run=self.run,
            sequence=self._sequences[partition],
            kind=kind,
            clock=now if now != BEGINNING else 0,
            partitions=self.partitions,
            headers=times[0],
            before=self._before[partition],
            first=times[1],
            last=times[2],
            drops=dict(self._drops()),
            capture=dict(self._capture()),
            sampling=self._sampling[partition],
        )
        self._sequences[partition] += 1
        self._sampling[partition] = self._share
        self._before[partition] += times[0]
        return Message(partition, self.sensor.encode(), value, envelope.to_headers(), times[0])


def _halves(batch: HeaderBatch, clock: NDArray[np.int64]) -> list[tuple[HeaderBatch, NDArray[np.int64]]]:
    half = len(clock) // 2
    return [
        (HeaderBatch(batch.rows[:half], batch.names), clock[:half]),
        (HeaderBatch(batch.rows[half:], batch.names), clock[half:]),
    ]
