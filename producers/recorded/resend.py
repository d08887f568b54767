"""Recorded headers onto another headers topic, with the mark of a replay, numbered so that sending again changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from producers.batching import Message
from producers.recorded.source import Recorded, SourceError
from wireverdict.bus import MARK, BusSettings, Envelope, Kind
from wireverdict.codec.headers import encode_headers
from wireverdict.headers import HeaderBatch

HALVES = 1_500_000
"""Bytes of a message; headers that need more are sent in two."""


class Resend:
    """Messages for what a source gives. `name`: of the replay, in the header MARK of every message."""

    def __init__(self, name: str, what: object) -> None:
        """`what`: what is read, and how; the same again gives the same messages with the same numbers."""
        self.name = name
        self.run = "replay-" + hashlib.sha256(repr((name, what)).encode()).hexdigest()[:12]
        self._lines: dict[tuple[str, int], _Sent] = {}

    def messages(self, recorded: Recorded) -> Iterator[Message]:
        """For some headers, a tick or an end."""
        key = recorded.sensor, recorded.partition
        line = self._lines.setdefault(key, _Sent(recorded.partitions))
        if len(recorded.clock):
            line.clock = max(line.clock, int(recorded.clock[-1]))
        line.open = not recorded.end
        if recorded.end:
            yield self._message(key, line, Kind.END)
        elif len(recorded.batch.rows):
            yield from self._headers(key, line, recorded.batch, recorded.clock)
        else:
            yield self._message(key, line, Kind.TICK)

    def finish(self) -> Iterator[Message]:
        """The source is over: an end for all that have had none, at the latest clock of their sensor."""
        clocks: dict[str, int] = {}
        for (sensor, _), line in self._lines.items():
            clocks[sensor] = max(clocks.get(sensor, line.clock), line.clock)
        for key, line in sorted(self._lines.items()):
            if line.open:
                line.open, line.clock = False, clocks[key[0]]
                yield self._message(key, line, Kind.END)

    def _headers(self, key: tuple[str, int], line: _Sent, batch: HeaderBatch, clock: Any) -> Iterator[Message]:
        value = encode_headers(batch, clock)
        if len(value) > HALVES and len(clock) > 1:
            half = len(clock) // 2
            for part in (slice(None, half), slice(half, None)):
                yield from self._headers(key, line, batch._replace(rows=batch.rows[part]), clock[part])
            return
        yield self._message(key, line, Kind.HEADERS, value, batch, int(clock[-1]))

    def _message(
        self,
        key: tuple[str, int],
        line: _Sent,
        kind: Kind,
        value: bytes = b"",
        batch: HeaderBatch | None = None,
        clock: int | None = None,
    ) -> Message:
        times = np.zeros(0, np.int64) if batch is None else batch.rows["ts"]
        envelope = Envelope(
            sensor=key[0],
            run=self.run,
            sequence=line.sequence,
            kind=kind,
            clock=line.clock if clock is None else clock,
            partitions=line.partitions,
            headers=len(times),
            first=int(times.min()) if len(times) else 0,
            last=int(times.max()) if len(times) else 0,
            before=line.before,
            sampling=1.0 if batch is None else batch.sampling,
        )
        line.sequence += 1
        line.before += len(times)
        headers = [*envelope.to_headers(), (MARK, self.name.encode())]
        return Message(key[1], key[0].encode(), value, headers, len(times))

    def dump(self) -> list[Any]:
        """JSON values."""
        return [[*key, msgspec.to_builtins(line)] for key, line in self._lines.items()]

    def load(self, state: list[Any]) -> None:
        """Take up what `dump` gave."""
        self._lines = {(sensor, number): msgspec.convert(line, _Sent) for sensor, number, line in state}


class _Sent(msgspec.Struct):
    partitions: int
    sequence: int = 0
    before: int = 0
    clock: int = 0
    open: bool = True


def own_topics(bus: BusSettings, prefix: str, partitions: int, read: str = "") -> BusSettings:
    """Settings for a replay's own topics. `read`: the prefix that is read. Raises SourceError for those of live data."""
    if not prefix or prefix in (bus.prefix, read):
        raise SourceError(
            f"--to-topic {prefix!r}: a replay never writes into the topics of live data or those that it reads; give it a "
            f"prefix of its own, such as {bus.prefix}-replay"
        )
    return msgspec.structs.replace(bus, prefix=prefix, partitions=partitions)
