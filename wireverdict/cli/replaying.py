"""What ``wireverdict replay`` does."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson

from producers.publisher import PublishError
from producers.recorded.crew import Crew, Paced, Task
from producers.recorded.resend import Resend, own_topics
from producers.recorded.source import ARCHIVE, TOPIC, Gap, HeaderSource, SourceError
from wireverdict import compose, snapshot
from wireverdict.cli.analysis import read_settings, tell
from wireverdict.cli.app import FAILED, FOUND, NOTHING
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.plugins import loaded
from wireverdict.cli.progress import Progress
from wireverdict.cli.targets import keep_apart
from wireverdict.judge import Judge
from wireverdict.output.stream import in_words
from wireverdict.output.units import duration, printable, several, utf8
from wireverdict.settings import Settings, Source, from_environment, settings
from wireverdict.verdicts import Status, Verdict, timestamp

FLUSH = 60.0
"""s that Kafka has to take what was sent, before a state is kept and at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.replay` declares it."""

    sources: tuple[str, ...]
    begin: str | None = None
    end: str | None = None
    offsets: tuple[str, ...] = ()
    late: float | None = None
    sensors: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    called: str = "capture"
    speed: str = "max"
    to_topic: str | None = None
    json: bool = False
    verdicts: str | None = None
    connections: str | None = None
    report: str | None = None
    state: str | None = None
    every: float = 30.0
    processes: int | None = None
    partitions: int | None = None
    name: str = "replay"
    servers: str | None = None
    config: str | None = None
    detectors: tuple[str, ...] = ()


def replay(options: Options) -> int:
    """Run the command; its exit status."""
    with Interrupts() as interrupts:
        try:
            task, processes = prepare(options)
            run = (Sending if options.to_topic else Judging)(options, task, processes, interrupts)
            return run.status()
        except (SourceError, PublishError, ValueError, OSError, RuntimeError) as error:
            return tell(in_words(error))


def prepare(options: Options) -> tuple[Task, int]:
    """What is to be read, and by how many processes. Raises SettingsError, ValueError, SourceError."""
    outputs = {"--verdicts": options.verdicts, "--connections": options.connections, "--report": options.report}
    read = [path for path in options.sources if not path.startswith((TOPIC, ARCHIVE))]
    keep_apart({**outputs, "--state": options.state}, [*read, *([options.config] if options.config else [])])
    chosen = chosen_settings(options)
    speed = read_speed(options.speed)
    kind = next((kind for kind in (TOPIC, ARCHIVE) if options.sources[0].startswith(kind)), "")
    processes = 1 if speed else options.processes or os.cpu_count() or 1
    how: dict[str, Any] = {"sensors": options.sensors, "addresses": options.addresses}
    how |= {"begin": read_time(options.begin), "end": read_time(options.end)}
    if not kind:
        partitions = chosen.bus.partitions if options.to_topic else processes
        how |= {"sensor": options.called, "partitions": options.partitions or partitions}
    if kind == TOPIC and options.late is not None:
        how["late"] = options.late if options.late >= 0 else math.inf
    if options.offsets:
        if kind != TOPIC:
            raise ValueError("--offsets are those of a topic; name topic: as the source")
        how["offsets"] = read_offsets(options.offsets)
    return Task(options.sources, chosen, how, options.connections is not None, speed), processes


def chosen_settings(options: Options) -> Settings:
    """Defaults, then the file, then the environment, then the command line. Raises SettingsError."""
    given = {"bus": {"servers": options.servers}} if options.servers else {}
    sources = [read_settings(options.config)] if options.config else []
    given_last = Source(given, lambda key: "command line")
    return loaded(settings([*sources, from_environment(os.environ), given_last], options.detectors))


def read_time(text: str | None) -> int | None:
    """ns since 1970. Raises ValueError."""
    if text is None:
        return None
    try:
        return round(float(text) * 1_000_000_000) if re.fullmatch(r"[\d.]+", text) else _moment(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 2026-11-23T07:00:00Z, or seconds since 1970") from None


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    since = moment - datetime.fromtimestamp(0, UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def read_speed(text: str) -> float:
    """Times the recorded speed; 0 for as fast as it goes. Raises ValueError."""
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = -1.0
    if speed < 0 or not math.isfinite(speed) or (speed == 0 and text != "max"):
        raise ValueError(f"--speed {text}: a number more than 0, or max")
    return speed


def read_offsets(texts: tuple[str, ...]) -> dict[int, tuple[int | None, int | None]]:
    """``partition:from-to``, the offset `to` not included; both may be left out. Raises ValueError."""
    found: dict[int, tuple[int | None, int | None]] = {}
    for text in texts:
        parts = re.fullmatch(r"(\d+)(?::(\d*)-(\d*))?", text)
        if parts is None:
            raise ValueError(f"--offsets {text}: write PARTITION:FROM-TO, such as 3:1000-2000, 3:1000- or 3")
        first, last = parts[2], parts[3]
        found[int(parts[1])] = (int(first) if first else None, int(last) if last else None)
    return found


class Run:
    """What both ways of replaying have in common: state, report, end."""

    def __init__(self, options: Options, task: Task, processes: int, interrupts: Interrupts) -> None:
        self.options, self.task, self.processes, self.interrupts = options, task, processes, interrupts
        self.what = repr((options.sources, sorted(task.options.items()), options.name, options.to_topic, processes))
        self.began = self._kept = time.monotonic()
        self.firing = 0

    def kept(self) -> Mapping[str, Any] | None:
        """The state of an earlier run, if there is one. Raises ValueError for that of another replay."""
        path = Path(self.options.state or "")
        if not self.options.state or not path.exists():
            return None
        told = snapshot.unpack(path.read_bytes())
        if told.get("what") != self.what:
            raise ValueError(f"{path} is the state of another replay; name another --state, or delete it")
        return told

    def keep(self, state: dict[str, Any]) -> None:
        """Replace the state. Raises OSError."""
        assert self.options.state is not None
        path = Path(self.options.state)
        new = path.with_name(path.name + ".new")
        new.write_bytes(snapshot.pack({"what": self.what, **state}))
        new.replace(path)
        self._kept = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the state is to be kept now."""
        return bool(self.options.state) and time.monotonic() - self._kept >= self.options.every

    def finish(self, headers: int, records: int, told: dict[str, Any], gaps: list[Gap], span: Any, counts: Any) -> int:
        """Report; the exit status. Raises OSError."""
        seconds = time.monotonic() - self.began
        packets = (span[1] - span[0]) / 1e9 if span else 0.0
        document = {
            "event": {"kind": "metric", "dataset": "wireverdict.replay"},
            "wireverdict": {
                "replay": self.options.name,
                "sources": [utf8(text) for text in self.options.sources],
                "headers": headers,
                "connections": records,
                **told,
                "first": timestamp(span[0]) if span else None,
                "last": timestamp(span[1]) if span else None,
                "seconds": round(seconds, 3),
                "times_real_time": round(packets / seconds, 1),
                "interrupted": bool(self.interrupts.signal),
                "counts": dict(sorted(counts.items())),
                "gaps": [msgspec.to_builtins(gap) for gap in gaps],
            },
        }
        if self.options.report is not None:
            Path(self.options.report).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        speed = f", {packets / seconds:,.0f} times real time" if packets > 1 else ""
        print(
            f"{headers:,} headers, {duration(round(packets * 1e9))} of them, in {seconds:.1f} s{speed}", file=sys.stderr
        )
        versions = {name[7:]: many for name, many in counts.items() if name.startswith("schema_")}
        if len(versions) > 1:
            listed = ", ".join(f"{version} ({many:,} messages)" for version, many in sorted(versions.items()))
            print(f"schema versions in the topic: {listed}", file=sys.stderr)
        known = several(len(gaps), "known gap")
        print(f"incomplete, {known}:" if gaps else "no gap is known", file=sys.stderr)
        for gap in gaps:
            print(printable(f"  {gap.kind}: {gap}"), file=sys.stderr)
        if not headers:
            print("no header was found: look at the source, and at what chooses from it", file=sys.stderr)
        if self.interrupts.signal:
            return 128 + self.interrupts.signal
        if self.options.state:
            Path(self.options.state).unlink(missing_ok=True)
        if any(gap.kind == "damaged" for gap in gaps):
            return FAILED
        return FOUND if self.firing else NOTHING

    def status(self) -> int:
        """Do it; the exit status. Raises SourceError, OSError, RuntimeError."""
        raise NotImplementedError


class Judging(Run):
    """In process: shards in processes of their own, detectors here."""

    def status(self) -> int:
        """See Run."""
        crew, self.judges, self.lines = (
            Crew(self.task, self.processes),
            dict[str, Judge](),
            list[tuple[int, str, bytes]](),
        )
        written = 0
        state = self.kept()
        if state is not None:
            crew.load(state["crew"])
            for sensor, judge in state["judges"].items():
                self.judges[sensor] = compose.judge(self.task.settings)
                self.judges[sensor].load(judge)
            self.lines = [(at, sensor, line) for at, sensor, line in state["lines"]]
            self.firing, written = state["firing"], state["written"]
        records = self._records(written)
        with Progress(sys.stderr) as progress:
            for heard in crew:
                if isinstance(heard.what, bytes):
                    assert records is not None
                    records.write(heard.what)
                elif not heard.progress:
                    self._judge(heard.sensor, heard.what)
                totals = crew.totals
                progress.update(totals.headers, totals.done, totals.total, _position(totals.clock))
                if self.due or self.interrupts.signal:
                    crew.ask()
                if crew.ready:
                    if records is not None:
                        records.flush()
                    self._keep(crew, 0 if records is None else records.tell())
                    if self.interrupts.signal:
                        break
        if records is not None:
            records.close()
        self._write()
        told = {"verdicts": len(self.lines)}
        totals = crew.totals
        return self.finish(totals.headers, totals.records, told, totals.gaps, totals.span, totals.counts)

    def _records(self, written: int) -> Any:
        if self.options.connections is None:
            return None
        file = Path(self.options.connections).open("r+b" if written else "wb")  # noqa: SIM115 - closed at the end
        file.truncate(written)
        file.seek(written)
        return file

    def _judge(self, sensor: str, view: Any) -> None:
        judge = self.judges.get(sensor)
        if judge is None:
            judge = self.judges[sensor] = compose.judge(self.task.settings)
        for verdict in judge.step(view) if view is not None else self.judges.pop(sensor).finish():
            self._tell(sensor, verdict)

    def _tell(self, sensor: str, verdict: Verdict) -> None:
        line = orjson.dumps(verdict.to_json() | {"observer": {"name": sensor}})
        self.lines.append((verdict.at, sensor, line))
        self.firing += verdict.status is Status.FIRING
        if self.options.json:
            print(line.decode(), flush=True)
        elif self.options.verdicts is None:
            whom = verdict.subject.text() or "everything captured"
            about = f"{verdict.severity.name} {verdict.status}  {verdict.name}: {whom}"
            print(f"{timestamp(verdict.at)}  {sensor}  {about}", flush=True)

    def _keep(self, crew: Crew, written: int) -> None:
        kept = crew.checkpoint()
        if self.options.state is not None:
            judges = {sensor: judge.dump() for sensor, judge in self.judges.items()}
            lines = [list(line) for line in self.lines]
            self.keep({"crew": kept, "judges": judges, "lines": lines, "firing": self.firing, "written": written})

    def _write(self) -> None:
        """All verdicts by time, sensor and text: in an order that depends on nothing else."""
        if self.options.verdicts is not None:
            Path(self.options.verdicts).write_bytes(b"".join(line + b"\n" for _, _, line in sorted(self.lines)))


class Sending(Run):
    """Onto another headers topic."""

    def status(self) -> int:
        """See Run."""
        from producers.publisher import Publisher

        read = self.options.sources[0].removeprefix(TOPIC) if self.options.sources[0].startswith(TOPIC) else ""
        assert self.options.to_topic is not None
        own_topics(self.task.settings.bus, self.options.to_topic, 1, read)
        state = self.kept()
        source = self.task.source((0, 1), state["position"] if state else None)
        resend, pace = Resend(self.options.name, self.what), Paced(self.task.speed)
        headers = 0
        if state is not None:
            resend.load(state["sent"])
            headers = state["headers"]
        publisher: Publisher | None = None
        try:
            with Progress(sys.stderr) as progress:
                for recorded in source:
                    if publisher is None:
                        publisher = self._publisher(read, recorded.partitions)
                    while (left := pace.due(recorded)) > 0 and not self.interrupts.signal:
                        time.sleep(min(left, 0.1))
                    for message in resend.messages(recorded):
                        publisher.send(message)
                    headers += len(recorded.batch.rows)
                    last = int(recorded.clock[-1]) if len(recorded.clock) else 0
                    progress.update(headers, *source.progress, _position(last))
                    if self.due or self.interrupts.signal:
                        self._keep(publisher, source, resend, headers)
                    if self.interrupts.signal:
                        break
                else:
                    for message in resend.finish():
                        assert publisher is not None
                        publisher.send(message)
            if publisher is not None and publisher.close(FLUSH):
                raise PublishError("Kafka did not take the last messages; run again: what it has is left out")
        finally:
            source.close()
        return self.finish(headers, 0, {"topic": self.options.to_topic}, source.gaps, source.span, source.counts)

    def _publisher(self, read: str, partitions: int) -> Any:
        """To topics of our own, which are made if they are not there. Raises PublishError, SourceError, OSError."""
        from producers.publisher import Publisher
        from wireverdict.cluster import Cluster

        assert self.options.to_topic is not None
        bus = own_topics(self.task.settings.bus, self.options.to_topic, partitions, read)
        cluster = Cluster(bus)
        for sentence in cluster.create(cluster.wrong()[0]):
            raise SourceError(sentence)
        publisher = Publisher(bus, stopped=lambda: self.interrupts.signal != 0)
        publisher.check()
        return publisher

    def _keep(self, publisher: Any, source: HeaderSource, resend: Resend, headers: int) -> None:
        if self.options.state is None:
            return
        if not publisher.settle(FLUSH):
            raise PublishError("Kafka does not take what is sent")
        self.keep({"position": source.position(), "sent": resend.dump(), "headers": headers})


def _position(clock: int) -> str:
    return timestamp(clock // 1_000_000_000 * 1_000_000_000) if clock > 0 else ""
