"""Shards in processes of their own: each reads its share of a source's partitions; what they say is joined here.

A checkpoint is a line drawn through all of them: each process says what it holds between two messages and goes on; what it
says after that waits until all have said theirs. So state and outputs fit each other without stopping anybody.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from producers.recorded.fleet import Benches, Seen, Shards, Step, together
from producers.recorded.source import Gap, HeaderSource, Recorded, SourceError, open_source
from wireverdict import snapshot
from wireverdict.settings import Settings
from wireverdict.windows.view import WindowView

AHEAD = 600_000_000_000
"""ns of packet time that a process may be ahead of another: its windows wait in memory."""
TELL = 0.2
"""s between two messages of how far a process is, at most."""
GROUPED = 64
"""Steps in one message, at most."""


@dataclass(frozen=True)
class Task:
    """What is read: the arguments of producers.recorded.source.open_source."""

    spec: Sequence[str]
    settings: Settings
    options: Mapping[str, Any] = field(default_factory=dict)
    records: bool = False  # whether connection records are wanted, as JSON lines
    speed: float = 0.0  # times the speed at which it was recorded; 0: as fast as it goes

    def source(self, share: tuple[int, int], position: Mapping[str, Any] | None) -> HeaderSource:
        """Raises SourceError."""
        return open_source(self.spec, self.settings, share=share, position=position, **self.options)


class Heard(NamedTuple):
    """What the crew has to say: a window of a sensor or its end (None), its records as JSON lines, or nothing but progress."""

    sensor: str = ""
    what: WindowView | bytes | None = None
    progress: bool = False


@dataclass
class Totals:
    """Sums over all processes, so far."""

    headers: int = 0
    records: int = 0
    done: int = 0
    total: int | None = None
    clock: int = -(1 << 62)
    counts: dict[str, int] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    span: tuple[int, int] | None = None
    seen: Seen = field(default_factory=dict)  # once all have read to the end


class Paced:
    """The same headers, each when its time has come."""

    def __init__(self, speed: float) -> None:
        """`speed`: seconds of packet time in one second; 0: without waiting."""
        self.speed = speed
        self._origin: tuple[float, int] | None = None

    def due(self, recorded: Recorded) -> float:
        """Seconds until it is time."""
        if not self.speed or not len(recorded.clock):
            return 0.0
        clock = int(recorded.clock[-1])
        if self._origin is None:
            self._origin = time.monotonic(), int(recorded.clock[0])
        began, first = self._origin
        return began + (clock - first) / 1e9 / self.speed - time.monotonic()


class Member:
    """One process's work; see `run`."""

    def __init__(self, task: Task, share: tuple[int, int], told: Mapping[str, Any] | None, pipe: Connection) -> None:
        self.task, self.pipe, self.clock = task, pipe, -(1 << 62)
        self.source = task.source(share, told["position"] if told else None)
        self.shards = Shards(task.settings)
        if told:
            self.shards.load(told["shards"])
        self._steps: list[Step] = []
        self._told = 0.0
        self._before: dict[str, Any] | None = None  # where the source was before what still waits for its time
        self._headers = self._records = 0

    def run(self) -> None:
        """Until everything is said, and the others have said how far they were."""
        pace = Paced(self.task.speed)
        if pace.speed:
            self._before = self.source.position()
        for recorded in self.source:
            while (left := pace.due(recorded)) > 0:
                self._tell()
                if self.pipe.poll(min(left, TELL)):
                    self._asked()
            if len(recorded.clock):
                self.clock = max(self.clock, int(recorded.clock[-1]))
            self._headers += len(recorded.batch.rows)
            step = self.shards.feed(recorded)
            if step is not None:
                self._steps.append(step)
            if pace.speed:
                self._before = self.source.position()
            if len(self._steps) >= GROUPED or time.monotonic() - self._told > TELL:
                self._tell()
            if self.pipe.poll():
                self._asked()
        self._tell()
        self._before = None
        source = self.source
        self.pipe.send(("over", self.shards.clocks, source.counts, source.gaps, source.span, self.shards.seen))
        while (clocks := self._asked()) is None:
            pass
        for step in self.shards.finish(clocks):
            self._steps.append(step)
            self._tell()
        self.pipe.send(("end",))

    def _tell(self) -> None:
        packed = []
        for step in self._steps:
            lines = []
            for records in step.records:
                self._records += len(records)
                if self.task.records:
                    lines.append(json_records(records, step.sensor, self.task.settings.capture.community_id_seed))
            step.records = []
            packed.append((step, b"".join(lines)))
        self._steps = []
        self._told = time.monotonic()
        totals = (self._headers, self._records, *self.source.progress, self.clock)
        self._headers = self._records = 0
        self.pipe.send(("steps", packed, totals))

    def _asked(self) -> dict[str, dict[int, int]] | None:
        """What the others' clocks are, or, having given a checkpoint, None."""
        asked = self.pipe.recv()
        if asked is not None:
            clocks: dict[str, dict[int, int]] = asked
            return clocks
        self._tell()
        state = {"position": self._before or self.source.position(), "shards": self.shards.dump()}
        self.pipe.send(("state", snapshot.pack(state)))
        return None


