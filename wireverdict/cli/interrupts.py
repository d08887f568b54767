"""Ctrl-C and SIGTERM as a wish to stop, which is met between two batches and not in the middle of one."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from producers.timeline import Timeline
    from wireverdict.frames import FrameBatch


class Stopped(OSError):
    """Raised inside a blocked read when the grace is over: readers take it for the end of what can be read."""

    def __init__(self) -> None:
        super().__init__(errno.EINTR, os.strerror(errno.EINTR))


class Interrupts:
    """While in use, the first signal sets `signal` and, `grace` seconds later, `stopped`; a second one raises
    KeyboardInterrupt.

    The grace is for pipes: what writes into them has usually got the same Ctrl-C, and its last bytes are still to come.
    """

    def __init__(self, grace: float = 0.0) -> None:
        self.signal = 0
        self.stopped = False
        self.grace = grace
        self._waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number, handler in (
            (signal.SIGINT, self._asked),
            (signal.SIGTERM, self._asked),
            (signal.SIGALRM, self._over),
        ):
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a read that may block: the only place where Stopped is raised."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def batches(self, timeline: Timeline) -> Iterator[FrameBatch]:
        """Until the end of the inputs or a wish to stop; then what had been read and not given out."""
        batches = iter(timeline)
        while not self.stopped:
            batch = None
            with suppress(Stopped), self.waiting():
                batch = next(batches, None)
            if batch is None:
                break
            yield batch
        if self.stopped:
            yield from timeline.rest()

    def sleep(self, seconds: float) -> bool:
        """Wait for a time; whether there is no wish to stop after it."""
        if not self.signal:
            time.sleep(seconds)
        return not self.signal

    def _asked(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        if self.grace:
            signal.setitimer(signal.ITIMER_REAL, self.grace)
        else:
            self.stopped = True

    def _over(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True
        signal.setitimer(signal.ITIMER_REAL, self.grace)  # should a reader go on to read
        if self._waiting:
            raise Stopped
