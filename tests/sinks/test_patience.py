"""Trying again, without waiting: time is ours."""

from __future__ import annotations

import threading

import pytest

from sinks.base import Unavailable
from sinks.metrics import Metrics
from sinks.patience import Patience
from wireverdict.sinking import SinkSettings

SETTINGS = SinkSettings(backoff_first=1.0, backoff_most=8.0, breaker_failures=3, breaker_pause=100.0)


class World:
    def __init__(self, *faults: Exception) -> None:
        self.now, self.waits, self.faults, self.careful = 0.0, [0.0][:0], list(faults), [False][:0]
        self.stop = threading.Event()
        self.metrics = Metrics()
        self.patience = Patience("x", SETTINGS, self.metrics, self.stop, self.wait, lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def attempt(self) -> None:
        self.careful.append(self.patience.careful)
        if self.faults:
            raise self.faults.pop(0)


def test_waits_grow_and_the_breaker_opens() -> None:
    world = World(*(Unavailable("away") for _ in range(4)))
    assert world.patience.until_done(world.attempt)
    assert 1.0 <= world.waits[0] <= 2.0 <= world.waits[1] <= 3.0
    assert world.waits[2:] == pytest.approx([100.0, 100.0])  # the breaker takes times away from each other
    assert world.careful == [False, False, False, True, True]
    assert world.metrics.retries.labels("x")._value.get() == 4
    assert not world.patience.careful


def test_what_the_destination_asks_for() -> None:
    world = World(Unavailable("busy", retry_after=77.0))
    assert world.patience.until_done(world.attempt)
    assert world.waits == [77.0]


def test_the_end_and_faults() -> None:
    world = World(Unavailable("away"))
    world.stop.set()
    assert not world.patience.until_done(world.attempt)
    other = World(KeyError("a bug"))
    with pytest.raises(KeyError):
        other.patience.until_done(other.attempt)
