"""Ctrl-C and SIGTERM as a wish to stop, which is met between two batches and not in the middle of one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """While in use, the first signal only sets `signal`; a second, or one while `waiting`, raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.signal = 0
        self._waiting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what may block (a read from a pipe), and may be left at any point."""
        self._waiting = True
        try:
            if self.signal:  # it came just before
                raise KeyboardInterrupt
            yield
        finally:
            self._waiting = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = bool(self.signal), number
        if again or self._waiting:
            raise KeyboardInterrupt
