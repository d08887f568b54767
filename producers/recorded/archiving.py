"""From a header source into an archive: files by sensor and hour, in commits that say up to where the source is in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from producers.batching import BEGINNING
from producers.recorded.columns import MESSAGE, SCHEMA, TEXTS, TIME, to_table
from producers.recorded.pieces import joined
from producers.recorded.source import HeaderSource, Recorded
from producers.recorded.store import HOUR, Cursor, Store
from wireverdict.headers import QUOTED_ONLY, HeaderBatch

FORMAT = 1
"""Version of the files' layout. A reader refuses a newer one."""
KEY = b"wireverdict"
"""Of the description (About) in the metadata of a file."""
GROUP = 1 << 17
"""Headers in a row group."""
AT_ONCE = 2_000_000
"""Headers that are held in memory until they are written, about 170 bytes each."""
_DICTIONARIES = [
    *TEXTS,
    *("protocol", "ttl", "tos", "direction", "present", "tcp_flags", "sport", "dport", "window", "mss", "wscale"),
    *("frame_length", "ip_length", "payload_length", "dns_qtype", "dns_flags", "vlan", "time_ns"),
]
_ENCODINGS = {TIME: "DELTA_BINARY_PACKED"}
_LEVELS = dict.fromkeys(("seq", "ack", "tsval", "tsecr"), 9)
"""Of zstd, where more of it than 1 is worth it: these are half of all columns. What repeats in them are whole numbers (an
acknowledgement is what was expected next, an echo is a time stamp), so they are left as they are, not split into bytes."""


class Told(msgspec.Struct, omit_defaults=True):
    """One thing that a partition's stream has in a file, in order: a row group, an end, or how far the clock is."""

    partition: int
    partitions: int
    clock: int  # ns: of the first header of a row group, or how far the sensor was
    group: int = -1
    last: int = 0  # ns, of the last header of a row group
    end: bool = False
    sampling: float = 1.0


class About(msgspec.Struct):
    """What a file says about itself."""

    format: int
    sensor: str
    hour: int
    commit: int
    told: list[Told]
    source: dict[str, Any]  # where the commit began and where it ended in the source


@dataclass(slots=True)
class _Waiting:
    """What one partition of a sensor's hour has in memory."""

    partitions: int
    parts: list[tuple[HeaderBatch, NDArray[np.int64]]] = field(default_factory=list)
    told: list[tuple[int, bool, int]] = field(default_factory=list)  # clock, end, parts before it


class Archiver:
    """Takes what a source gives; `commit` writes it. One at a time for a Store that was opened to be written."""

    def __init__(self, store: Store, most: int = AT_ONCE, source: str = "source") -> None:
        """Finishes what an earlier one had begun to commit. `source`: the name of what is read. Raises SourceError."""
        self.store, self.cursor, self._most, self._source = store, store.cursor(), most, source
        store.settle(self.cursor)
        self.position: dict[str, Any] | None = self.cursor.positions.get(source)
        """Of the source: from where to go on."""
        self._hours: dict[tuple[str, int], dict[int, _Waiting]] = {}
        self._clocks: dict[tuple[str, int], int] = {}
        self._held = 0

    @property
    def full(self) -> bool:
        """Whether it is time for a commit."""
        return self._held >= self._most

    def feed(self, recorded: Recorded) -> None:
        """Take up some headers, which are copied."""
        key, clock = (recorded.sensor, recorded.partition), recorded.clock
        now = int(clock[-1]) if len(clock) else self._clocks.get(key, BEGINNING)
        if now == BEGINNING:
            return
        self._clocks[key] = now
        if not len(recorded.batch.rows):
            waiting = self._waiting(recorded, now // HOUR * HOUR)
            if waiting.told and not waiting.told[-1][1] and waiting.told[-1][2] == len(waiting.parts):
                waiting.told.pop()  # a tick after a tick
            waiting.told.append((now, recorded.end, len(waiting.parts)))
            return
        hours, rows = clock // HOUR, recorded.batch.rows
        starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(clock)], strict=True):
            part = recorded.batch._replace(rows=rows[start:stop].copy(), names=recorded.batch.names.copy())
            waiting = self._waiting(recorded, int(hours[start]) * HOUR)
            waiting.parts.append((part, clock[start:stop].copy()))
        self._held += len(clock)

    def commit(self, source: HeaderSource) -> int:
        """Write what was taken up, with the source's position; bytes of the files. Raises OSError."""
        number = self.cursor.commit + 1
        position = source.position()
        where = {"name": self._source, "from": self.cursor.positions.get(self._source), "to": position}
        renames, size, headers = [], 0, self.cursor.headers
        files = dict(self.cursor.files)
        for (sensor, hour), partitions in sorted(self._hours.items()):
            about = About(FORMAT, sensor, hour, number, [], _brief(where))
            data, many = _file(about, partitions)
            final = self.store.path(sensor, hour, number)
            temporary = self.store.temporary(final)
            self.store.put(temporary, data)
            renames.append((temporary, final))
            files[sensor] = files.get(sensor, 0) + 1
            size += len(data)
            headers += many
        gaps = [(gap.kind, gap.where, gap.many, gap.unit, gap.reason) for gap in source.gaps]
        before = self.cursor
        self.cursor = Cursor(
            number,
            {**before.positions, self._source: position},
            renames,
            headers,
            before.bytes + size,
            {**before.gaps, self._source: gaps},
            dict(before.deleted),
            files,
        )
        self.store.commit(self.cursor)
        self._hours, self._held, self.position = {}, 0, position
        return size

    def _waiting(self, recorded: Recorded, hour: int) -> _Waiting:
        partitions = self._hours.setdefault((recorded.sensor, hour), {})
        return partitions.setdefault(recorded.partition, _Waiting(recorded.partitions))


