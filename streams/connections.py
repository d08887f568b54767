"""What the connections agent remembers of one partition of the headers topic: a shard of each sensor. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from streams.messages import Closing, Incoming, Outgoing
from streams.metrics import Metrics
from wireverdict import compose, snapshot
from wireverdict.bus import SCHEMA, BadMessage, Envelope, Kind, Topic
from wireverdict.codec.connections import encode_connections
from wireverdict.codec.headers import decode_headers
from wireverdict.settings import Settings
from wireverdict.shard import Shard
from wireverdict.windows.part import WindowPart

PIECE = 700_000
"""Bytes of window parts in one message: below the usual limit of 1 MB, envelope included."""
RECORDS = 4_096
"""Connection records in one message, if their bytes allow it."""
LARGEST = 900_000
"""Bytes of a message."""


@dataclass(slots=True)
class Line:
    """One sensor's messages in this partition."""

    run: str = ""
    next: int = 0  # sequence number that is due
    epoch: int = 0  # inputs of the sensor that have ended here
    ended: bool = False
    clock: int = 0
    shards: int = 0
    told: int | None = None  # closed_through, as last sent
    lost: dict[str, int] = field(default_factory=dict)  # batches of this epoch
    shard: Shard | None = None


class Connections:
    """State of one partition; see streams.messages.State."""

    def __init__(self, settings: Settings, metrics: Metrics, partition: int) -> None:
        self.settings, self.metrics, self.partition = settings, metrics, partition
        self.lines: dict[str, Line] = {}
        self._future = round(settings.stream.max_future * 1000)

    @property
    def open(self) -> int:
        """Connections in the tables."""
        return sum(line.shard.open for line in list(self.lines.values()) if line.shard is not None)

    def apply(self, message: Incoming) -> list[Outgoing]:
        """See State. Records and window parts come out after each message, so that they are the same however often it is
        applied anew."""
        envelope = Envelope.from_headers(message.headers)
        self._check(envelope, message)
        batch = clock = None
        if envelope.kind is Kind.HEADERS:
            batch, clock = decode_headers(message.value)
            if not batch.names.flags.writeable:  # part of the message; kernels are compiled for arrays of one's own
                batch = batch._replace(names=batch.names.copy())
        line = self.lines.setdefault(envelope.sensor, Line(run=envelope.run))
        if not self._in_turn(line, envelope):
            self.metrics.duplicates.labels(Topic.HEADERS).inc()
            return []
        if line.shard is None:
            line.shard, line.shards = compose.shard(self.settings, envelope.partitions), envelope.partitions
        line.clock = max(line.clock, envelope.clock)
        if batch is not None:
            line.shard.feed(batch, clock)
            self.metrics.headers.inc(len(batch.rows))
        elif envelope.kind is Kind.TICK:
            line.shard.advance(envelope.clock)
        else:
            line.shard.finish(envelope.clock)
            line.ended = True
        self.metrics.clocks[envelope.sensor] = line.clock
        self.metrics.messages.labels(Topic.HEADERS, envelope.kind).inc()
        outputs = self._outputs(envelope.sensor, line, message)
        if line.ended:
            line.shard = None
        return outputs

    def _check(self, envelope: Envelope, message: Incoming) -> None:
        """Raises BadMessage."""
        if envelope.partitions <= self.partition:
            raise BadMessage(
                f"from a sensor that knows {envelope.partitions} partitions, in partition {self.partition}"
            )
        ahead = max(envelope.clock, envelope.last) // 1_000_000 - message.timestamp
        if message.timestamp > 0 and ahead > self._future:
            raise BadMessage(
                f"packet times {ahead / 1000:.0f} s ahead of the broker's: the clock of {envelope.sensor} is wrong "
                f"(stream.max_future allows {self.settings.stream.max_future:.0f} s)"
            )

    def _in_turn(self, line: Line, envelope: Envelope) -> bool:
        """Whether a message is new; counts those that never came."""
        if envelope.run != line.run or (line.ended and envelope.sequence >= line.next):
            line.run, line.next = envelope.run, 0 if envelope.run != line.run else line.next
            if line.ended:
                line.ended, line.epoch, line.told, line.clock, line.lost = False, line.epoch + 1, None, 0, {}
        if envelope.sequence < line.next:
            return False
        if envelope.sequence > line.next:
            missed = envelope.sequence - line.next
            line.lost["missing"] = line.lost.get("missing", 0) + missed
            self.metrics.lost.labels(envelope.sensor, "missing").inc(missed)
        line.next = envelope.sequence + 1
        return True

    def _outputs(self, sensor: str, line: Line, message: Incoming) -> list[Outgoing]:
        assert line.shard is not None
        taken = line.shard.take()
        outputs: list[Outgoing] = []
        arrays = [item for item in taken if isinstance(item, np.ndarray)]
        if arrays:
            records = np.concatenate(arrays)
            self.metrics.records.inc(len(records))
            for start in range(0, len(records), RECORDS):
                for value in _encoded(records[start : start + RECORDS]):
                    outputs.append(self._records(sensor, value, message.offset, len(outputs)))
        parts = [item for item in taken if isinstance(item, WindowPart)]
        closed = line.shard.closed_through
        if parts or line.ended or closed != line.told:
            line.told = closed
            value = snapshot.pack({"parts": [part.to_bytes() for part in parts]}) if parts else b""
            pieces = [value[start : start + PIECE] for start in range(0, len(value), PIECE)] or [b""]
            for number, piece in enumerate(pieces):
                closing = Closing(
                    sensor,
                    line.epoch,
                    self.partition,
                    line.shards,
                    message.offset,
                    line.clock,
                    closed,
                    ended=line.ended,
                    piece=number,
                    pieces=len(pieces),
                    lost=line.lost,
                )
                outputs.append(Outgoing(Topic.WINDOWS, sensor.encode(), piece, closing.to_headers()))
        return outputs

    def _records(self, sensor: str, value: bytes, offset: int, number: int) -> Outgoing:
        headers = [
            ("wv-schema", str(SCHEMA).encode()),
            ("wv-sensor", sensor.encode()),
            ("wv-origin", f"{self.partition}:{offset}:{number}".encode()),
        ]
        return Outgoing(Topic.CONNECTIONS, sensor.encode(), value, headers, self.partition)

    def dump(self) -> bytes:
        """See State."""
        lines = {}
        for sensor, line in self.lines.items():
            values = {name: getattr(line, name) for name in _PLAIN}
            lines[sensor] = values | {"shard": None if line.shard is None else line.shard.dump()}
        return snapshot.pack({"lines": lines})

    def load(self, data: bytes) -> None:
        """See State."""
        for sensor, values in snapshot.unpack(data)["lines"].items():
            state = values.pop("shard")
            line = self.lines[sensor] = Line(**values)
            if state is not None:
                line.shard = compose.shard(self.settings, line.shards)
                line.shard.load(state)
            self.metrics.clocks[sensor] = line.clock


def _encoded(records: NDArray[np.void]) -> list[bytes]:
    """In as many messages as it takes."""
    value = encode_connections(records)
    if len(value) <= LARGEST or len(records) < 2:
        return [value]
    half = len(records) // 2
    return [*_encoded(records[:half]), *_encoded(records[half:])]


_PLAIN = ("run", "next", "epoch", "ended", "clock", "shards", "told", "lost")
