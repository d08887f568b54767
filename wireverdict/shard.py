"""One sensor's share of the address pairs: connections, windows and paths of the headers that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wireverdict.boundary import first_at_or_after
from wireverdict.connections import pools
from wireverdict.connections.tracker import SECOND, Tracker
from wireverdict.headers import QUOTED_ONLY, HeaderBatch
from wireverdict.sampling import Shares
from wireverdict.windows.part import WindowPart, empty
from wireverdict.windows.state import FAR
from wireverdict.windows.windows import Windows

SWEEP = 10 * SECOND
"""Packet time between looks for connections that have timed out: at whole multiples of it on the clock."""

PART = 1 << 15
"""Connections ended at once at the end of the input: their records are held in memory together."""

_BEFORE = int(np.iinfo(np.int64).min)
_OWN = np.zeros(0, np.int64)


class PathJudge(Protocol):
    """What a shard asks of wireverdict.paths.Paths."""

    def observe(self, rows: NDArray[np.void], notes: NDArray[np.void], start: int, stop: int) -> None: ...
    def judge(self, start: int, end: int) -> Any: ...
    def release(self, end: int) -> None: ...
    def apply_flags(self, slots: NDArray[np.int32], records: NDArray[np.void]) -> None: ...
    def dump(self, rows: int) -> dict[str, Any]: ...
    def load(self, state: dict[str, Any]) -> None: ...

    @property
    def full(self) -> dict[str, int]: ...


class Shard:
    """Track, sum up, judge paths; batch by batch.

    What comes out is a function of the headers, of the clock and of the settings, never of the batches. The *clock* of a
    header is the greatest time in the sensor's whole timeline up to and with it; where the shard is all there is, the clock
    follows from the headers. What is due at a moment of the clock (windows that close, connections that time out, reports of
    open ones) is done in order of time, before the header that comes with that moment or a later one. So however a timeline
    is divided by pairs of addresses, each pair sees the same moments between the same packets.
    """

    def __init__(self, tracker: Tracker, windows: Windows, paths: PathJudge | None, partitions: int = 1) -> None:
        """Raises ValueError for windows by count in one of several partitions: no shard knows how many packets others had."""
        if partitions > 1 and windows.settings.packets:
            raise ValueError(
                f"windows.packets is {windows.settings.packets}: windows by count cannot be divided over {partitions} "
                "partitions; set it to 0, or bus.partitions to 1"
            )
        self.tracker, self.windows, self.paths = tracker, windows, paths
        self.packets = 0
        self._sweep_due = _BEFORE
        self._full: dict[str, int] = {}
        self._shares = Shares(0 if windows.settings.packets else round(windows.settings.width * SECOND))
        self._out: list[NDArray[np.void] | WindowPart] = []

    def feed(self, batch: HeaderBatch, clock: NDArray[np.int64] | None = None) -> None:
        """Take up some headers. `clock` int64[n]: see the class; None if these headers are the whole timeline."""
        rows, start = batch.rows, 0
        if batch.sampling < 1 and len(rows):
            self._shares.note(rows["ts"], batch.sampling)
        times = _OWN if clock is None else np.maximum.accumulate(np.ascontiguousarray(clock, np.int64))
        if clock is not None and len(times) != len(rows):
            raise ValueError(f"{len(times)} times for {len(rows)} headers")
        self.packets += len(rows)
        if len(times):
            self.packets -= int(np.count_nonzero(rows["present"] & QUOTED_ONLY))
        while start < len(rows):
            stop = self._before_sweep(rows, times, start)
            if stop == start:
                self._pass(int(times[start]) if len(times) else int(rows["ts"][start]))
                stop = self._before_sweep(rows, times, start)
            done = self.tracker.track(rows, start, stop)
            self._observe(batch, times, start, done)
            if done < stop:  # no free row: those of ended connections first, then somebody has to go
                if not len(self.tracker.ended_rows):
                    self.tracker.make_room()
                self._drain()
            start = done

    def advance(self, clock: int) -> None:
        """The sensor's clock has come to `clock` (ns), with headers that belong to other shards."""
        self._pass(clock)
        self.windows.advance(clock)

    def finish(self, clock: int | None = None, emit: Callable[[], None] = lambda: None) -> None:
        """The input is over, at `clock`: close windows, end connections. `emit` is called now and then, to `take` what there
        is so far."""
        if clock is not None:
            self.advance(clock)
        self._close(self.windows.finish())
        emit()
        self._drain()
        while self.tracker.finish(PART):
            self._drain()
            emit()

    def take(self) -> list[NDArray[np.void] | WindowPart]:
        """What came out since the last call, in the order in which it came about: records (CONNECTION[n]) of connections that
        have ended, and parts of windows that have closed."""
        taken, self._out = self._out, []
        return taken

    @property
    def closed_through(self) -> int:
        """Number of the last window that is closed for good, -2**62 for none yet: no part up to there will follow."""
        return self.windows.closed_through

    @property
    def open(self) -> int:
        """Connections in the table."""
        return self.tracker.live

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`: what is used of it, to be packed before it changes. Raises ValueError
        before `take`."""
        if self._out:
            raise ValueError("there are records or windows that nobody has taken")
        rows = int(self.tracker.counters[pools.TOP_ROW])
        return {
            "packets": self.packets,
            "sweep_due": self._sweep_due,
            "full": self._full,
            **self._shares.dump(),
            "tracker": self.tracker.dump(),
            "windows": self.windows.dump(),
            "paths": None if self.paths is None else self.paths.dump(rows),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh shard. Raises ValueError for state that does not fit the settings."""
        try:
            self.packets, self._sweep_due = int(state["packets"]), int(state["sweep_due"])
            self._full = {str(name): int(count) for name, count in state["full"].items()}
            self._shares.load(state.get("sampled", ()), state.get("thinned", ()))
            self.tracker.load(state["tracker"])
            self.windows.load(state["windows"])
            if self.paths is not None:
                self.paths.load(state["paths"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"snapshot: {error!r}") from None

    def _before_sweep(self, rows: NDArray[np.void], times: NDArray[np.int64], start: int) -> int:
        """The first row that comes at or after the next sweep."""
        if self._sweep_due > FAR:  # times are cut to that: no clock comes there
            return len(rows)
        if len(times):
            return start + int(np.searchsorted(times[start:], self._sweep_due))
        return int(first_at_or_after(rows, start, self._sweep_due))

    def _observe(self, batch: HeaderBatch, times: NDArray[np.int64], start: int, stop: int) -> None:
        notes, rows, clock = self.tracker.notes[:stop], batch.rows[:stop], times[:stop]
        while start < stop:
            done = self.windows.observe(rows, batch.names, notes, start, clock)
            if self.paths is not None:
                self.paths.observe(rows, notes, start, done)
            self._close(self.windows.close())
            start = done

    def _pass(self, clock: int) -> None:
        """Do what is due until `clock`, in order of time; a sweep before the window that closes at the same moment."""
        clock = min(max(clock, -FAR), FAR)
        after = (clock // SWEEP + 1) * SWEEP
        if self._sweep_due == _BEFORE:
            self._sweep_due = after
        while True:
            if not self.tracker.live:
                self._sweep_due = max(self._sweep_due, after)
            closing = self.windows.due
            if min(self._sweep_due, closing) > clock:
                return
            if self._sweep_due <= closing:
                self._sweep(self._sweep_due)
                self._sweep_due += SWEEP
                continue
            if self.windows.idle:  # nothing is handed over: straight to the last one before something else is due
                closing = min(clock, self._sweep_due - 1)
            self.windows.advance(closing)
            self._close(self.windows.close())

    def _close(self, closed: Iterable[tuple[int, WindowPart | None]]) -> None:
        for number, part in closed:
            if self.paths is not None:
                start, end = (part.start, part.end) if part is not None else self.windows.span(number)
                if part is not None and part.packets:
                    part.paths = self.paths.judge(start, end)
                else:
                    self.paths.release(end)
                full = self.paths.full
                if full != self._full:
                    self._full = full
                    part = part or empty(number, start, end)
                    part.full = full
            if part is not None:
                told = self._shares.tell(number, part.start, part.end, part.packets)
                part.capture.sampled, part.capture.left_out = told
                self._out.append(part)

    def _sweep(self, now: int) -> None:
        """End connections that have timed out by `now`, and report those that have been open for long."""
        self.tracker.sweep(now)
        self._drain()
        every = round(self.tracker.settings.report_open * SECOND)
        if not every:
            return
        rows = self.tracker.open_rows(now - every + 1)
        first = self.tracker.conn["first_ts"][rows]
        rows = rows[(now - first) // every > (now - SWEEP - first) // every]
        if len(rows):
            self._out.append(self.tracker.records(rows, final=False))

    def _drain(self) -> None:
        slots = self.tracker.ended_rows.copy()
        if len(slots):
            records = self.tracker.drain()
            self.windows.leave(slots)
            if self.paths is not None:
                self.paths.apply_flags(slots, records)
            self._out.append(records)