def _brief(where: dict[str, Any]) -> dict[str, Any]:
    """Offsets only, of positions of a topic."""

    def offsets(position: Any) -> Any:
        if not isinstance(position, dict) or "partitions" not in position:
            return position
        return {number: told["next"] for number, told in position["partitions"].items()}

    return {name: offsets(position) for name, position in where.items()}


def _file(about: About, partitions: dict[int, _Waiting]) -> tuple[Any, int]:
    """A Parquet file as bytes, and how many headers it holds, copies for other partitions left out."""
    groups, headers = 0, 0
    tables = []
    for number, waiting in sorted(partitions.items()):
        at = 0
        for clock, end, before in [*waiting.told, (0, False, len(waiting.parts))]:
            for batch, clocks in _groups(waiting.parts[at:before]):
                first, last = int(clocks[0]), int(clocks[-1])
                told = Told(number, waiting.partitions, first, groups, last, sampling=batch.sampling)
                about.told.append(told)
                tables.append(to_table(batch, clocks))
                headers += len(clocks) - int(np.count_nonzero(batch.rows["present"] & QUOTED_ONLY))
                groups += 1
            at = before
            if clock:
                about.told.append(Told(number, waiting.partitions, clock, end=end))
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink,
        SCHEMA,
        compression={name: "none" if name == MESSAGE else "zstd" for name in SCHEMA.names},
        compression_level={name: _LEVELS.get(name, 1) for name in SCHEMA.names if name != MESSAGE},
        use_dictionary=_DICTIONARIES,
        column_encoding=_ENCODINGS,
        dictionary_pagesize_limit=16 << 20,
        write_statistics=[name for name in SCHEMA.names if name != MESSAGE],
        store_schema=False,
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=GROUP)
        writer.add_key_value_metadata({KEY: msgspec.json.encode(about)})
    return sink.getvalue(), headers


def _groups(parts: list[tuple[HeaderBatch, NDArray[np.int64]]]) -> Iterator[tuple[HeaderBatch, NDArray[np.int64]]]:
    """What was taken up, in row groups: of one share of sampling each. Joined one by one: memory is used again."""
    some: list[tuple[HeaderBatch, NDArray[np.int64]]] = []
    room = GROUP
    for batch, clock in parts:
        at = 0
        while at < len(clock):
            if not room or (some and some[0][0].sampling != batch.sampling):
                yield _together(some)
                some, room = [], GROUP
            here = slice(at, at + room)
            some.append((batch._replace(rows=batch.rows[here]), clock[here]))
            many = len(some[-1][1])
            at, room = at + many, room - many
    if some:
        yield _together(some)


def _together(some: list[tuple[HeaderBatch, NDArray[np.int64]]]) -> tuple[HeaderBatch, NDArray[np.int64]]:
    whole = joined([batch for batch, _ in some])._replace(sampling=some[0][0].sampling)
    return whole, np.concatenate([clock for _, clock in some])


def archive(source: HeaderSource, archiver: Archiver) -> Iterator[int]:
    """Everything of a source; gives the size of each commit (bytes). Raises OSError."""
    for recorded in source:
        archiver.feed(recorded)
        if archiver.full:
            yield archiver.commit(source)
    yield archiver.commit(source)
