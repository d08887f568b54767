"""The whole core in one process: frames in, connection records and verdicts out. analyze, watch and backtest run this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wireverdict.alerts import Alerts
from wireverdict.boundary import first_at_or_after
from wireverdict.connections.tracker import SECOND, Tracker
from wireverdict.decode.decoder import Decoder
from wireverdict.detectors.base import Detector
from wireverdict.frames import FrameBatch
from wireverdict.headers import HeaderBatch
from wireverdict.records import CONNECTION
from wireverdict.verdicts import Verdict
from wireverdict.windows.view import WindowView
from wireverdict.windows.windows import Windows

SWEEP = 10 * SECOND
"""Packet time between looks for connections that have timed out. Records do not depend on it, only when they come."""


PART = 1 << 15
"""Connections ended at once at the end of the input: their records are held in memory together."""


class PathJudge(Protocol):
    """What the pipeline asks of wireverdict.paths.Paths."""

    def observe(self, rows: NDArray[np.void], notes: NDArray[np.void], start: int, stop: int) -> None: ...
    def judge(self, start: int, end: int) -> Any: ...
    def apply_flags(self, slots: NDArray[np.int32], records: NDArray[np.void]) -> None: ...


class Pipeline:
    """Decode, track, sum up, detect, alert; batch by batch.

    What comes out is a function of the frames' order and of the settings of the parts, never of the batches: work that is
    due at a moment of packet time is done before the very packet that reaches that moment.
    """

    def __init__(
        self,
        decoder: Decoder,
        tracker: Tracker,
        windows: Windows,
        paths: PathJudge | None,
        detectors: list[Detector],
        alerts: Alerts,
    ) -> None:
        self.decoder = decoder
        self.tracker = tracker
        self.windows = windows
        self.paths = paths
        self.detectors = detectors
        self.alerts = alerts
        self.packets = 0
        self._sweep_due = np.iinfo(np.int64).min
        self._swept = np.iinfo(np.int64).min
        self._out: list[NDArray[np.void] | Verdict] = []

    def feed(self, batch: FrameBatch) -> None:
        """Take up some frames."""
        self.packets += len(batch.frames)
        self.feed_headers(self.decoder.decode(batch))

    def feed_headers(self, batch: HeaderBatch) -> None:
        """Take up some headers (from the bus, say); see `feed`."""
        rows = batch.rows
        start = 0
        while start < len(rows):
            stop = first_at_or_after(rows, start, self._sweep_due)
            if stop == start:
                self._sweep(int(rows["ts"][start]))
                stop = first_at_or_after(rows, start, self._sweep_due)
            done = self.tracker.track(rows, start, stop)
            self._observe(batch, start, done)
            if done < stop:  # no free row: those of ended connections first, then somebody has to go
                if not len(self.tracker.ended_rows):
                    self.tracker.make_room()
                self._drain()
            start = done

    def finish(self, emit: Callable[[], None] = lambda: None) -> None:
        """The input is over: close windows, end connections. What fires stays firing. `emit` is called now and then, to
        `take` what there is so far."""
        self._close(self.windows.finish())
        emit()
        self._drain()
        while self.tracker.finish(PART):
            self._drain()
            emit()
        self._out.extend(self.alerts.finish())

    def take(self) -> list[NDArray[np.void] | Verdict]:
        """What came out since the last call: arrays of records (CONNECTION) of connections that have ended, and verdicts,
        in the order in which they came about, which does not depend on batches."""
        taken, self._out = self._out, []
        return taken

    def take_connections(self) -> NDArray[np.void]:
        """Only the records since the last call, in order; leaves the verdicts."""
        taken = [item for item in self._out if isinstance(item, np.ndarray)]
        self._out = [item for item in self._out if not isinstance(item, np.ndarray)]
        return np.concatenate(taken) if taken else np.zeros(0, CONNECTION)

    def take_verdicts(self) -> list[Verdict]:
        """Only the verdicts since the last call, in order of time; leaves the records."""
        taken = [item for item in self._out if isinstance(item, Verdict)]
        self._out = [item for item in self._out if not isinstance(item, Verdict)]
        return taken

    @property
    def counters(self) -> dict[str, Any]:
        """Totals so far: packets, connections by transport, DNS, and what was skipped or had no room, by reason."""
        tracked = self.tracker.counts
        skipped = dict(self.decoder.skipped)
        for name in ("tcp_header_cut", "other_protocol"):
            if tracked[name]:
                skipped[name] = skipped.get(name, 0) + tracked[name]
        if self.windows.late_packets:
            skipped["late_for_window"] = self.windows.late_packets
        bounds = ("evicted_half_open", "evicted_others", "trouble_rows_full", "histogram_rows_full", "holes_forgotten")
        return {
            "packets": self.packets,
            "connections": {name: tracked[name] for name in ("tcp", "udp", "icmp")},
            "dns": self.windows.dns_totals,
            "skipped": skipped,
            "flaws": self.decoder.flaws,
            "bounds": {name: tracked[name] for name in bounds if tracked[name]},
        }

    def _observe(self, batch: HeaderBatch, start: int, stop: int) -> None:
        notes, rows = self.tracker.notes[:stop], batch.rows[:stop]
        while start < stop:
            done = self.windows.observe(rows, batch.names, notes, start)
            if self.paths is not None:
                self.paths.observe(rows, notes, start, done)
            self._close(self.windows.close())
            start = done

    def _close(self, views: Any) -> None:
        view: WindowView
        for view in views:
            if self.paths is not None:
                view.paths = self.paths.judge(view.start, view.end)
            findings = [finding for detector in self.detectors for finding in detector.judge(view)]
            self._out.extend(self.alerts.step(view.start, view.end, findings))

    def _sweep(self, now: int) -> None:
        """Look for timed-out connections before the packet of time `now`, the first at or after the time it was due."""
        self.tracker.sweep(now)
        self._drain()
        every = round(self.tracker.settings.report_open * SECOND)
        if every and self._swept > 0:
            rows = self.tracker.open_rows(now - every + 1)
            first = self.tracker.conn["first_ts"][rows]
            rows = rows[(now - first) // every > (self._swept - first) // every]
            if len(rows):
                self._out.append(self.tracker.records(rows, final=False))
        self._swept = now
        self._sweep_due = (now // SWEEP + 1) * SWEEP

    def _drain(self) -> None:
        slots = self.tracker.ended_rows.copy()
        if len(slots):
            records = self.tracker.drain()
            if self.paths is not None:
                self.paths.apply_flags(slots, records)
            self._out.append(records)
