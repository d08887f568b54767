"""Captures as a header source: one sensor, decoded here, divided as a producer would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.batching import BEGINNING
from producers.recorded.choice import Choice
from producers.recorded.pieces import compact
from producers.recorded.source import Gap, Recorded, SourceError
from producers.timeline import open_timeline
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.headers import HEADER, QUOTED_ONLY, HeaderBatch
from wireverdict.output.units import utf8
from wireverdict.partition import divide, with_quoted
from wireverdict.settings import Settings

NOTHING = HeaderBatch(np.zeros(0, HEADER), np.zeros(0, np.uint8))


def moment(clock: int) -> NDArray[np.int64]:
    """The clock of a record without headers."""
    return np.array([] if clock == BEGINNING else [clock], np.int64)


class CaptureSource:
    """See producers.recorded.source.open_source."""

    def __init__(
        self,
        inputs: Sequence[str],
        settings: Settings,
        choice: Choice | None = None,
        *,
        sensor: str = "capture",
        partitions: int = 1,
        share: tuple[int, int] = (0, 1),
        position: Mapping[str, Any] | None = None,
    ) -> None:
        """Raises SourceError without an input, ValueError for home networks that are none."""
        if not inputs:
            raise SourceError("no capture is named")
        took = settings.capture
        self._decoder = Decoder(DecodeSettings(tunnels=took.tunnels, home_nets=took.home_networks))
        self._timeline = open_timeline(inputs)
        self._choice, self._sensor, self._partitions = choice or Choice(), sensor, partitions
        self._mine, self._first_share = range(share[0], partitions, share[1]), share[0] == 0
        self._skip, self._given = (int(position["headers"]), int(position["given"])) if position else (0, 0)
        self._done = 0  # headers before the batch that is being given out
        self._clock = BEGINNING
        self._first: int | None = None
        self.gaps: list[Gap] = []
        self.counts: dict[str, int] = {"headers": 0} | dict(position.get("counts", {}) if position else {})

    def __iter__(self) -> Iterator[Recorded]:
        if not self._choice.wants(self._sensor):
            return
        for decoded in self._headers():
            rows = decoded.rows
            clock = np.maximum(np.maximum.accumulate(rows["ts"]), self._clock)
            self._clock = int(clock[-1])
            self._first = int(clock[0]) if self._first is None else self._first
            if len(rows) <= self._skip:  # an earlier pass had them
                self._skip -= len(rows)
                self._done += len(rows)
                continue
            batch = decoded._replace(rows=rows[self._skip :])
            self._done, clock, self._skip = self._done + self._skip, clock[self._skip :], 0
            yield from self._give(batch, clock)
            self._given = 0
            self._done += len(batch.rows)
            if self._clock >= self._choice.limit:
                break
        self._tell()
        now = min(self._clock, self._choice.limit)
        given, self._given = self._given, 0
        for place, number in enumerate(self._mine):
            if place >= given:
                self._given = place + 1
                yield Recorded(self._sensor, number, self._partitions, NOTHING, moment(now), end=True)

    def _headers(self) -> Iterator[HeaderBatch]:
        for frames in self._timeline:
            decoded = self._decoder.decode(frames)
            if len(decoded.rows):
                yield decoded._replace(rows=with_quoted(decoded.rows, self._partitions))

    def _give(self, batch: HeaderBatch, clock: NDArray[np.int64]) -> Iterator[Recorded]:
        """The rows of each partition; a tick for one that has none."""
        now = min(int(clock[-1]), self._choice.limit)
        if now < self._choice.first:
            self._count("out_of_range", len(clock))
            return
        chosen, times = self._choice.part(batch, clock)
        numbers = divide(chosen.rows, self._partitions)
        given, self._given = self._given, 0
        if not given:  # else an earlier pass has counted them
            self._count("not_chosen", len(clock) - len(times))
        for place, number in enumerate(self._mine):
            self._given = place + 1
            if place < given:
                continue
            part, when = chosen, times
            if self._partitions > 1:
                mine = np.flatnonzero(numbers == number)
                part, when = compact(chosen, mine), times[mine]
            self._count("headers", len(when) - int(np.count_nonzero(part.rows["present"] & QUOTED_ONLY)))
            yield Recorded(self._sensor, number, self._partitions, part, when if len(when) else moment(now))

    def _count(self, name: str, many: int) -> None:
        if many:
            self.counts[name] = self.counts.get(name, 0) + many

    def _tell(self) -> None:
        for report in self._timeline.reports:
            if report.error is not None:
                self.gaps.append(Gap("damaged", utf8(report.path), 0, "headers", report.error))
        if self._first_share:  # every share decodes all frames
            self.counts.update(self._decoder.skipped)

    @property
    def span(self) -> tuple[int, int] | None:
        """As far as it was read."""
        return None if self._first is None else (self._first, self._clock)

    @property
    def progress(self) -> tuple[int, int | None]:
        """Bytes."""
        return self._timeline.bytes_read, self._timeline.bytes_total

    def position(self) -> dict[str, Any]:
        """Headers (copies for other partitions included) of whole batches that were given, and how many partitions have had
        theirs of the batch after; what was counted so far."""
        return {"headers": self._done, "given": self._given, "counts": dict(self.counts)}

    def close(self) -> None:
        """Nothing is held that would not go with it."""
