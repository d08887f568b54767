"""What ``wireverdict archive`` does."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from producers.capture import run_id
from producers.recorded.archiving import Archiver
from producers.recorded.source import ARCHIVE, TOPIC, Gap, HeaderSource, SourceError, open_source
from producers.recorded.store import HOUR, Store
from producers.timeline import open_timeline
from wireverdict.cli.app import FAILED, NOTHING
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.progress import Progress
from wireverdict.cli.replaying import Options, chosen_settings
from wireverdict.output.units import printable, several, size
from wireverdict.verdicts import timestamp

DAY = 86_400.0
AGAIN = 1.0
"""s between looks at a topic that is followed."""


@dataclass(frozen=True, slots=True)
class Writing:
    """The command line of ``archive write``."""

    where: str
    sources: tuple[str, ...] = ()
    follow: bool = False
    every: float = 300.0
    keep: float | None = None
    called: str = "capture"
    partitions: int = 1
    servers: str | None = None
    config: str | None = None


def write(options: Writing) -> int:
    """Until the source is over, or, with `follow`, until asked to stop; the exit status. Raises SourceError, OSError."""
    sources = options.sources or (TOPIC,)
    topic = sources[0].startswith(TOPIC)
    if sources[0].startswith(ARCHIVE):
        raise SourceError("an archive is copied with cp or the like; name a topic or captures as the source")
    if options.follow and not topic:
        raise SourceError("--follow is for topics; a capture is over when it ends")
    settings = chosen_settings(Options(sources, servers=options.servers, config=options.config))
    name = f"{settings.bus.prefix}/{sources[0]}"
    if not topic:
        paths = [report.path for report in open_timeline(sources).reports]
        name = run_id(options.called, paths, options.partitions, settings.capture.home_networks)
    archiver = Archiver(Store(options.where, write=True), source=name)
    before = archiver.cursor.headers
    written = time.monotonic()
    with Interrupts() as interrupts, Progress(sys.stderr) as progress:
        while True:
            source = open_source(
                sources,
                settings,
                position=archiver.position,
                **({"follow": True} if topic else {"sensor": options.called, "partitions": options.partitions}),
            )
            try:
                for recorded in source:
                    archiver.feed(recorded)
                    last = int(recorded.clock[-1]) if len(recorded.clock) else 0
                    progress.update(source.counts.get("headers", 0), *source.progress, timestamp(last) if last else "")
                    if archiver.full or interrupts.signal:
                        written = _commit(archiver, source, options)
                    if interrupts.signal:
                        break
                # Waits before it commits: a signal that comes meanwhile shall find what was read in the archive.
                over = not options.follow or not interrupts.sleep(AGAIN)
                if over or time.monotonic() - written >= options.every:
                    written = _commit(archiver, source, options)
                archiver.position = source.position()
            finally:
                source.close()
            if over:
                break
    headers = archiver.cursor.headers - before
    print(f"{headers:,} headers written; {_of(archiver)}", file=sys.stderr)
    for gap in source.gaps:
        print(printable(f"  {gap.kind}: {gap}"), file=sys.stderr)
    archiver.store.close()
    if interrupts.signal:
        return 128 + interrupts.signal
    return FAILED if any(gap.kind == "damaged" for gap in source.gaps) else NOTHING


def _commit(archiver: Archiver, source: HeaderSource, options: Writing) -> float:
    archiver.commit(source)
    if options.keep is not None:
        archiver.store.retain(_before(options.keep), archiver.cursor)
    return time.monotonic()


def _before(days: float) -> int:
    """Raises ValueError."""
    if days <= 0:
        raise ValueError(f"--keep {days:g}: days, more than 0")
    return round((time.time() - days * DAY) * 1e9)


def _of(archiver: Archiver) -> str:
    cursor = archiver.cursor
    each = f", {cursor.bytes / cursor.headers:.1f} bytes a header" if cursor.headers else ""
    return f"{cursor.headers:,} headers in {size(cursor.bytes)} so far{each}"


def retain(where: str, keep: float) -> int:
    """Delete old hours; the exit status. Raises SourceError, ValueError, OSError."""
    store = Store(where, write=True)
    gone = store.retain(_before(keep))
    store.close()
    print(f"{several(len(gone), 'file')} deleted", file=sys.stderr)
    return NOTHING


def show(where: str) -> int:
    """Raises SourceError."""
    store = Store(where)
    if not store.begun and not store.entries():
        raise SourceError(f"there is no archive in {where}")
    sensors: dict[str, list[int]] = {}
    for entry in store.entries():
        sensors.setdefault(entry.sensor, []).append(entry.hour)
    for sensor, hours in sensors.items():
        first, last = timestamp(min(hours)), timestamp(max(hours) + HOUR)
        print(f"{sensor}: {several(len(hours), 'file')}, {several(len(set(hours)), 'hour')} from {first} to {last}")
    cursor = store.cursor()
    each = f", {cursor.bytes / cursor.headers:.1f} bytes each" if cursor.headers else ""
    print(f"{cursor.headers:,} headers were written{each}")
    for sensor, moment in sorted(cursor.deleted.items()):
        print(f"{sensor}: deleted before {timestamp(moment)}")
    for gaps in cursor.gaps.values():
        for gap in gaps:
            print(f"{gap[0]}: {Gap(*gap)}")
    return NOTHING
