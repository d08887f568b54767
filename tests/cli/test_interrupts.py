"""Ctrl-C and SIGTERM as a wish to stop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from wireverdict.cli.interrupts import Interrupts, Stopped


def ask(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)  # Python calls handlers between two instructions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_says_so(number: signal.Signals) -> None:
    with Interrupts() as interrupts, interrupts.waiting():
        assert (interrupts.signal, interrupts.stopped) == (0, False)
        ask(number)
        assert (interrupts.signal, interrupts.stopped) == (number, True)


def test_the_second_stops_at_once() -> None:
    with Interrupts(), pytest.raises(KeyboardInterrupt):  # noqa: PT012
        ask()
        ask()


def test_a_blocked_read_ends_when_the_grace_is_over() -> None:
    reading, writing = os.pipe()
    with Interrupts(grace=0.05) as interrupts:
        ask()
        assert interrupts.signal == signal.SIGINT
        assert not interrupts.stopped
        begin = time.monotonic()
        with pytest.raises(Stopped), interrupts.waiting():
            os.read(reading, 1)
        assert interrupts.stopped
        assert time.monotonic() - begin < 5
        with pytest.raises(Stopped), interrupts.waiting():  # should a reader go on
            os.read(reading, 1)
    os.close(reading)
    os.close(writing)


def test_outside_of_reads_nothing_is_raised() -> None:
    with Interrupts(grace=0.02) as interrupts:
        ask()
        time.sleep(0.1)
        assert interrupts.stopped


def test_sleep_is_over_with_a_signal() -> None:
    with Interrupts() as interrupts:
        assert interrupts.sleep(0.001)
        ask()
        begin = time.monotonic()
        assert not interrupts.sleep(60)
        assert time.monotonic() - begin < 5


def test_handlers_and_timer_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    with Interrupts(grace=60):
        ask()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)] == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


class Inputs:
    """Batches, here numbers, and what is held back meanwhile."""

    def __init__(self, given: list[int | OSError]) -> None:
        self.given, self.held = given, [8, 9]

    def __iter__(self) -> Iterator[Any]:
        for batch in self.given:
            if isinstance(batch, OSError):
                raise batch
            yield batch

    def rest(self) -> Iterator[Any]:
        yield from self.held


def taken(inputs: Any, stop_at: int) -> list[Any]:
    with Interrupts() as interrupts:
        found: list[Any] = []
        batch: Any
        for batch in interrupts.batches(inputs):
            found.append(batch)
            if batch == stop_at:
                ask()
    return found


def test_batches_end_with_what_had_been_read() -> None:
    assert taken(Inputs([1, 2, 3]), stop_at=0) == [1, 2, 3]
    assert taken(Inputs([1, 2, 3]), stop_at=2) == [1, 2, 8, 9]
    assert taken(Inputs([1, Stopped(), 3]), stop_at=0) == [1]
    with pytest.raises(PermissionError):
        taken(Inputs([1, PermissionError()]), stop_at=0)
