"""What ``wireverdict watch`` does: an interface or a file through the pipeline, on a screen or as lines."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producers.timeline import open_timeline
from wireverdict.cli import analysis
from wireverdict.cli.analysis import Refusal, make_filter, tell
from wireverdict.cli.app import FAILED, FOUND, NOTHING
from wireverdict.cli.feeder import Feeder, at_rate
from wireverdict.cli.interrupts import Interrupts, Stopped
from wireverdict.cli.plugins import loaded
from wireverdict.cli.veiling import open_veil
from wireverdict.compose import pipeline
from wireverdict.explain.text import parts
from wireverdict.explain.verdict import explain
from wireverdict.frames import FrameBatch
from wireverdict.output.panels import Incident
from wireverdict.settings import Settings
from wireverdict.watch import lines
from wireverdict.watch.picture import Losses
from wireverdict.watch.watcher import Watcher

if TYPE_CHECKING:
    from producers.bpf import Filter
    from producers.live.source import LiveSource
    from wireverdict.cli.screen.app import WatchApp

LATER = (
    "encodings.idna",
    "wireverdict.decode.slow",
    "wireverdict.output.addresses",
    "wireverdict.windows.groups",
    "wireverdict.explain.others",
)
"""Modules that are imported when first needed; the user that we become may not be able to read them."""
LINES_EVERY = 10_000_000_000
"""ns of packet time between lines where there is no screen."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, as `wireverdict.cli.watch` declares it."""

    inputs: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    rate: str = "real"
    lines: bool = False
    expression: str | None = None
    home_networks: tuple[str, ...] = ()
    config: str | None = None
    anonymise: bool = False
    detectors: tuple[str, ...] = ()


def watch(options: Options) -> int:
    """Run the command; its exit status."""
    gc.freeze()
    gc.enable()
    with Interrupts() as interrupts:
        try:
            return Run(options, interrupts).status()
        except (
            Refusal,
            ValueError,
            OSError,
        ) as error:  # OSError: LiveError, also of an interface that went away for good
            return tell(str(error))


