"""From messages of the headers topic to recorded headers: what is in turn, in range, readable, and what is missing. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from producers.recorded.captures import NOTHING
from producers.recorded.choice import Choice
from producers.recorded.source import Gap, Recorded
from wireverdict.bus import SCHEMA, BadMessage, Envelope, Kind
from wireverdict.codec.headers import Workspace, decode_headers
from wireverdict.headers import QUOTED_ONLY
from wireverdict.verdicts import timestamp


class Read(NamedTuple):
    """A message as it was read."""

    partition: int
    offset: int
    headers: Iterable[tuple[str, Any]]
    value: bytes


class _Line(msgspec.Struct):
    """One sensor's messages in one partition."""

    run: str
    next: int  # sequence number that is due
    ended: bool = False
    cut: bool = False  # the range is over for the present input


class Lines:
    """The sensors of some partitions. `counts`, `gaps`: see producers.recorded.source.HeaderSource."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._lines: dict[tuple[str, int], _Line] = {}
        self._space = Workspace()
        self._missing: Counter[tuple[str, str, str, str]] = Counter()  # kind, where, unit, reason
        self.counts: Counter[str] = Counter()
        self.span: tuple[int, int] | None = None

    def take(self, message: Read, *, oldest: bool = False) -> list[Recorded]:
        """What a message brings: nothing, or one, or one and an end. `oldest`: nothing before what is read of this partition
        is there any more. Arrays are valid until the next call."""
        given = dict(message.headers or ())
        version = bytes(given.get("wv-schema") or b"").decode("ascii", "replace")
        self.counts["messages"] += 1
        self.counts[f"schema_{version or 'none'}"] += 1
        try:
            envelope = Envelope.from_headers(given)
            if not self._choice.wants(envelope.sensor):
                return []
            line = self._in_turn(envelope, message.partition, oldest)
            return [] if line is None else self._within(line, envelope, message)
        except BadMessage as error:
            newer = version.isdigit() and int(version) > SCHEMA
            self.miss("schema" if newer else "unreadable", f"partition {message.partition}", 1, "messages", str(error))
            return []

    def miss(self, kind: str, where: str, many: int, unit: str, reason: str) -> None:
        """Note something that is missing; what is alike is added up."""
        self._missing[kind, where, unit, reason] += many

    @property
    def gaps(self) -> list[Gap]:
        """What is missing so far."""
        return [
            Gap(kind, where, many, unit, reason) for (kind, where, unit, reason), many in sorted(self._missing.items())
        ]

    def _in_turn(self, envelope: Envelope, partition: int, oldest: bool) -> _Line | None:
        """The line of a message that is new; notes those before it that never came. As streams.connections does."""
        key, where = (envelope.sensor, partition), f"{envelope.sensor}, partition {partition}"
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(envelope.run, envelope.sequence)
            earliest = (envelope.first or envelope.clock) if envelope.kind is Kind.HEADERS else envelope.clock
            if oldest and envelope.sequence and earliest > self._choice.first:
                reason = f"no longer there: what is left begins at {timestamp(earliest)}"
                self.miss("retention", where, envelope.sequence, "messages", reason)
        if envelope.run != line.run or (line.ended and envelope.sequence >= line.next):
            line.run, line.next = envelope.run, 0 if envelope.run != line.run else line.next
            if line.ended:
                line.ended = line.cut = False
        if envelope.sequence < line.next:
            self.counts["repeated"] += 1
            return None
        if envelope.sequence > line.next:
            reason = f"never came (numbers left out, seen first before {timestamp(envelope.clock)})"
            self.miss("hole", where, envelope.sequence - line.next, "messages", reason)
        line.next = envelope.sequence + 1
        return line

    def _within(self, line: _Line, envelope: Envelope, message: Read) -> list[Recorded]:
        """What of a message lies in the range, and the end if it comes to it."""
        choice = self._choice
        line.ended = envelope.kind is Kind.END
        if line.ended and not envelope.clock:  # of an input without packets: its time is none, and not that of 1970
            return []
        if line.cut or envelope.clock < choice.first:
            self.counts["out_of_range"] += envelope.headers
            return []
        now = min(envelope.clock, choice.limit)
        self.span = (min(now, self.span[0]), max(now, self.span[1])) if self.span else (now, now)
        found = []
        if envelope.kind is Kind.HEADERS:
            found.append(self._headers(envelope, message, now))
            self.span = min(int(found[0].clock[0]), self.span[0]), self.span[1]
        elif envelope.kind is Kind.TICK:
            found.append(self._recorded(envelope, message, now))
        if line.ended or envelope.clock >= choice.limit:
            line.cut = envelope.clock >= choice.limit
            found.append(self._recorded(envelope, message, now, end=True))
        return found

    def _headers(self, envelope: Envelope, message: Read, now: int) -> Recorded:
        """Raises BadMessage."""
        whole, times = decode_headers(message.value, self._space)
        # names are part of the message; kernels are compiled for arrays of one's own
        whole = whole._replace(names=whole.names.copy(), sampling=envelope.sampling)
        batch, clock = self._choice.part(whole, times)
        many = len(clock) - int(np.count_nonzero(batch.rows["present"] & QUOTED_ONLY))
        self.counts["headers"] += many
        self.counts["not_chosen"] += len(times) - len(clock)
        if not len(clock):
            return self._recorded(envelope, message, now)
        return Recorded(envelope.sensor, message.partition, envelope.partitions, batch, clock)

    @staticmethod
    def _recorded(envelope: Envelope, message: Read, now: int, *, end: bool = False) -> Recorded:
        times = np.array([now], np.int64)
        return Recorded(envelope.sensor, message.partition, envelope.partitions, NOTHING, times, end)

    def dump(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "lines": [[*key, msgspec.to_builtins(line)] for key, line in self._lines.items()],
            "missing": [[*key, many] for key, many in self._missing.items()],
            "counts": dict(self.counts),
            "span": self.span,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._lines = {(sensor, number): msgspec.convert(line, _Line) for sensor, number, line in state["lines"]}
        self._missing = Counter({tuple(key): many for *key, many in state["missing"]})
        self.counts = Counter(state["counts"])
        self.span = None if state["span"] is None else (state["span"][0], state["span"][1])