def json_records(records: Any, sensor: str, seed: int) -> bytes:
    """Connection records (CONNECTION[n]) as JSON lines, as `analyze --json` has them, with the sensor's name."""
    from wireverdict.output.identity import record_ids
    from wireverdict.output.json_records import sensor_lines

    return b"".join(bytes(piece) for piece in sensor_lines(records, record_ids(records, sensor), sensor, seed))


def work(task: Task, share: tuple[int, int], state: bytes | None, pipe: Connection) -> None:
    """The process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a whole group gets them; the one that started us ends us
        signal.signal(number, signal.SIG_IGN)
    try:
        Member(task, share, None if state is None else snapshot.unpack(state), pipe).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # who started us is gone
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told where people see it
        with suppress(OSError):  # unless nobody listens any more
            pipe.send(("error", isinstance(error, ValueError | OSError), f"{error}" or repr(error)))


class Crew:
    """Processes over one task. Iterate for what they say: in order for one sensor, in no order between sensors.

    `load` before the iteration and `checkpoint` within it: see the module.
    """

    def __init__(self, task: Task, processes: int) -> None:
        self.totals = Totals()
        self._task, self._processes = task, processes
        self._benches = Benches(task.settings)
        self._states: list[bytes | None] = [None] * processes
        self._asked: dict[int, bytes] | None = None
        self._clocks = [-(1 << 62)] * processes
        self._seen: list[tuple[int, int | None]] = [(0, None)] * processes
        self._over: dict[int, tuple[dict[str, dict[int, int]], dict[str, int], list[Gap], Any]] = {}
        self._ended: set[int] = set()
        self._pipes: list[Connection] = []

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `checkpoint` gave. Raises ValueError for another number of processes."""
        if len(state["members"]) != self._processes:
            raise ValueError(f"it was begun with {len(state['members'])} processes; go on with as many")
        self._states = list(state["members"])
        self._benches.load(state["benches"])
        self.totals.headers, self.totals.records = state["totals"]

    def __iter__(self) -> Iterator[Heard]:
        """Raises SourceError, and RuntimeError for a process that died."""
        context = multiprocessing.get_context("spawn")
        members = []
        try:
            for number in range(self._processes):
                ours, theirs = context.Pipe()
                share = (number, self._processes)
                member = context.Process(
                    target=work, args=(self._task, share, self._states[number], theirs), daemon=True
                )
                member.start()
                theirs.close()
                members.append(member)
                self._pipes.append(ours)
            yield from self._listen()
        finally:
            for pipe in self._pipes:
                pipe.close()
            for member in members:
                member.join(5)
                if member.is_alive():
                    member.kill()
                    member.join()

    def ask(self) -> None:
        """Ask for a checkpoint, unless one is under way; `ready` says when it is there."""
        if self._asked is None and len(self._over) < self._processes:
            self._asked = {}
            for pipe in self._pipes:
                pipe.send(None)

    @property
    def ready(self) -> bool:
        """Whether all have answered; `checkpoint` is to be called now, before the iteration goes on."""
        return self._asked is not None and len(self._asked) == self._processes

    def checkpoint(self) -> dict[str, Any]:
        """What `load` takes: everything up to here, for `wireverdict.snapshot`."""
        assert self._asked is not None
        members = [self._asked[number] for number in range(self._processes)]
        self._asked = None
        return {
            "members": members,
            "benches": self._benches.dump(),
            "totals": [self.totals.headers, self.totals.records],
        }

    def _listen(self) -> Iterator[Heard]:
        while len(self._ended) < self._processes:
            for pipe in wait([self._pipes[number] for number in self._wanted()]):
                assert isinstance(pipe, Connection)
                number = self._pipes.index(pipe)
                if self._asked is not None and number in self._asked:
                    continue
                try:
                    kind, *told = pipe.recv()
                except (EOFError, ConnectionResetError):
                    raise RuntimeError("a process of the replay died") from None
                yield from self._hear(number, kind, told)
        for item in self._benches.finish():
            assert not hasattr(item.what, "dtype")
            yield Heard(item.sensor, item.what)

    def _wanted(self) -> list[int]:
        """Whom to listen to now: nobody who is far ahead of others, or waits for their checkpoint."""
        going = [number for number in range(self._processes) if number not in self._ended]
        if self._asked is not None:
            return [number for number in going if number not in self._asked]
        behind = min((self._clocks[number] for number in going if number not in self._over), default=0)
        near = [number for number in going if number in self._over or self._clocks[number] <= behind + AHEAD]
        return near or going

    def _hear(self, number: int, kind: str, told: list[Any]) -> Iterator[Heard]:
        if kind == "steps":
            packed, (headers, records, done, total, clock) = told
            self.totals.headers += headers
            self.totals.records += records
            self._clocks[number], self._seen[number] = clock, (done, total)
            self.totals.done = sum(done for done, _ in self._seen)
            totals = [total for _, total in self._seen]
            self.totals.total = None if None in totals else sum(total or 0 for total in totals)
            self.totals.clock = max(self.totals.clock, clock)
            for step, lines in packed:
                if lines:
                    yield Heard(step.sensor, lines)
                for item in self._benches.feed(step):
                    yield Heard(item.sensor, item.what)  # type: ignore[arg-type]
            yield Heard(progress=True)
        elif kind == "state":
            assert self._asked is not None
            self._asked[number] = told[0]
            yield Heard(progress=True)
        elif kind == "over":
            self._over[number] = (told[0], told[1], told[2], told[3])
            self.totals.seen = together(self.totals.seen, told[4])
            if len(self._over) == self._processes:
                self._all_over()
        elif kind == "end":
            self._ended.add(number)
        else:
            raise SourceError(told[1]) if told[0] else RuntimeError(told[1])

    def _all_over(self) -> None:
        clocks: dict[str, dict[int, int]] = {}
        gaps: dict[Gap, None] = {}
        for own, counts, some, span in self._over.values():
            for sensor, epochs in own.items():
                known = clocks.setdefault(sensor, {})
                for epoch, clock in epochs.items():
                    known[epoch] = max(clock, known.get(epoch, clock))
            for name, many in counts.items():
                self.totals.counts[name] = self.totals.counts.get(name, 0) + many
            gaps.update(dict.fromkeys(some))
            if span is not None:
                before = self.totals.span or span
                self.totals.span = min(before[0], span[0]), max(before[1], span[1])
        self.totals.gaps = sorted(gaps, key=lambda gap: (gap.where, gap.kind, gap.reason))
        for pipe in self._pipes:
            pipe.send(clocks)
