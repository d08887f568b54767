"""What the connections agent remembers of one partition of the headers topic: a shard of each sensor. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import replace as replaced
from numpy.typing import NDArray

from streams.losses import Losses
from streams.messages import Closing, Incoming, Outgoing, Outputs, nothing
from streams.metrics import Metrics
from wireverdict import compose, snapshot
from wireverdict.bus import SCHEMA, BadMessage, Envelope, Kind, Topic
from wireverdict.codec.connections import encode_connections
from wireverdict.codec.headers import Workspace, decode_headers
from wireverdict.headers import HeaderBatch
from wireverdict.location.recent import LEAD, Recent, packed
from wireverdict.memory import Scratch
from wireverdict.sampling import weight
from wireverdict.settings import Settings
from wireverdict.shard import Shard
from wireverdict.windows.part import WindowPart

PIECE = 700_000
"""Bytes of window parts in one message: below the usual limit of 1 MB, envelope included."""
RECORDS = 4_096
"""Connection records in one message, if their bytes allow it."""
LARGEST = 900_000
"""Bytes of a message."""
TOLD = ("spool_full",)
"""Losses in envelopes that leave a gap in the sequence numbers, too: they are counted there."""


_scratches: deque[Scratch] = deque()
"""Memory for copies of states, of those that were packed: as many as there were copies at one time."""
_spaces: deque[Workspace] = deque()
"""Memory into which messages are decoded, of those that were fed: nothing of a batch is kept then."""


class Prepared(NamedTuple):
    """What a message says, before it is known whether it is new. `space`: the memory that `batch` and `clock` are in."""

    envelope: Envelope
    batch: HeaderBatch | None = None
    clock: NDArray[np.int64] | None = None
    space: Workspace | None = None


@dataclass(slots=True)
class Line:
    """One sensor's messages in this partition."""

    losses: Losses
    run: str = ""
    next: int = 0  # sequence number that is due
    headers: int = 0  # of this run, up to there
    epoch: int = 0  # inputs of the sensor that have ended here
    ended: bool = False
    doubtful: bool = False  # messages went unread: the end of an input may have been among them
    clock: int = 0
    shards: int = 0
    told: int | None = None  # closed_through, as last sent
    lost: dict[str, int] = field(default_factory=dict)  # batches of this epoch
    drops: dict[str, int] = field(default_factory=dict)  # headers of this run, as the sensor counts them
    shard: Shard | None = None


