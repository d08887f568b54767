"""A circuit breaker: a destination that failed several times in a row is left alone, then tried with one document."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class State(IntEnum):
    """As the metric ``wireverdict_sink_circuit`` has it."""

    CLOSED = 0  # all is well
    HALF_OPEN = 1  # one document is being tried
    OPEN = 2  # the destination is left alone


class Breaker:
    """Counts failures in a row. `clock`: s, monotonic."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float]) -> None:
        """`failures` in a row open it, for `pause` s."""
        self._failures, self._pause, self._clock = failures, pause, clock
        self._count = 0
        self._until = 0.0

    @property
    def state(self) -> State:
        """What may be done now."""
        if self._count < self._failures:
            return State.CLOSED
        return State.OPEN if self._clock() < self._until else State.HALF_OPEN

    @property
    def remaining(self) -> float:
        """s until it may be tried again; 0 unless it is open."""
        return max(self._until - self._clock(), 0.0) if self._count >= self._failures else 0.0

    def succeeded(self) -> None:
        """The destination took something."""
        self._count = 0

    def failed(self) -> None:
        """The destination took nothing."""
        self._count += 1
        if self._count >= self._failures:
            self._until = self._clock() + self._pause
