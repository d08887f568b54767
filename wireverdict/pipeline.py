"""The whole core in one process: frames in, connection records and verdicts out. analyze, watch and backtest run this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.decoder import Decoder
from wireverdict.frames import FrameBatch
from wireverdict.headers import HeaderBatch
from wireverdict.judge import Judge
from wireverdict.records import CONNECTION
from wireverdict.shard import Shard
from wireverdict.verdicts import Verdict
from wireverdict.windows.merge import Merge

if TYPE_CHECKING:
    from wireverdict.privacy.veil import Veil


MOST_LOST = 1_024
"""Windows over which one loss is spread at most."""


class Pipeline:
    """Decode, track, sum up, detect, alert; batch by batch: one shard that has all pairs of addresses, and its judge.

    What comes out is a function of the frames' order and of the settings of the parts, never of the batches: work that is
    due at a moment of packet time is done before the very packet that reaches that moment.
    """

    def __init__(self, decoder: Decoder, shard: Shard, judge: Judge, veil: Veil | None = None) -> None:
        self.decoder, self.shard, self.judge, self.veil = decoder, shard, judge, veil
        self.packets = self.windows = 0
        self._merge = Merge(1, shard.windows.home)
        self.tap: Callable[[HeaderBatch], None] | None = None  # is shown each batch of headers before it is worked on
        self._lost: dict[int, int] = {}  # packets, by the number of the window that is to tell of them
        self._out: list[NDArray[np.void] | Verdict] = []

    def feed(self, batch: FrameBatch) -> None:
        """Take up some frames."""
        self.packets += len(batch.frames)
        headers = self.decoder.decode(batch)
        self.feed_headers(headers if self.veil is None else self.veil.apply(headers))

    def feed_headers(self, batch: HeaderBatch) -> None:
        """Take up some headers (from the bus, say); see `feed`."""
        if self.tap is not None:
            self.tap(batch)
        self.shard.feed(batch)
        self._hear()

    def advance(self, clock: int) -> None:
        """Time has come to `clock` (ns) without packets: do what is due by then. Packets that come later are not before it."""
        self.shard.advance(clock)
        self._hear()

    def lose(self, packets: int, since: int, at: int) -> None:
        """So many packets were not captured between two times (ns): windows of that time say so, and detectors heed it."""
        if self.shard.windows.settings.packets:  # windows by count have no time of their own: the next one tells
            self._lost[0] = self._lost.get(0, 0) + packets
            return
        width = self.shard.windows.span(0)[1]
        windows = range(max(since // width, at // width - MOST_LOST + 1), at // width + 1)
        share, rest = divmod(packets, len(windows))
        for place, number in enumerate(windows):
            self._lost[number] = self._lost.get(number, 0) + share + (place < rest)

    def finish(self, emit: Callable[[], None] = lambda: None) -> None:
        """The input is over: close windows, end connections. What fires stays firing. `emit` is called now and then, to
        `take` what there is so far."""

        def pass_on() -> None:
            self._hear()
            emit()

        self.shard.finish(emit=pass_on)
        self._hear()
        self._out.extend(self.judge.finish())

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
        windows, tracked = self.shard.windows, self.shard.tracker.counts
        skipped = dict(self.decoder.skipped)
        for name in ("tcp_header_cut", "other_protocol"):
            if tracked[name]:
                skipped[name] = skipped.get(name, 0) + tracked[name]
        if windows.late_packets:
            skipped["late_for_window"] = windows.late_packets
        bounds = ("evicted_half_open", "evicted_others", "trouble_rows_full", "histogram_rows_full", "holes_forgotten")
        return {
            "packets": self.packets,
            "connections": {name: tracked[name] for name in ("tcp", "udp", "icmp")},
            "dns": windows.dns_totals,
            "skipped": skipped,
            "flaws": self.decoder.flaws,
            "bounds": {name: tracked[name] for name in bounds if tracked[name]},
            **({"detector_errors": dict(sorted(self.judge.failures.items()))} if self.judge.failures else {}),
        }

    def _hear(self) -> None:
        """Judge the windows that have closed, and keep the rest of what the shard has."""
        for item in self.shard.take():
            if isinstance(item, np.ndarray):
                self._out.append(item)
                continue
            view = self._merge.only(item)
            if view is not None:
                self.windows += 1
                told = [number for number in self._lost if number <= view.number]  # also of windows without packets
                view.capture.reported_drops += sum(self._lost.pop(number) for number in told)
                self._out.extend(self.judge.step(view))
