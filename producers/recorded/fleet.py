"""The core over a header source: shards, and what joins them, for any number of sensors. Detectors are the caller's.

`Shards` takes what a source gives; `Benches` joins the windows of a sensor's shards, wherever those are (in other processes,
say); `Fleet` is both in one process. What comes out of one sensor, and in which order, is a function of its headers alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from producers.recorded.source import Recorded
from wireverdict import compose
from wireverdict.headers import QUOTED_ONLY
from wireverdict.settings import Settings
from wireverdict.shard import Shard
from wireverdict.windows.merge import Merge
from wireverdict.windows.part import WindowPart
from wireverdict.windows.view import WindowView

NEVER = -(1 << 62)


@dataclass(slots=True)
class Step:
    """What one shard has to say after some headers. `epoch`: inputs of the sensor that had ended here before."""

    sensor: str
    partition: int
    partitions: int
    epoch: int
    clock: int
    closed_through: int
    ended: bool
    parts: list[WindowPart]
    records: list[NDArray[np.void]]  # CONNECTION[n] each


class Item(NamedTuple):
    """A closed window of a sensor, records (CONNECTION[n]), or None: its input has ended, and no window of it is open."""

    sensor: str
    what: WindowView | NDArray[np.void] | None


@dataclass(slots=True)
class _Line:
    partitions: int
    epoch: int = 0
    clock: int = NEVER
    told: int | None = None
    ended: bool = False
    shard: Shard | None = None


Seen = dict[str, tuple[int, int, int]]
"""First and last clock (ns) of headers, and their number, by sensor; repeats of ICMP errors for other shards not counted."""


def together(one: Seen, other: Seen) -> Seen:
    """What two have seen, in the order of the first, then of the other."""
    joined = dict(one)
    for sensor, (first, last, many) in other.items():
        old = joined.get(sensor, (first, last, 0))
        joined[sensor] = min(old[0], first), max(old[1], last), old[2] + many
    return joined


class Shards:
    """A shard for each sensor and partition that comes along. `seen`: what it had."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lines: dict[tuple[str, int], _Line] = {}
        self._clocks: dict[str, dict[int, int]] = {}
        self.seen: Seen = {}

    def feed(self, recorded: Recorded) -> Step | None:
        """Take up some headers, a tick or an end; None if nothing is to be said yet. Raises ValueError."""
        key = recorded.sensor, recorded.partition
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(recorded.partitions)
        if line.ended:
            line.epoch, line.ended, line.clock, line.told = line.epoch + 1, False, NEVER, None
            line.partitions = recorded.partitions
        if line.shard is None:
            line.shard = compose.shard(self._settings, line.partitions)
        if len(recorded.clock):
            line.clock = max(line.clock, int(recorded.clock[-1]))
            clocks = self._clocks.setdefault(recorded.sensor, {})
            clocks[line.epoch] = max(clocks.get(line.epoch, NEVER), line.clock)
        if len(recorded.batch.rows):
            self._note(recorded)
            line.shard.feed(recorded.batch, recorded.clock)
        elif len(recorded.clock) and not recorded.end:
            line.shard.advance(line.clock)
        return self._end(key, line.clock) if recorded.end else self._step(key)

    @property
    def clocks(self) -> dict[str, dict[int, int]]:
        """How far each sensor is, by epoch, as far as it was seen here."""
        return {sensor: dict(clocks) for sensor, clocks in self._clocks.items()}

    @property
    def open(self) -> int:
        """Connections in the tables."""
        return sum(line.shard.open for line in self._lines.values() if line.shard is not None)

    def finish(self, clocks: dict[str, dict[int, int]] | None = None) -> list[Step]:
        """The source is over: end what is open. `clocks`: how far sensors were, other processes' shards included."""
        steps = []
        for key, line in sorted(self._lines.items()):
            if line.shard is not None:
                known = (clocks or self._clocks).get(key[0], {})
                steps.append(self._end(key, known.get(line.epoch, line.clock)))
        return steps

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        lines = [
            {
                "key": list(key),
                "line": [line.partitions, line.epoch, line.clock, line.told, line.ended],
                "shard": None if line.shard is None else line.shard.dump(),
            }
            for key, line in self._lines.items()
        ]
        clocks = [[sensor, list(map(list, clocks.items()))] for sensor, clocks in self._clocks.items()]
        return {"lines": lines, "clocks": clocks, "seen": [[sensor, *told] for sensor, told in self.seen.items()]}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. Raises ValueError for state that does not fit the settings."""
        for told in state["lines"]:
            sensor, partition = told["key"]
            line = self._lines[sensor, partition] = _Line(*told["line"])
            if told["shard"] is not None:
                line.shard = compose.shard(self._settings, line.partitions)
                line.shard.load(told["shard"])
        self._clocks = {sensor: dict(map(tuple, clocks)) for sensor, clocks in state["clocks"]}
        self.seen = {sensor: (first, last, many) for sensor, first, last, many in state["seen"]}

    def _note(self, recorded: Recorded) -> None:
        rows, clock = recorded.batch.rows, recorded.clock
        many = len(rows) - int(np.count_nonzero(rows["present"] & QUOTED_ONLY))
        self.seen = together(self.seen, {recorded.sensor: (int(clock[0]), int(clock[-1]), many)})

    def _end(self, key: tuple[str, int], clock: int) -> Step:
        line = self._lines[key]
        assert line.shard is not None
        line.clock, line.ended = max(line.clock, clock), True
        line.shard.finish(None if line.clock == NEVER else line.clock)
        step = self._step(key)
        line.shard = None
        assert step is not None
        return step

    def _step(self, key: tuple[str, int]) -> Step | None:
        line = self._lines[key]
        assert line.shard is not None
        taken, closed = line.shard.take(), line.shard.closed_through
        if not taken and closed == line.told and not line.ended:
            return None
        line.told = closed
        parts = [item for item in taken if isinstance(item, WindowPart)]
        records = [item for item in taken if isinstance(item, np.ndarray)]
        return Step(*key, line.partitions, line.epoch, line.clock, closed, line.ended, parts, records)


@dataclass(slots=True)
class _Bench:
    epoch: int = 0
    merge: Merge | None = None
    ended: set[int] = field(default_factory=set)
    later: list[Step] = field(default_factory=list)


class Benches:
    """Joins the windows of each sensor's shards."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._benches: dict[str, _Bench] = {}

    def feed(self, step: Step) -> list[Item]:
        """Windows that are complete now, in order of time, and the sensor's end (None) after its last one."""
        bench = self._benches.setdefault(step.sensor, _Bench())
        if step.epoch > bench.epoch:
            bench.later.append(step)
            return []
        merge = bench.merge
        if merge is None:
            merge = bench.merge = compose.merge(self._settings, step.partitions)
        if step.partitions != merge.shards:
            raise ValueError(
                f"{step.sensor} is divided into {step.partitions} partitions here and into {merge.shards} there; replay "
                "the two apart, by time or offsets"
            )
        items = [Item(step.sensor, view) for view in merge.add(step.partition, step.parts, step.closed_through)]
        if step.ended:
            bench.ended.add(step.partition)
        return items + (self._end(step.sensor) if len(bench.ended) == merge.shards else [])

    def finish(self) -> list[Item]:
        """Nothing more will come: windows that some shard has said nothing about, and the ends of all sensors."""
        items = []
        for sensor, bench in sorted(self._benches.items()):
            while bench.merge is not None or bench.later:
                items += self._end(sensor)
        return items

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        return {
            "benches": [
                {
                    "sensor": sensor,
                    "epoch": bench.epoch,
                    "shards": 0 if bench.merge is None else bench.merge.shards,
                    "merge": None if bench.merge is None else bench.merge.dump(),
                    "ended": sorted(bench.ended),
                    "later": [pack_step(step) for step in bench.later],
                }
                for sensor, bench in self._benches.items()
            ]
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. Raises ValueError."""
        for told in state["benches"]:
            bench = self._benches[told["sensor"]] = _Bench(told["epoch"])
            if told["merge"] is not None:
                bench.merge = compose.merge(self._settings, told["shards"])
                bench.merge.load(told["merge"])
            bench.ended = set(told["ended"])
            bench.later = [unpack_step(step) for step in told["later"]]

    def _end(self, sensor: str) -> list[Item]:
        bench = self._benches[sensor]
        items = [] if bench.merge is None else [Item(sensor, view) for view in bench.merge.finish()]
        if bench.merge is not None:
            items.append(Item(sensor, None))
        bench.epoch, bench.merge, bench.ended = bench.epoch + 1, None, set()
        waiting, bench.later = bench.later, []
        for step in waiting:
            items += self.feed(step)
        return items


class Fleet:
    """Both in one process: what a source gives in, records and windows out."""

    def __init__(self, settings: Settings) -> None:
        self.shards, self.benches = Shards(settings), Benches(settings)

    def feed(self, recorded: Recorded) -> list[Item]:
        """What some headers bring about, in order."""
        step = self.shards.feed(recorded)
        return [] if step is None else self._hear(step)

    def finish(self) -> list[Item]:
        """The source is over."""
        items = [item for step in self.shards.finish() for item in self._hear(step)]
        return items + self.benches.finish()

    def _hear(self, step: Step) -> list[Item]:
        return [Item(step.sensor, records) for records in step.records] + self.benches.feed(step)

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        return {"shards": self.shards.dump(), "benches": self.benches.dump()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh fleet. Raises ValueError."""
        self.shards.load(state["shards"])
        self.benches.load(state["benches"])


def pack_step(step: Step) -> dict[str, Any]:
    """For snapshots and other processes: values that `wireverdict.snapshot` takes. Without the records."""
    plain = [step.sensor, step.partition, step.partitions, step.epoch, step.clock, step.closed_through, step.ended]
    return {"plain": plain, "parts": [part.to_bytes() for part in step.parts]}


def unpack_step(told: dict[str, Any]) -> Step:
    """What `pack_step` gave."""
    step = Step(*told["plain"], [], [])  # type: ignore[call-arg]
    step.parts = [WindowPart.from_bytes(part) for part in told["parts"]]
    return step
