"""What feeds a watcher: a source of frames, at its own pace or another, and pictures for whoever looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np

from producers.capture import paced
from wireverdict.frames import FrameBatch
from wireverdict.watch.filters import Filter
from wireverdict.watch.picture import Losses, Picture
from wireverdict.watch.watcher import Watcher

EVERY = 0.5
"""Seconds between pictures."""
COUNT = 0.25
"""Seconds between looks at what the source drops."""
SHARE = 0.02
"""Of the time, at most, that is spent on pictures: after an expensive one the next comes later."""


class Frames(Protocol):
    """Where frames come from."""

    def __iter__(self) -> Iterator[FrameBatch]: ...


class Feeder:
    """Feeds `watcher` until the source ends or `stop`; `show` gets pictures, if anybody wants them. For a thread of its own, or
    for the caller's.

    `losses`: what the source did not see. `horizon`: packet time that the source has come to, 0 if it does not say.
    `held`: whether a pause holds up the source (a file) or not (an interface). `heard`: called after each batch.
    """

    def __init__(
        self,
        watcher: Watcher,
        source: Iterable[FrameBatch],
        show: Callable[[Picture], None] | None,
        *,
        losses: Callable[[], Losses] = Losses,
        horizon: Callable[[], int] = lambda: 0,
        held: bool = True,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        self.watcher, self.source, self.show = watcher, source, show
        self.losses, self.horizon, self.held, self.heard = losses, horizon, held, heard
        self.filter: Filter | None = None
        self.paused = False
        self.stopped = False
        self._changed = threading.Condition()
        self._due = self._count_due = 0.0
        self._asked = False

    def run(self) -> None:
        """Until the end of the source; pictures go on to be made after it when the filter changes, until `stop`."""
        for batch in self.source:
            if self.stopped:
                return
            if len(batch.frames):
                self.watcher.feed(batch)
            if time.monotonic() >= self._count_due:
                self._count_due = time.monotonic() + COUNT
                self.watcher.dropped(self.losses().dropped)
            self.watcher.advance(self.horizon())
            self.heard()
            if self._asked or time.monotonic() >= self._due:
                self.look()
            while self.paused and self.held and not self.stopped:
                self._wait()
        if self.stopped:
            return
        self.watcher.dropped(self.losses().dropped)
        self.watcher.finish()
        self.heard()
        self.look()

    def linger(self) -> None:
        """After the end: answer to changes of the filter, until `stop`."""
        while not self.stopped:
            self._wait()

    def look(self) -> None:
        """Make a picture."""
        self._asked = False
        if self.show is None:
            return
        began, cpu = time.monotonic(), time.thread_time()
        self.show(self.watcher.picture(self.filter, self.losses()))
        self._due = began + max(EVERY, (time.thread_time() - cpu) / SHARE)

    def change(self, chosen: Filter | None, paused: bool) -> None:
        """Another filter, a pause or its end: from another thread."""
        with self._changed:
            self._asked = self._asked or chosen is not self.filter or paused != self.paused
            self.filter, self.paused = chosen, paused
            self._changed.notify_all()

    def stop(self) -> None:
        """End; from another thread or a signal."""
        self.stopped = True
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._asked or self.stopped, timeout=0.2)
        if self._asked and not self.stopped:
            self.look()


def sliced(batches: Iterable[FrameBatch], width: int = 10_000_000_000) -> Iterator[FrameBatch]:
    """The same frames, such that between two batches there is a look at least every `width` ns of packet time."""
    for data, frames in batches:
        cells = frames["ts"] // width
        starts = np.flatnonzero(np.diff(cells, prepend=cells[:1])).tolist()
        for start, stop in zip([0, *starts], [*starts, len(frames)], strict=True):
            yield FrameBatch(data, frames[start:stop])


def at_rate(batches: Iterable[FrameBatch], rate: str, stopped: Callable[[], bool]) -> Iterable[FrameBatch]:
    """Frames of a file at the pace `rate`: ``max``, ``real``, or how many times as fast as they were captured.

    Raises ValueError for anything else.
    """
    if rate == "max":
        return sliced(batches)
    try:
        times = 1.0 if rate == "real" else float(rate)
    except ValueError:
        times = 0.0
    if not 0.001 <= times <= 1e6:
        raise ValueError(f"--rate {rate}: it must be real, max, or a number such as 10 (ten times as fast)")

    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds / times
        while not stopped() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))

    return paced(batches, lambda: time.monotonic() * times, wait)
