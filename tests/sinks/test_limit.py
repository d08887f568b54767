"""How much may be given up."""

from __future__ import annotations

import pytest

from sinks.limit import Limit, TooManyDeadLetters


def test_up_to_the_limit_in_the_window() -> None:
    limit = Limit(3, 10)
    limit.count(5, 2)
    limit.count(5, 1)
    with pytest.raises(TooManyDeadLetters, match=r"4 of the last 11 documents.*3 of 10"):
        limit.count(1, 1)


def test_what_is_long_ago_does_not_count() -> None:
    limit = Limit(3, 10)
    for _ in range(20):
        limit.count(4, 1)  # three batches in the window: 3 of 12
    with pytest.raises(TooManyDeadLetters):
        limit.count(4, 4)


def test_nothing_refused_never_stops() -> None:
    limit = Limit(1, 1)
    limit.count(1, 1)
    limit.count(0, 0)
    for _ in range(5):
        limit.count(100, 0)
