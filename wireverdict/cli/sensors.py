"""``wireverdict analyze --sensor NAME=FILE``: several sensors, each analysed by itself, and where they lost what between
them."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from producers.timeline import open_timeline
from wireverdict.cli.analysis import Options, Refusal, Run, chosen_settings, make_filter, refuse, tell
from wireverdict.cli.app import FAILED
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.plugins import loaded
from wireverdict.cli.veiling import open_veil
from wireverdict.compose import pipeline
from wireverdict.headers import HeaderBatch
from wireverdict.location.evidence import document, with_location
from wireverdict.location.locate import Located, locate
from wireverdict.location.log import Log
from wireverdict.output.outputs import Output
from wireverdict.output.stream import OutputError, Stream
from wireverdict.verdicts import Verdict


def analyze_sensors(options: Options) -> int:
    """Run the command; its exit status."""
    gc.freeze()
    gc.enable()
    with Interrupts() as interrupts:
        try:
            named = by_sensor(options)
            return _analyze(options, named, interrupts)
        except (Refusal, OutputError, ValueError) as error:
            return tell(str(error))


def by_sensor(options: Options) -> dict[str, tuple[str, ...]]:
    """The inputs of each sensor, in the order in which they were named. Raises Refusal."""
    refuse(options)
    if options.inputs:
        raise Refusal("captures belong to sensors (--sensor NAME=FILE), or to none: give all of them the same way")
    if options.csv is not None or options.parquet is not None or options.follow:
        raise Refusal("--sensor goes with --json or the page for people, not with --csv, --parquet or --follow")
    named: dict[str, tuple[str, ...]] = {}
    for text in options.sensors:
        name, given, path = text.partition("=")
        if not (name and given and path):
            raise Refusal(f"--sensor {text}: a name and a capture are wanted, as in --sensor client=client.pcap")
        named[name] = (*named.get(name, ()), path)
    if len(named) < 2:
        raise Refusal("--sensor is for two or more sensors that saw the same connections; name another")
    return named


def _analyze(options: Options, named: dict[str, tuple[str, ...]], interrupts: Interrupts) -> int:
    """Raises Refusal, OutputError, ValueError."""
    chosen = loaded(chosen_settings(options, os.environ))
    seed, stdout = chosen.capture.community_id_seed, Stream.standard_output()
    logs, held, status = {}, {}, []
    for name, paths in named.items():
        log = logs[name] = Log()
        made = pipeline(chosen, open_veil(chosen.privacy, os.environ))
        made.tap = _tap(log)
        output = held[name] = Held(name, _output(name, options, seed))
        run = Run(made, open_timeline(paths), [output], interrupts, make_filter(options.expression))
        status.append(run.status())
        if log.left_out:
            tell(f"sensor {name}: {log.left_out:,} packets beyond the memory for locating losses were not compared")
    found: list[tuple[tuple[str, str], Located]] = []
    for one, other in itertools.combinations(named, 2):
        found.append(((one, other), locate((one, logs[one]), (other, logs[other]))))
    for name, output in held.items():
        if not options.json:
            stdout.write(f"{name}\n{'=' * len(name)}\n".encode())
        output.release([located for _, located in found])
        if not options.json:
            stdout.write(b"\n")
    for names, located in found:
        stdout.write(told(names, located, options.json))
    return max((value for value in status if value > FAILED), default=FAILED if FAILED in status else max(status))


def _tap(log: Log) -> Any:
    def tap(batch: HeaderBatch) -> None:
        log.add(batch.rows)

    return tap


def _output(name: str, options: Options, seed: int) -> Output:
    if options.json:
        return SensorLines(name, Stream.standard_output(), seed)
    from wireverdict.output.people import People

    return People(Stream.standard_output(), list_connections=options.connections)


def told(names: tuple[str, str], located: Located, as_json: bool) -> bytes:
    """What two sensors tell together, as a JSON line or as lines for people."""
    made = document(names, located)
    if as_json:
        return orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE)
    mine = made["wireverdict"]
    both, silent = mine["connections"]["seen_by_both"], sum(mine["connections"]["silent"].values())
    lines = [f"Sensors {names[0]} and {names[1]}: {both:,} connections seen by both: {mine['loss_located']}"]
    if 0 < silent < both:
        lines.append(f"Nothing can be said of {silent:,} of them.")
    lines += [f"  {' and '.join(pair['addresses'])}: {pair['loss_located']}" for pair in mine["pairs"]]
    return "\n".join([*lines, ""]).encode()


class Held:
    """An output that gets its verdicts when it is known where losses were. `name`: of the sensor."""

    def __init__(self, name: str, inner: Output) -> None:
        self.name, self.inner = name, inner
        self.verdicts: list[Verdict] = []
        self.summary: dict[str, Any] = {}

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        self.inner.connections(rows)

    def verdict(self, verdict: Verdict) -> None:
        """See Output."""
        self.verdicts.append(verdict)

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        self.summary = summary

    def release(self, located: Sequence[Located]) -> None:
        """Hand over what was held. Raises OutputError."""
        for verdict in self.verdicts:
            self.inner.verdict(with_location(verdict, self.name, located))
        if self.summary:
            self.inner.finish(self.summary)


class SensorLines:
    """JSON lines in which every document names its sensor (``observer.name``)."""

    def __init__(self, name: str, stream: Stream, seed: int) -> None:
        from wireverdict.output.identity import record_ids
        from wireverdict.output.json_records import sensor_lines

        self._ids, self._lines = record_ids, sensor_lines
        self._name, self._stream, self._seed = name, stream, seed

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        for piece in self._lines(rows, self._ids(rows, self._name), self._name, self._seed):
            self._stream.write(piece)

    def verdict(self, verdict: Verdict) -> None:
        """See Output."""
        self._write(verdict.to_json())

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        self._write(summary)

    def _write(self, value: dict[str, Any]) -> None:
        named = value | {"observer": {"name": self._name}}
        self._stream.write(orjson.dumps(named, option=orjson.OPT_APPEND_NEWLINE))