class Run:
    """One watch."""

    def __init__(self, options: Options, interrupts: Interrupts) -> None:
        """Everything that can be refused. Raises Refusal, ValueError (SettingsError), OSError (LiveError)."""
        if bool(options.inputs) == bool(options.interfaces):
            raise Refusal("name a capture to watch, or an interface with -i")
        if options.inputs == ("-",) and os.isatty(0):
            raise Refusal("standard input is a terminal; pipe a capture into it (tcpdump -w - | wireverdict watch -)")
        self.options, self.interrupts = options, interrupts
        self.chosen: Settings = loaded(
            analysis.chosen_settings(
                analysis.Options(
                    inputs=(),
                    home_networks=options.home_networks,
                    config=options.config,
                    anonymise=options.anonymise,
                    detectors=options.detectors,
                ),
                os.environ,
            )
        )
        self.screen = not options.lines and os.isatty(1) and os.environ.get("TERM", "") not in ("", "dumb")
        self.watcher = Watcher(pipeline(self.chosen, open_veil(self.chosen.privacy, os.environ)))
        self.app: WatchApp | None = None
        self.live: LiveSource | None = None
        self.failed = ""
        self.filter: Filter | None = None
        name = ", ".join(options.interfaces or [os.path.basename(path) for path in options.inputs])
        if self.screen:
            self.app = self._app("standard input" if name == "-" else name)
        if options.interfaces:
            self.feeder = self._feeder_live()
        else:
            self.filter = make_filter(options.expression)
            self.timeline = open_timeline(options.inputs)
            if all(report.error for report in self.timeline.reports):
                raise Refusal("; ".join(f"{report.path}: {report.error}" for report in self.timeline.reports))
            frames = at_rate(self._batches(), options.rate, lambda: self.feeder.stopped or interrupts.signal != 0)
            shown = frames if self.screen else self._lined(frames)
            self.feeder = Feeder(
                self.watcher, shown, self.app.give if self.app is not None else None, heard=self._heard
            )
        self._line_due = 0

    def status(self) -> int:
        """Do it; the exit status."""
        code = 0
        try:
            code = self._on_screen(self.app) if self.app is not None else self._as_lines()
        finally:
            self.feeder.stop()
            if self.live is not None:
                self.live.close()
        failed = [] if self.live is not None else [each for each in self.timeline.reports if each.error is not None]
        for report in failed:
            if code or self.interrupts.signal:
                break  # what was broken off is no error of the file
            tell(f"{report.path}: {report.error}")
            self.failed = self.failed or str(report.error)
        if code or self.interrupts.signal:
            return code or 128 + self.interrupts.signal
        if self.failed:
            return FAILED
        return FOUND if self.watcher.fired else NOTHING

    def _on_screen(self, app: WatchApp) -> int:
        thread = threading.Thread(target=self._guarded, name="feeder", daemon=True)
        app.started = thread.start
        handler = _Notices(app)
        logging.getLogger("wireverdict").addHandler(handler)
        try:
            code = app.run()
        finally:
            logging.getLogger("wireverdict").removeHandler(handler)
            self.feeder.stop()
            thread.join(1)  # it may be in a read that does not end
        if self.failed:
            tell(self.failed)
        return code or 0

    def _as_lines(self) -> int:
        if self.live is not None:
            print(f"wireverdict: watching {', '.join(self.live.interfaces)}", file=sys.stderr, flush=True)
        with suppress(BrokenPipeError):
            self.feeder.run()
        if self.interrupts.signal and not self.watcher.over:
            self.watcher.finish()
            self._heard()
        with suppress(BrokenPipeError):
            if self.watcher.over:
                self._say(lines.ending(self.watcher.picture(None, self.feeder.losses())))
        return 0

    def _guarded(self) -> None:
        """The feeder's thread: what fails there ends the screen with a sentence."""
        try:
            self.feeder.run()
            if self.live is None and self.app is not None:
                broken = [f"{each.path}: {each.error}" for each in self.timeline.reports if each.error is not None]
                self.app.notice = "; ".join(broken)
                self.feeder.look()
            self.feeder.linger()
        except Exception as error:  # told in the main thread, once the screen is gone
            if os.environ.get("WIREVERDICT_DEBUG"):
                raise
            self.failed = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            if self.app is not None:
                self.app.call_from_thread(self.app.exit, 0)

    def _feeder_live(self) -> Feeder:
        from producers.live.source import LiveSource

        live = LiveSource(self.options.interfaces, self.chosen.live, expression=self.options.expression or "")
        self.live = live
        try:
            from wireverdict.cli.rights import give_up

            give_up(self.chosen.live.user, LATER)
        except BaseException:
            live.close()
            raise

        def losses() -> Losses:
            told = live.counters()
            return Losses(told.dropped, told.freezes, told.sampled_out, told.fill)

        def frames() -> Iterator[FrameBatch]:
            for batch in live:
                if self.interrupts.signal:
                    live.stop()
                yield batch

        return Feeder(
            self.watcher,
            frames(),
            self.app.give if self.app is not None else None,
            losses=losses,
            horizon=lambda: live.horizon,
            held=False,
            heard=self._heard,
        )

    def _app(self, name: str) -> WatchApp:
        try:
            from wireverdict.cli.screen.app import WatchApp
        except ImportError:
            raise Refusal("the screen needs textual: pip install 'wireverdict[watch]', or give --lines") from None

        def changed() -> None:
            self.feeder.change(app.filter, app.paused)

        app = WatchApp(name, self._explained, changed, lambda: self.interrupts.signal)
        return app

    def _explained(self, incident: Incident) -> list[tuple[str, list[str]]]:
        document = incident.worst.to_json()
        return parts(document, explain(document, self.chosen))

    def _heard(self) -> None:
        """Lines, where there is no screen."""
        told = self.watcher.verdicts()
        if self.app is not None:
            return
        for verdict in told:
            self._say(lines.step(verdict))
        if self.live is not None:
            self._line(self.watcher.rates.last)

    def _line(self, now: int) -> None:
        """How things stand, if the time for it has come with packets of the time `now`."""
        if now < self._line_due:
            return
        if self._line_due:
            self._say(lines.status(self.watcher.picture(None, self.feeder.losses())))
        self._line_due = (now // LINES_EVERY + 1) * LINES_EVERY

    def _lined(self, batches: Iterable[FrameBatch]) -> Iterator[FrameBatch]:
        """The same; a line comes between packets of two stretches of time, so that it is the same whatever the batches."""
        for batch in batches:
            if len(batch.frames):
                self._line(int(batch.frames["ts"][0]))
            yield batch

    def _say(self, line: str) -> None:
        print(line, flush=True)

    def _batches(self) -> Iterable[FrameBatch]:
        """Frames of the files that match, until the end or a wish to stop."""
        batches = iter(self.timeline)
        while not self.interrupts.stopped and not self.feeder.stopped:
            batch = None
            if threading.current_thread() is not threading.main_thread():
                batch = next(batches, None)
            else:  # signals come in the main thread: a read that blocks can be broken off there
                with suppress(Stopped), self.interrupts.waiting():
                    batch = next(batches, None)
            if batch is None:
                return
            if self.filter is not None:
                batch = FrameBatch(batch.data, batch.frames[self.filter.mask(batch)])
            yield batch


class _Notices(logging.Handler):
    """Warnings of the source, for the head of the screen."""

    def __init__(self, app: WatchApp) -> None:
        super().__init__(logging.WARNING)
        self._app = app

    def emit(self, record: logging.LogRecord) -> None:
        """The last one counts."""
        self._app.notice = record.getMessage()


__all__ = ["Options", "Run", "watch"]
