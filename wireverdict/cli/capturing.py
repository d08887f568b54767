"""What ``wireverdict capture`` does: captures to the headers topic."""

from __future__ import annotations

import errno
import gc
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from producers.batching import Batcher
from producers.bpf import FilterError
from producers.capture import Capture, paced, run_id
from producers.metrics import Metrics
from producers.publisher import Publisher, PublishError
from producers.spool import SpoolError
from producers.timeline import Timeline, open_timeline
from wireverdict import logs
from wireverdict.cli.analysis import GRACE, Refusal, make_filter, read_settings, tell
from wireverdict.cli.app import FAILED, NOTHING
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.progress import Progress
from wireverdict.cli.sending import FLUSH, LOG, log_sent, open_spool, waiting
from wireverdict.cli.veiling import ANONYMOUS, open_veil
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.frames import FrameBatch
from wireverdict.partition import divided
from wireverdict.settings import Settings, Source, from_environment, settings


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.capture` declares it."""

    inputs: tuple[str, ...]
    sensor: str
    rate: str = "max"
    servers: str | None = None
    expression: str | None = None
    home_networks: tuple[str, ...] = ()
    spool: str | None = None
    spool_limit: int = 1024
    run: str | None = None
    metrics_port: int | None = None
    log: str = "text"
    config: str | None = None
    anonymise: bool = False
    interfaces: tuple[str, ...] = ()
    workers: int | None = None
    promiscuous: bool = False
    user: str | None = None


def capture(options: Options) -> int:
    """Run the command; its exit status."""
    gc.freeze()
    gc.enable()
    if options.log == "json":
        logs.set_up("capture")
    with Interrupts() as interrupts:
        try:
            chosen = chosen_settings(options)
            if bool(options.inputs) == bool(options.interfaces):
                raise Refusal("give either captures to read (FILE...) or interfaces to listen to (-i), and not both")
            if "-" in options.inputs and os.isatty(0):
                raise Refusal(
                    "standard input is a terminal; pipe a capture into it (tcpdump -w - | wireverdict capture -)"
                )
            if options.interfaces:
                from wireverdict.cli.live import LiveRun

                return LiveRun(options, chosen, interrupts).status()
            return Run(options, chosen, interrupts).status()
        except (Refusal, FilterError, PublishError, SpoolError, ValueError, OSError) as error:
            return say(options, str(error))


def chosen_settings(options: Options) -> Settings:
    """Defaults, then the file, then the environment, then the command line. Raises SettingsError."""
    values: dict[str, dict[str, Any]] = {}
    if options.servers:
        values["bus"] = {"servers": options.servers}
    if options.home_networks:
        values["capture"] = {"home_networks": list(options.home_networks)}
    if options.anonymise:
        values["privacy"] = ANONYMOUS
    live = {"workers": options.workers, "promiscuous": options.promiscuous or None, "user": options.user}
    if any(value is not None for value in live.values()):
        values["live"] = {key: value for key, value in live.items() if value is not None}
    given = [read_settings(options.config)] if options.config else []
    return settings([*given, from_environment(os.environ), Source(values, lambda key: "command line")])


def say(options: Options, sentence: str) -> int:
    """What went wrong, in the form that was asked for; the exit status for it."""
    if options.log == "json":
        LOG.error(sentence)
        return FAILED
    return tell(sentence)


class Run:
    """One pass over the inputs."""

    def __init__(self, options: Options, chosen: Settings, interrupts: Interrupts) -> None:
        """Raises what Publisher, Spool and the parts of the decoder raise."""
        self.options, self.interrupts = options, interrupts
        self.filter = make_filter(options.expression)
        self.timeline: Timeline = open_timeline(options.inputs)
        if self.timeline.bytes_total is None:
            interrupts.grace = GRACE
        took = chosen.capture
        decoder = Decoder(DecodeSettings(tunnels=took.tunnels, home_nets=took.home_networks))
        self.metrics = Metrics()
        self.spool = open_spool(options)
        self.publisher = Publisher(chosen.bus, self.spool, self.metrics, stopped=lambda: interrupts.signal != 0)
        paths = [report.path for report in self.timeline.reports]
        veil = open_veil(chosen.privacy, os.environ)
        how = chosen.bus.partitions, options.expression, took.tunnels, took.home_networks, *([veil.run] if veil else [])
        run = options.run or run_id(options.sensor, paths, *how)
        batcher = Batcher(options.sensor, run, chosen.bus.partitions, divided, drops=lambda: self.publisher.drops)
        self.capture = Capture(decoder, batcher, self.publisher, self.metrics, veil)

    def status(self) -> int:
        """Do it; the exit status. Raises PublishError, SpoolError, OSError."""
        self.publisher.reach()
        end: Callable[[], None] = (
            self.metrics.serve(self.options.metrics_port) if self.options.metrics_port else lambda: None
        )
        began = time.monotonic()
        try:
            with Progress(sys.stderr) as progress:
                frames = self.interrupts.batches(self.timeline)
                for batch in paced(frames, wait=self._wait) if self.options.rate == "real" else frames:
                    self.capture.feed(self._matching(batch))
                    progress.update(self.capture.frames, self.timeline.bytes_read, self.timeline.bytes_total)
            self.capture.end()
            unsent = self.publisher.close(FLUSH)
        finally:
            end()
        return self._report(unsent, time.monotonic() - began)

    def _report(self, unsent: int, seconds: float) -> int:
        done = self.capture
        log_sent(self.options, done, seconds)
        if self.options.log == "text" and not unsent:
            left = "".join(f", {count:,} {reason}" for reason, count in done.left_out.items())
            print(f"{done.headers:,} headers of {done.frames:,} packets sent{left}", file=sys.stderr)
        failed = [report for report in self.timeline.reports if report.error is not None and not self._by_wish(report)]
        for report in failed:
            say(self.options, f"{report.path}: {report.error}")
        if sentence := waiting(self.publisher, self.spool):
            return say(self.options, sentence)
        if unsent:
            return say(
                self.options, f"Kafka did not take the last {unsent} batches; run again: what it has is left out"
            )
        if self.interrupts.signal:
            return 128 + self.interrupts.signal
        return FAILED if failed else NOTHING

    def _by_wish(self, report: Any) -> bool:
        return self.interrupts.stopped and os.strerror(errno.EINTR) in (report.error or "")

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.interrupts.signal and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    def _matching(self, batch: FrameBatch) -> FrameBatch:
        if self.filter is None:
            return batch
        frames = batch.frames[self.filter.mask(batch)]
        self.capture.filtered_out += len(batch.frames) - len(frames)
        return FrameBatch(batch.data, frames)
