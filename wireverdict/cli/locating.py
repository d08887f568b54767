"""What ``wireverdict locate`` does: headers of several sensors, from a topic or an archive, and where they lost what."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from producers.recorded.source import ARCHIVE, TOPIC, Recorded, SourceError, open_source
from wireverdict.backtest.labels import moment
from wireverdict.cli.analysis import Refusal, tell
from wireverdict.cli.app import FAILED, NOTHING
from wireverdict.cli.roles import chosen_settings
from wireverdict.cli.sensors import told
from wireverdict.location.locate import MOST_MISSED, locate
from wireverdict.location.log import Log
from wireverdict.output.stream import OutputError, Stream


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.locate` declares it."""

    source: str
    begin: str | None = None
    end: str | None = None
    sensors: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    json: bool = False
    config: str | None = None


def run(options: Options) -> int:
    """Run the command; its exit status."""
    try:
        return _run(options)
    except (Refusal, SourceError, OutputError, ValueError) as error:  # LabelError and SettingsError are ValueErrors
        return tell(str(error))


def _run(options: Options) -> int:
    """Raises Refusal, SourceError, OutputError, ValueError."""
    if not options.source.startswith((ARCHIVE, TOPIC)):
        raise Refusal(
            f"{options.source} is neither archive:… nor topic:…; for captures there is "
            "wireverdict analyze --sensor NAME=FILE --sensor NAME=FILE"
        )
    source = open_source(
        [options.source],
        chosen_settings(options.config),
        begin=moment(options.begin, "--from"),
        end=moment(options.end, "--to"),
        sensors=options.sensors,
        addresses=options.addresses,
    )
    try:
        logs = read(source)
        gaps = [str(gap) for gap in source.gaps]
    finally:
        source.close()
    for sentence in gaps:
        tell(sentence)
    for name, log in logs.items():
        if log.left_out:
            tell(f"sensor {name}: {log.left_out:,} packets beyond the memory for locating losses were not compared")
    if len(logs) < 2:
        who = " ".join((*logs, "only")) if logs else "no sensor"
        raise Refusal(f"there are headers of {who}: it takes two sensors to compare")
    stdout = Stream.standard_output()
    for one, other in itertools.combinations(sorted(logs), 2):
        # what is known to be missing may have held anything: then nothing that a sensor missed is borne with
        found = locate((one, logs[one]), (other, logs[other]), 0.0 if gaps else MOST_MISSED)
        stdout.write(told((one, other), found, options.json))
    return FAILED if gaps else NOTHING


def read(source: Iterable[Recorded]) -> dict[str, Log]:
    """What each sensor saw. It counts as having seen nothing after the time that the latest of its partitions has come to."""
    logs: dict[str, Log] = {}
    clocks: dict[str, dict[int, int]] = {}
    for recorded in source:
        log = logs.setdefault(recorded.sensor, Log())
        log.add(recorded.batch.rows)
        if len(recorded.clock):
            far = clocks.setdefault(recorded.sensor, {})
            far[recorded.partition] = max(int(recorded.clock[-1]), far.get(recorded.partition, 0))
    for sensor, far in clocks.items():
        logs[sensor].until(min(far.values()))
    return {sensor: log for sensor, log in logs.items() if log.span is not None}
