"""An archive as a header source."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from producers.recorded.archiving import FORMAT, KEY, About, Told
from producers.recorded.captures import NOTHING
from producers.recorded.choice import Choice
from producers.recorded.columns import AT_ONCE, TEXTS, Group, messages
from producers.recorded.source import Gap, Recorded
from producers.recorded.store import HOUR, Entry, Store
from wireverdict.bus import BadMessage
from wireverdict.codec.headers import Workspace, decode_headers
from wireverdict.headers import HEADER, QUOTED_ONLY, HeaderBatch
from wireverdict.verdicts import timestamp

Place = tuple[int, int, int]
"""In one partition of a sensor: file, thing told in it, message of a row group."""
KEPT = 8
"""Files that are open at the same time."""


class _SpoiltError(Exception):
    """A file cannot be read, or not to its end; the message says which and why."""


class ArchiveSource:
    """See producers.recorded.source.open_source. Partitions are read side by side in the order of the sensors' clocks."""

    def __init__(
        self,
        where: str,
        choice: Choice | None = None,
        *,
        share: tuple[int, int] = (0, 1),
        position: Mapping[str, Any] | None = None,
    ) -> None:
        """Raises SourceError."""
        self._store, self._choice, self._share = Store(where), choice or Choice(), share
        self._space = Workspace()
        self._open: dict[str, Any] = {}
        self._abouts: dict[str, About] = {}
        entries = [entry for entry in self._store.entries() if self._choice.wants(entry.sensor)]
        self._all: dict[str, list[Entry]] = {}
        for entry in entries:
            self._all.setdefault(entry.sensor, []).append(entry)
        self._places: dict[str, tuple[Place, bool]] = {
            key: ((told[0], told[1], told[2]), told[3]) for key, told in (position or {}).get("places", {}).items()
        }
        self.counts: Counter[str] = Counter((position or {}).get("counts", {}))
        self.gaps: list[Gap] = []
        self._spoilt = dict.fromkeys(tuple(told) for told in (position or {}).get("spoilt", ()))  # file, reason
        span = (position or {}).get("span")
        self._span: tuple[int, int] | None = None if span is None else (span[0], span[1])
        self._files = sum(map(len, self._all.values()))
        self._passed: dict[str, int] = {}
        self._known()
        self.gaps += [Gap("damaged", where, 0, "headers", reason) for where, reason in self._spoilt]

    def _known(self) -> None:
        """What was missing when it was archived, and what retention has deleted since."""
        cursor = self._store.cursor()
        self.gaps += [Gap(*gap) for gaps in cursor.gaps.values() for gap in gaps]
        for sensor, many in sorted(cursor.files.items()):
            missing = many - len(self._all.get(sensor, ()))
            if self._choice.wants(sensor) and missing > 0:
                reason = "not there any more, though retention deleted nothing of it"
                self.gaps.append(Gap("hole", f"{sensor} in the archive", missing, "files", reason))
        for sensor, before in sorted(cursor.deleted.items()):
            if self._choice.wants(sensor) and before > self._choice.first:
                reason = f"hours before {timestamp(before)} were deleted by the archive's retention"
                self.gaps.append(Gap("retention", sensor, 0, "headers", reason))

    def __iter__(self) -> Iterator[Recorded]:
        heads: list[tuple[int, str, int, Iterator[int | Recorded]]] = []
        for sensor in self._all:
            for number in self._partitions(sensor):
                lane = self._lane(sensor, number)
                for clock in lane:
                    assert isinstance(clock, int)
                    heads.append((clock, sensor, number, lane))
                    break
        heapq.heapify(heads)
        while heads:
            _, sensor, number, lane = heapq.heappop(heads)
            for item in lane:
                if isinstance(item, int):
                    heapq.heappush(heads, (item, sensor, number, lane))
                    break
                yield item

    def _partitions(self, sensor: str) -> list[int]:
        numbers = {told.partition for entry in self._in_range(sensor) for told in self._told(entry)}
        return [number for number in sorted(numbers) if number % self._share[1] == self._share[0]]

    def _in_range(self, sensor: str) -> list[Entry]:
        """The files that may have something."""
        chosen = [entry for entry in self._all[sensor] if entry.hour + HOUR > self._choice.first]
        return [entry for entry in chosen if entry.hour < self._choice.limit]

    def _lane(self, sensor: str, number: int) -> Iterator[int | Recorded]:
        """By turns: how far (ns) the next thing is, about, and then, unless nothing of it is wanted, the thing itself."""
        key, limit = f"{number}/{sensor}", self._choice.limit
        (at, which, given), cut = self._places.get(key, ((0, 0, 0), False))
        entries = self._in_range(sensor)
        partitions = 1
        for place in range(at, len(entries)):
            all_told = [each for each in self._told(entries[place]) if each.partition == number]
            for index in range(which, len(all_told)):
                told = all_told[index]
                partitions, last = told.partitions, max(told.clock, told.last)
                if not cut and last >= self._choice.first:
                    try:
                        for item in self._things(sensor, entries[place], told, given):
                            if isinstance(item, int):
                                yield item
                                continue
                            given += 1
                            self._places[key] = (place, index, given), False
                            if item is not None:
                                yield item
                    except _SpoiltError as error:
                        self._give_up(entries[place], error)
                    if last >= limit and not told.end:
                        cut = True
                        yield limit
                        self._places[key] = (place, index + 1, 0), True
                        yield self._plain(sensor, number, partitions, limit, end=True)
                cut, given = cut and not told.end, 0
                self._places[key] = (place, index + 1, 0), cut
            which = 0
            self._passed[key] = place + 1
        if not cut and key in self._places and any(entry.hour >= limit for entry in self._all[sensor]):
            yield limit
            self._places[key] = (len(entries), 0, 0), True
            yield self._plain(sensor, number, partitions, limit, end=True)

    def _things(self, sensor: str, entry: Entry, told: Told, after: int) -> Iterator[int | Recorded | None]:
        """What one thing told is, but for the first `after` of its messages; None for one that lies before the range."""
        choice, limit = self._choice, self._choice.limit
        if told.group < 0:
            if not after:
                yield told.clock
                self._seen(min(told.clock, limit), min(told.clock, limit))
                yield self._plain(sensor, told.partition, told.partitions, told.clock, end=told.end)
            return
        many, decode = self._decoder(entry, told)
        clock = told.clock
        for number in range(after, many):
            if clock >= limit:
                return
            yield clock
            batch, times = decode(number)
            clock, now = int(times[-1]), min(int(times[-1]), limit)
            chosen, when = choice.part(batch._replace(sampling=told.sampling), times)
            self._count(chosen, len(times) - len(when))
            if now < choice.first:
                yield None
                continue
            self._seen(int(when[0]) if len(when) else now, now)
            if len(when):
                yield Recorded(sensor, told.partition, told.partitions, chosen, when)
            else:
                yield self._plain(sensor, told.partition, told.partitions, now)

    def _decoder(self, entry: Entry, told: Told) -> tuple[int, Callable[[int], tuple[HeaderBatch, NDArray[np.int64]]]]:
        """How many messages a row group has, and what decodes one. Both raise _SpoiltError."""
        file = self._file(entry)
        try:
            values = messages(file, told.group)
            group = None if values else Group(file, told.group)
        except (ValueError, pa.ArrowException, OSError) as error:
            raise _SpoiltError(f"cannot be read: {error}") from None

        def decode(number: int) -> tuple[HeaderBatch, NDArray[np.int64]]:
            if group is not None:
                start = number * AT_ONCE
                rows = self._space.take("columns", min(AT_ONCE, group.rows - start), HEADER)
                try:
                    group.fill(rows, start)
                except (ValueError, pa.ArrowException, OSError) as error:
                    raise _SpoiltError(f"cannot be read: {error}") from None
                return HeaderBatch(rows, group.names), group.clock[start : start + len(rows)]
            try:
                batch, clock = decode_headers(values[number], self._space)
            except BadMessage as error:
                raise _SpoiltError(f"cannot be read: {error}") from None
            return batch._replace(names=batch.names.copy()), clock

        return (len(values) if group is None else -(-group.rows // AT_ONCE)), decode

    def _give_up(self, entry: Entry, error: _SpoiltError) -> None:
        """Note that not all of a file can be had. The others can."""
        told = (f"{entry.path} in the archive", str(error))
        if told not in self._spoilt:
            self._spoilt[told] = None
            self.gaps.append(Gap("damaged", told[0], 0, "headers", told[1]))

    def _told(self, entry: Entry) -> Sequence[Told]:
        """What a file has; nothing if that cannot be known."""
        try:
            return self._about(entry).told
        except _SpoiltError as error:
            self._give_up(entry, error)
            return ()

    def _file(self, entry: Entry) -> Any:
        """Raises _SpoiltError."""
        file = self._open.pop(entry.path, None)
        if file is None:
            try:
                source = self._store.fs.open_input_file(f"{self._store.root}/{entry.path}")
                file = pq.ParquetFile(source, read_dictionary=list(TEXTS), pre_buffer=not self._store.local)
            except (pa.ArrowException, OSError, ValueError) as error:
                raise _SpoiltError(f"cannot be read: {error}") from None
            if len(self._open) >= KEPT:
                self._open.pop(next(iter(self._open))).close(force=True)
        self._open[entry.path] = file
        return file

    def _about(self, entry: Entry) -> About:
        """Raises _SpoiltError."""
        if entry.path not in self._abouts:
            try:
                found = (self._file(entry).metadata.metadata or {}).get(KEY, b"")
                about = msgspec.json.decode(found, type=About)
            except msgspec.MsgspecError as error:
                raise _SpoiltError(f"does not come from wireverdict archive: {error}") from None
            if about.format > FORMAT:
                raise _SpoiltError(f"has format {about.format}, newer than the {FORMAT} known here")
            self._abouts[entry.path] = about
        return self._abouts[entry.path]

    def _plain(self, sensor: str, number: int, partitions: int, clock: int, *, end: bool = False) -> Recorded:
        times = np.array([min(clock, self._choice.limit)], np.int64)
        return Recorded(sensor, number, partitions, NOTHING, times, end)

    def _count(self, batch: HeaderBatch, left: int) -> None:
        self.counts["headers"] += len(batch.rows) - int(np.count_nonzero(batch.rows["present"] & QUOTED_ONLY))
        self.counts["not_chosen"] += left

    def _seen(self, first: int, last: int) -> None:
        self._span = (min(first, self._span[0]), max(last, self._span[1])) if self._span else (first, last)

    @property
    def span(self) -> tuple[int, int] | None:
        """Of what was read, so far."""
        return self._span

    @property
    def progress(self) -> tuple[int, int | None]:
        """Files that every partition has passed, of those that there are."""
        sensors: dict[str, int] = {}
        for key, passed in self._passed.items():
            name = key.partition("/")[2]
            sensors[name] = min(sensors.get(name, passed), passed)
        return sum(sensors.values()), self._files

    def position(self) -> dict[str, Any]:
        """See HeaderSource. Valid as long as nothing is added or deleted."""
        return {
            "places": {key: [*place, cut] for key, (place, cut) in self._places.items()},
            "counts": dict(self.counts),
            "span": self._span,
            "spoilt": [list(told) for told in self._spoilt],
        }

    def close(self) -> None:
        """Close the files."""
        while self._open:
            self._open.popitem()[1].close(force=True)
