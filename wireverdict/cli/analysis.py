"""What ``wireverdict analyze`` does: captures through the pipeline to the outputs."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from producers.files.report import FileReport
from producers.timeline import Timeline, open_timeline
from wireverdict.cli.app import FAILED, FOUND, NOTHING
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.plugins import loaded
from wireverdict.cli.progress import Progress
from wireverdict.cli.targets import keep_apart
from wireverdict.cli.veiling import ANONYMOUS, open_veil
from wireverdict.compose import pipeline
from wireverdict.frames import FrameBatch
from wireverdict.output.outputs import CsvFile, JsonLines, Output, ParquetFile
from wireverdict.output.stream import OutputError, Stream
from wireverdict.output.summary import summary
from wireverdict.output.units import printable, several
from wireverdict.pipeline import Pipeline
from wireverdict.settings import Settings, SettingsError, Source, from_environment, from_file, settings
from wireverdict.verdicts import Status, Verdict

if TYPE_CHECKING:
    from producers.bpf import Filter

GRACE = 1.0
"""Seconds after Ctrl-C in which a pipe may still bring its last bytes."""
POLL = 0.2
"""Seconds between looks at a followed file."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.analyze` declares it."""

    inputs: tuple[str, ...]
    json: bool = False
    connections: bool = False
    csv: str | None = None
    parquet: str | None = None
    expression: str | None = None
    home_networks: tuple[str, ...] = ()
    window: float | None = None
    count_window: int | None = None
    tunnels: str | None = None
    config: str | None = None
    detectors: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    follow: bool = False
    anonymise: bool = False


class Refusal(Exception):
    """The command line asks for something that cannot be; the message is a sentence."""


def analyze(options: Options) -> int:
    """Run the command; its exit status."""
    gc.freeze()
    gc.enable()
    with Interrupts() as interrupts:
        try:
            run = prepare(options, interrupts)
        except (Refusal, OutputError, ValueError) as error:  # what a part says of a setting is a ValueError
            return tell(str(error))
        return run.status()


def prepare(options: Options, interrupts: Interrupts) -> Run:
    """Everything that can be refused before anything is read. Raises Refusal, OutputError, ValueError (SettingsError)."""
    refuse(options)
    keep_apart({"--csv": options.csv, "--parquet": options.parquet}, _named(options))
    chosen = loaded(chosen_settings(options, os.environ))
    chosen_filter = make_filter(options.expression)
    made = pipeline(chosen, open_veil(chosen.privacy, os.environ))
    timeline = open_timeline(options.inputs, follow=options.follow, wait=lambda: interrupts.sleep(POLL))
    if timeline.bytes_total is None and not options.follow:
        interrupts.grace = GRACE
    return Run(made, timeline, open_outputs(options, chosen), interrupts, chosen_filter)


def _named(options: Options) -> list[str]:
    """Files that the command line names to be read."""
    return [*options.inputs, *([options.config] if options.config is not None else [])]


def refuse(options: Options) -> None:
    """Raises Refusal for what makes no sense together."""
    if options.json and options.connections:
        raise Refusal("--json prints every connection already; give it without --connections")
    if "-" in (options.csv, options.parquet):
        raise Refusal("--csv and --parquet write files; for records on standard output there is --json")
    if "-" in options.inputs and os.isatty(0):
        raise Refusal("standard input is a terminal; pipe a capture into it (tcpdump -w - | wireverdict analyze -)")


def tell(sentence: str) -> int:
    """Say on standard error what went wrong; gives the exit status for it."""
    with suppress(OSError, ValueError):  # standard error may be closed: there is nobody left to tell
        print(f"wireverdict: {printable(sentence)}", file=sys.stderr, flush=True)
    return FAILED


def chosen_settings(options: Options, environment: Mapping[str, str]) -> Settings:
    """Defaults, then the file, then the environment, then the command line."""
    sources = []
    if options.config is not None:
        sources.append(read_settings(options.config))
    sources.append(from_environment(environment))
    given = {
        ("capture", "home_networks", "--home-net"): list(options.home_networks) or None,
        ("capture", "tunnels", "--tunnels"): options.tunnels,
        **{("privacy", key, "--anonymise"): value for key, value in ANONYMOUS.items() if options.anonymise},
        ("windows", "width", "--window"): options.window,
        ("windows", "packets", "--count-window"): options.count_window,
    }
    values: dict[str, dict[str, Any]] = {}
    names = {}
    for (section, key, name), value in given.items():
        if value is not None:
            values.setdefault(section, {})[key] = value
            names[f"{section}.{key}"] = name
    sources.append(Source(values, lambda key: names.get(key, "command line")))
    return settings(sources, options.detectors)