class Connections:
    """State of one partition; see streams.messages.State."""

    def __init__(self, settings: Settings, metrics: Metrics, partition: int) -> None:
        self.settings, self.metrics, self.partition = settings, metrics, partition
        self.lines: dict[str, Line] = {}
        self._future = round(settings.stream.max_future * 1000)
        self._width = round(settings.windows.width * 1e9)
        self.recent = Recent(settings.stream.locate) if settings.stream.locate else None

    @property
    def open(self) -> int:
        """Connections in the tables."""
        return sum(line.shard.open for line in list(self.lines.values()) if line.shard is not None)

    def prepare(self, message: Incoming) -> Prepared:
        """See State."""
        envelope = Envelope.from_headers(message.headers)
        self._check(envelope, message)
        if envelope.kind is not Kind.HEADERS:
            return Prepared(envelope)
        try:
            space = _spaces.pop()
        except IndexError:
            space = Workspace()
        batch, clock = decode_headers(message.value, space)
        if not batch.names.flags.writeable:  # part of the message; kernels are compiled for arrays of one's own
            batch = batch._replace(names=batch.names.copy())
        return Prepared(envelope, batch._replace(sampling=envelope.sampling), clock, space)

    def apply(self, message: Incoming, prepared: Prepared | None = None) -> Outputs:
        """See State. Records and window parts come out after each message, so that they are the same however often it is
        applied anew. `prepared` may be left out."""
        given = prepared or self.prepare(message)
        made = self._take(message, given)
        if given.space is not None:
            _spaces.append(given.space)
        return made.send if made.makers else nothing

    def _take(self, message: Incoming, prepared: Prepared) -> _Outputs:
        envelope, batch = prepared.envelope, prepared.batch
        line = self.lines.get(envelope.sensor)
        if line is None:
            line = self.lines[envelope.sensor] = Line(Losses(self._width), envelope.run)
        made = _Outputs(self, envelope.sensor, line, message.offset)
        if line.doubtful and envelope.run != line.run and line.shard is not None:
            # Nobody will ever say that it ended. The place of the message before, which is gone, is free for that.
            end = _Outputs(self, envelope.sensor, line, message.offset - 1)
            self._end(line, end)
            made.makers.append(end.send)
        line.doubtful = False
        if not self._in_turn(line, envelope):
            self.metrics.duplicates.labels(Topic.HEADERS).inc()
            return made
        if line.shard is None:
            line.shard, line.shards = compose.shard(self.settings, envelope.partitions), envelope.partitions
        line.clock = max(line.clock, envelope.clock)
        if self.recent is not None:
            self.recent.add(envelope.sensor, None if batch is None else batch.rows, line.clock)
        if batch is not None:
            line.shard.feed(batch, prepared.clock)
            self.metrics.headers.inc(len(batch.rows))
        elif envelope.kind is Kind.TICK:
            line.shard.advance(envelope.clock)
        else:
            self._end(line, made)
        self.metrics.clocks[envelope.sensor] = line.clock
        self.metrics.messages.labels(Topic.HEADERS, envelope.kind).inc()
        if line.shard is not None:
            made.take()
            made.close()
        return made

    def _end(self, line: Line, made: _Outputs) -> None:
        """The sensor's input is over."""
        assert line.shard is not None
        line.shard.finish(line.clock, partial(made.take, now=True))
        line.ended = True
        made.take()
        made.close()
        line.shard = None

    def missed(self) -> None:
        """See State."""
        for line in self.lines.values():
            line.doubtful = not line.ended

    def _check(self, envelope: Envelope, message: Incoming) -> None:
        """Raises BadMessage."""
        if envelope.partitions <= self.partition:
            raise BadMessage(
                f"from a sensor that knows {envelope.partitions} partitions, in partition {self.partition}"
            )
        if envelope.partitions > 1 and self.settings.windows.packets:
            raise BadMessage(
                f"divided over {envelope.partitions} partitions, and windows.packets is {self.settings.windows.packets}: "
                "windows by count cannot be divided"
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
            if envelope.run != line.run:
                line.run, line.next, line.headers, line.drops = envelope.run, 0, 0, {}
            if line.ended:
                line.ended, line.epoch, line.told, line.clock, line.lost = False, line.epoch + 1, None, 0, {}
                line.losses = Losses(self._width)
                if self.recent is not None:
                    self.recent.forget(envelope.sensor)
        if envelope.sequence < line.next:
            return False
        if envelope.sequence > line.next:
            missed = envelope.sequence - line.next
            line.lost["missing"] = line.lost.get("missing", 0) + missed
            self.metrics.lost.labels(envelope.sensor, "missing").inc(missed)
            self._lose(line, envelope, round((envelope.before - line.headers) * weight(envelope.sampling)))
        line.next, line.headers = envelope.sequence + 1, envelope.before + envelope.headers
        if self.partition == 0:  # the sensor's own counts are in all partitions the same
            for reason, count in envelope.drops.items():
                more = count - line.drops.get(reason, 0)
                line.drops[reason] = count
                if reason not in TOLD:
                    self._lose(line, envelope, more)
        return True

    def _lose(self, line: Line, envelope: Envelope, packets: int) -> None:
        """Packets of all pairs, lost between the message before and this one; what was lost before all others belongs to no
        window that is known."""
        if line.shard is not None:
            line.losses.note(packets, line.clock, max(envelope.clock, line.clock))

    def dump(self) -> Callable[[], bytes]:
        """See State."""
        lines = {}
        for sensor, line in self.lines.items():
            values: dict[str, Any] = {name: getattr(line, name) for name in _PLAIN}
            values["losses"] = line.losses.dump()
            lines[sensor] = values | {"shard": None if line.shard is None else line.shard.dump()}
        state = {"lines": lines} | ({"recent": self.recent.dump()} if self.recent is not None else {})
        try:
            scratch = _scratches.pop()
        except IndexError:
            scratch = Scratch()
        compress = snapshot.packing(state, scratch)

        def packed() -> bytes:
            try:
                return compress()
            finally:
                _scratches.append(scratch)

        return packed

    def load(self, data: bytes) -> None:
        """See State."""
        dumped = snapshot.unpack(data)
        if self.recent is not None:
            self.recent.load(dumped.get("recent", {}))
        for sensor, values in dumped["lines"].items():
            state, losses = values.pop("shard"), Losses(self._width)
            losses.load(values.pop("losses"))
            line = self.lines[sensor] = Line(losses, **values)
            if state is not None:
                line.shard = compose.shard(self.settings, line.shards)
                line.shard.load(state)
            self.metrics.clocks[sensor] = line.clock


class _Outputs:
    """What one message causes to be sent, in order. `makers` make it, of things that nobody changes any more."""

    def __init__(self, state: Connections, sensor: str, line: Line, offset: int) -> None:
        """`offset`: of the message."""
        self.makers: list[Outputs] = []
        self._state, self._sensor, self._line, self._offset = state, sensor, line, offset
        self._count = 0  # messages of records
        self._parts: list[WindowPart] = []

    def send(self) -> list[Outgoing]:
        """All of it. To be called once: nothing of it is kept, for makers know this object, and only now and then would anybody
        look for rings of objects that nobody else knows."""
        makers, self.makers = self.makers, []
        return [output for make in makers for output in make()]

    def take(self, now: bool = False) -> None:
        """Take what the shard has; parts wait for `close`. `now`: encode records at once, because there are many more of them
        to come, and they take ten times the memory of what they become."""
        assert self._line.shard is not None
        taken = self._line.shard.take()
        self._parts += [item for item in taken if isinstance(item, WindowPart)]
        arrays = [item for item in taken if isinstance(item, np.ndarray)]
        if arrays:
            records = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
            self._state.metrics.records.inc(len(records))
            if now:
                values = _in_messages(records)
                self.makers.append(lambda: self._records(values))
            else:
                self.makers.append(lambda: self._records(_in_messages(records)))

    def close(self) -> None:
        """How far the shard is, if that is news, with the windows that have closed on the way."""
        line, parts = self._line, self._parts
        assert line.shard is not None
        closed, self._parts = line.shard.closed_through, []
        parts = self._locate(line.losses.book(parts, closed))
        if not (parts or line.ended or closed != line.told):
            return
        line.told = closed
        closing = Closing(
            self._sensor,
            line.epoch,
            self._state.partition,
            line.shards,
            self._offset,
            line.clock,
            closed,
            ended=line.ended,
            lost=dict(line.lost),
        )
        self.makers.append(partial(_in_pieces, closing, parts))

    def _locate(self, parts: list[WindowPart]) -> list[WindowPart]:
        """The parts of windows that have closed, with where other sensors' headers say that segments were lost."""
        recent = self._state.recent
        if recent is None or not parts:
            return parts
        gaps = {sensor for sensor, line in self._state.lines.items() if line.lost}
        told = [
            replace(part, located=packed(recent.located(self._sensor, part.start, part.end, gaps))) for part in parts
        ]
        recent.forget(self._sensor, max(part.end for part in parts) - LEAD)
        return told

    def _records(self, values: list[bytes]) -> list[Outgoing]:
        partition, begun = self._state.partition, self._count
        self._count += len(values)
        headers = [("wv-schema", str(SCHEMA).encode()), ("wv-sensor", self._sensor.encode())]
        return [
            Outgoing(
                Topic.CONNECTIONS,
                self._sensor.encode(),
                value,
                [*headers, ("wv-origin", f"{partition}:{self._offset}:{number}".encode())],
                partition,
            )
            for number, value in enumerate(values, begun)
        ]


def _in_pieces(closing: Closing, parts: list[WindowPart]) -> list[Outgoing]:
    """What is said of window parts, in as many messages as it takes."""
    value = msgspec.msgpack.encode([part.to_bytes() for part in parts]) if parts else b""
    pieces = [value[start : start + PIECE] for start in range(0, len(value), PIECE)] or [b""]
    told = [replaced(closing, piece=number, pieces=len(pieces)) for number in range(len(pieces))]
    key = closing.sensor.encode()
    return [
        Outgoing(Topic.WINDOWS, key, *given) for given in zip(pieces, (each.to_headers() for each in told), strict=True)
    ]


def _in_messages(records: NDArray[np.void]) -> list[bytes]:
    """Records as values of messages."""
    starts = range(0, len(records), RECORDS)
    return [value for start in starts for value in _encoded(records[start : start + RECORDS])]


def _encoded(records: NDArray[np.void]) -> list[bytes]:
    """In as many messages as it takes."""
    value = encode_connections(records)
    if len(value) <= LARGEST or len(records) < 2:
        return [value]
    half = len(records) // 2
    return [*_encoded(records[:half]), *_encoded(records[half:])]


_PLAIN = (
    "run",
    "next",
    "headers",
    "epoch",
    "ended",
    "doubtful",
    "clock",
    "shards",
    "told",
    "lost",
    "drops",
)
