"""The circuit breaker, with a clock of our own."""

from __future__ import annotations

from sinks.breaker import Breaker, State


def test_failures_in_a_row_open_it_and_time_half_opens_it() -> None:
    now = [0.0]
    breaker = Breaker(3, 10.0, lambda: now[0])
    for _ in range(2):
        breaker.failed()
    assert (breaker.state, breaker.remaining) == (State.CLOSED, 0.0)
    breaker.failed()
    assert (breaker.state, breaker.remaining) == (State.OPEN, 10.0)
    now[0] = 4.0
    assert (breaker.state, breaker.remaining) == (State.OPEN, 6.0)
    now[0] = 10.0
    assert (breaker.state, breaker.remaining) == (State.HALF_OPEN, 0.0)
    breaker.failed()
    assert (breaker.state, breaker.remaining) == (State.OPEN, 10.0)
    now[0] = 20.0
    breaker.succeeded()
    assert breaker.state == State.CLOSED


def test_a_success_in_between_counts_from_the_start() -> None:
    breaker = Breaker(2, 1.0, lambda: 0.0)
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state == State.CLOSED