def read_settings(path: str) -> Source:
    """A TOML file. Raises SettingsError."""
    import tomllib

    try:
        text = Path(path).read_text(encoding="utf-8")
        return from_file(tomllib.loads(text), path, text)
    except OSError as error:
        raise SettingsError(f"cannot read the settings in {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def open_outputs(options: Options, chosen: Settings) -> list[Output]:
    """Opened before anything is read, so that a file that cannot be written is told at once."""
    seed = chosen.capture.community_id_seed
    outputs: list[Output] = []
    if options.csv is not None:
        outputs.append(CsvFile(Stream.create(options.csv), seed))
    if options.parquet is not None:
        try:
            outputs.append(ParquetFile(options.parquet, seed))
        except ImportError:
            raise Refusal("--parquet needs pyarrow: install it with pip install 'wireverdict[columns]'") from None
    stdout = Stream.standard_output()
    if options.json:
        outputs.append(JsonLines(stdout, seed))
    else:
        from wireverdict.output.people import People

        outputs.append(People(stdout, list_connections=options.connections, live=options.follow))
    return outputs


def make_filter(expression: str | None) -> Filter | None:
    """libpcap's filter, which is loaded only when one is wanted. Raises Refusal."""
    if expression is None:
        return None
    from producers.bpf import Filter, FilterError

    try:
        return Filter(expression)
    except FilterError as error:
        raise Refusal(str(error)) from None


class Run:
    """One pass over the inputs."""

    def __init__(
        self,
        made: Pipeline,
        timeline: Timeline,
        outputs: list[Output],
        interrupts: Interrupts,
        chosen_filter: Filter | None = None,
    ) -> None:
        self.filter = chosen_filter
        self.filtered_out = 0
        self.pipeline = made
        self.timeline = timeline
        self.outputs = outputs
        self.interrupts = interrupts
        self.verdicts: dict[str, int] = {str(status): 0 for status in Status}

    def status(self) -> int:
        """Do it; the exit status."""
        try:
            with Progress(sys.stderr) as progress:
                for batch in self.interrupts.batches(self.timeline):
                    self.pipeline.feed(self._matching(batch))
                    self._hand_out()
                    progress.update(self.pipeline.packets, self.timeline.bytes_read, self.timeline.bytes_total)
                self.pipeline.finish(self._hand_out)
                self._hand_out()
            if self.filter is not None:
                for link, reason in self.filter.rejected.items():
                    tell(f"--filter: no packet of link type {link} can match: {reason}")
            failed = [
                report for report in self.timeline.reports if report.error is not None and not self._by_wish(report)
            ]
            for report in failed:
                tell(f"{report.path}: {report.error}")
            for name, windows in self.pipeline.counters.get("detector_errors", {}).items():
                tell(f"the detector {name} broke in {several(windows, 'window')}; its verdict detector-error says how")
            document = summary(
                self.pipeline.counters,
                self.timeline.reports,
                self.verdicts,
                interrupted=bool(self.interrupts.signal),
                filtered_out=self.filtered_out,
            )
            for output in self.outputs:
                output.finish(document)
        except OutputError as error:
            return tell(str(error))
        if self.interrupts.signal:
            return 128 + self.interrupts.signal
        if failed:
            return FAILED
        return FOUND if self.verdicts[Status.FIRING] else NOTHING

    def _by_wish(self, report: FileReport) -> bool:
        """Whether a report tells of no more than that reading was stopped; its error is taken back."""
        if self.interrupts.stopped and os.strerror(errno.EINTR) in (report.error or ""):
            report.error = report.error_offset = None
            return True
        return False

    def _matching(self, batch: FrameBatch) -> FrameBatch:
        if self.filter is None:
            return batch
        mask = self.filter.mask(batch)
        frames = batch.frames[mask]
        self.filtered_out += len(batch.frames) - len(frames)
        return FrameBatch(batch.data, frames)

    def _hand_out(self) -> None:
        for item in self.pipeline.take():
            if isinstance(item, Verdict):
                self.verdicts[item.status] += 1
                for output in self.outputs:
                    output.verdict(item)
            else:
                for output in self.outputs:
                    output.connections(item)
