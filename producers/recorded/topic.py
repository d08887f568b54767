"""The headers topic as a header source. No consumer group is joined, and nothing is committed."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from producers.recorded.captures import NOTHING
from producers.recorded.choice import Choice
from producers.recorded.lane import REACH, Lane, client
from producers.recorded.lines import Lines, Read
from producers.recorded.source import Gap, Recorded, SourceError
from wireverdict.bus import Topic, librdkafka
from wireverdict.settings import Settings
from wireverdict.verdicts import timestamp

LATE = 3_600.0
"""s after its packets that a message may have come to the topic and still be looked for in a time range."""
Offsets = Mapping[int, tuple[int | None, int | None]]
"""By partition: first offset, and the one after the last."""


class TopicSource:
    """See producers.recorded.source.open_source.

    `offsets`: only these partitions, from and to there. `late`: s; in a time range messages are looked for that came to the
    topic from `stream.max_future` before its beginning to so long after its end (math.inf: to the end of the topic).
    Partitions are read side by side in the order of the sensors' clocks. What comes to the topic later is not read.
    """

    def __init__(
        self,
        settings: Settings,
        choice: Choice | None = None,
        *,
        prefix: str = "",
        offsets: Offsets | None = None,
        late: float = LATE,
        share: tuple[int, int] = (0, 1),
        position: Mapping[str, Any] | None = None,
        follow: bool = False,
    ) -> None:
        """`follow`: from `position` to what is the end now, and not what was then. Raises SourceError, OSError for a password
        file."""
        bus = msgspec.structs.replace(settings.bus, prefix=prefix) if prefix else settings.bus
        self.name = bus.topic(Topic.HEADERS)
        self._choice, self._options = choice or Choice(), librdkafka(bus)
        self._ahead, self._late = settings.stream.max_future, late
        self._follow = follow
        self._lines = Lines(self._choice)
        self._lanes: dict[int, Lane] = {}
        self._due: dict[int, list[tuple[str, int]]] = {}  # ends that are still to be given: sensor, partitions
        self._oldest: set[int] = set()
        self._begun: dict[int, int] = {}
        if position is not None:
            self._lines.load(position["lines"])
        asking = client(self._options)
        try:
            for number in self._numbers(asking, share, offsets):
                self._open(asking, number, (offsets or {}).get(number, (None, None)), position)
        except KafkaException as error:
            raise SourceError(f"{self.name} cannot be read: {error.args[0].str()}") from None
        finally:
            asking.close()

    def __iter__(self) -> Iterator[Recorded]:
        for number, due in sorted(self._due.items()):
            yield from self._ends(number, due)
        heads: list[tuple[int, int, Message, Iterator[Message]]] = []
        for number, lane in self._lanes.items():
            self._push(heads, number, iter(lane))
        while heads:
            _, number, message, rest = heapq.heappop(heads)
            offset = message.offset() or 0
            read = Read(number, offset, message.headers() or (), message.value() or b"")  # type: ignore[arg-type]
            found = self._lines.take(read, oldest=number in self._oldest)
            self._begun[number] = offset + 1
            due = self._due.setdefault(number, [])
            due += [(recorded.sensor, recorded.partitions) for recorded in found if recorded.end and len(found) > 1]
            if found and not (found[0].end and len(found) > 1):
                yield found[0]
            yield from self._ends(number, due)
            self._push(heads, number, rest)
        for number, lane in self._lanes.items():
            self._begun[number] = max(self._begun[number], lane.next)

    def _ends(self, number: int, due: list[tuple[str, int]]) -> Iterator[Recorded]:
        while due:
            sensor, partitions = due.pop(0)
            yield Recorded(sensor, number, partitions, NOTHING, np.array([self._choice.limit], np.int64), end=True)

    @staticmethod
    def _push(heads: list[tuple[int, int, Message, Iterator[Message]]], number: int, rest: Iterator[Message]) -> None:
        message = next(rest, None)
        if message is not None:
            heapq.heappush(heads, (_clock(message), number, message, rest))

    def _numbers(self, asking: Consumer, share: tuple[int, int], offsets: Offsets | None) -> list[int]:
        listed = asking.list_topics(self.name, timeout=REACH).topics[self.name]
        if listed.error is not None:
            raise SourceError(f"there is no topic {self.name} ({listed.error.str()})")
        unknown = [number for number in offsets or () if number not in listed.partitions]
        if unknown:
            raise SourceError(f"{self.name} has no partition {unknown[0]}")
        wanted = offsets if offsets else listed.partitions
        return [number for number in sorted(wanted) if number % share[1] == share[0]]

    def _open(
        self,
        asking: Consumer,
        number: int,
        asked: tuple[int | None, int | None],
        position: Mapping[str, Any] | None,
    ) -> None:
        """Find where to begin and to end in a partition."""
        low, high = asking.get_watermark_offsets(TopicPartition(self.name, number), REACH, cached=False)
        start = low if asked[0] is None else asked[0]
        stop = high if asked[1] is None else min(asked[1], high)
        if asked[0] is None and self._choice.begin is not None:
            start = self._at(asking, number, self._choice.first / 1e9 - self._ahead, high)
        if asked[1] is None and self._choice.end is not None and math.isfinite(self._late):
            stop = self._at(asking, number, self._choice.limit / 1e9 + self._late, high)
            if stop < high and position is None:  # else it was told before
                reason = (
                    f"came to the topic more than {self._late:.0f} s after the range's end, "
                    f"{timestamp(self._choice.limit)}, and were not looked at (wireverdict replay has --late)"
                )
                self._miss(number, high - stop, "not-read", reason)
        if position is not None:
            told = position["partitions"].get(str(number))
            if told is None:
                raise SourceError(f"{self.name}: the position that is to be gone on from has no partition {number}")
            start, stop = int(told["next"]), high if self._follow else min(int(told["stop"]), high)
            self._due[number] = [(sensor, partitions) for sensor, partitions in told["due"]]
        if start < low:
            self._miss(number, min(low, stop) - start, "retention", "are no longer there: retention has deleted them")
            start = low
        if position is None and start == low and low > 0:
            self._oldest.add(number)
        missed = self._missed(number)
        self._begun[number] = start
        self._lanes[number] = Lane(self._options, self.name, number, start, stop, missed, first=position is None)

    def _missed(self, number: int) -> Any:
        return lambda many, kind, reason: self._miss(number, many, kind, reason)

    def _miss(self, number: int, many: int, kind: str, reason: str) -> None:
        if many > 0:
            self._lines.miss(kind, f"{self.name}, partition {number}", many, "offsets", reason)

    def _at(self, asking: Consumer, number: int, moment: float, high: int) -> int:
        """The first offset whose message came at `moment` (s) or later; `high` if there is none."""
        at = [TopicPartition(self.name, number, max(round(moment * 1000), 0))]
        found = asking.offsets_for_times(at, timeout=REACH)[0].offset
        return high if found < 0 else found

    @property
    def gaps(self) -> list[Gap]:
        """See HeaderSource."""
        return self._lines.gaps

    @property
    def counts(self) -> dict[str, int]:
        """See HeaderSource."""
        return dict(self._lines.counts)

    @property
    def span(self) -> tuple[int, int] | None:
        """Of what was read, so far."""
        return self._lines.span

    @property
    def progress(self) -> tuple[int, int | None]:
        """Offsets."""
        total = sum(lane.stop for lane in self._lanes.values())
        left = sum(lane.stop - self._begun[number] for number, lane in self._lanes.items())
        return total - left, total

    def position(self) -> dict[str, Any]:
        """See HeaderSource."""
        partitions = {
            str(number): {"next": self._begun[number], "stop": lane.stop, "due": self._due.get(number, [])}
            for number, lane in self._lanes.items()
        }
        return {"partitions": partitions, "lines": self._lines.dump()}

    def close(self) -> None:
        """Let go of the brokers."""
        for lane in self._lanes.values():
            lane.close()


class _Clock(msgspec.Struct):
    clock: int = 0


def _clock(message: Message) -> int:
    """How far the sensor was, for the order in which partitions are read; 0 where a message does not say."""
    try:
        envelope = dict(message.headers() or ()).get("wv") or b""
        return msgspec.json.decode(envelope, type=_Clock).clock
    except (msgspec.MsgspecError, ValueError, TypeError):
        return 0
