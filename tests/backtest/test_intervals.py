"""Intervals against published figures and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wireverdict.backtest import intervals


def test_a_share_has_the_score_interval() -> None:
    found = intervals.share(9, 10)  # Wilson 1927; the example is in Newcombe, Statist. Med. 17, 1998
    assert (found.value, found.low, found.high) == pytest.approx((0.9, 0.5958, 0.9821), abs=1e-4)
    assert not intervals.share(0, 0)


def exact(count: int, tail: float = 0.025) -> tuple[float, float]:
    """The exact interval of a Poisson mean (Garwood, Biometrika 28, 1936), by bisection."""

    def at_most(mean: float, many: int) -> float:
        return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(many + 1))

    def solve(wanted: float, many: int) -> float:
        low, high = 0.0, 200.0
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(middle, many) > wanted else (low, middle)
        return low

    return (solve(1 - tail, count - 1) if count else 0.0), solve(tail, count)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 40])
def test_a_rate_is_near_the_exact_interval(count: int) -> None:
    found = intervals.rate(count, 2.0)
    low, high = exact(count)
    assert found.value == count / 2
    assert (found.low, found.high) == pytest.approx((low / 2, high / 2), rel=0.02, abs=0.06)


def test_no_events_have_an_upper_bound_and_no_time_has_none() -> None:
    found = intervals.rate(0, 1.0)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(3.69, abs=0.1)
    assert not intervals.rate(3, 0.0)


def test_a_median_is_resampled_and_always_the_same() -> None:
    sample = [3.0, 9.0, 4.0, 5.0, 100.0]
    found = intervals.median(sample)
    assert found == intervals.median(sample[::-1])
    assert found.value == 5.0
    assert found.low is not None
    assert found.high is not None
    assert 3.0 <= found.low <= 5.0 <= found.high <= 100.0
    assert not intervals.median([])


def test_f1_is_the_harmonic_mean_and_its_interval_near_that_of_resampled_cases() -> None:
    found = intervals.f1(80, 100, 120, 150)
    assert found.value == pytest.approx(0.8)
    draw = np.random.default_rng(7)
    labels, incidents = np.array([1] * 80 + [0] * 20), np.array([1] * 120 + [0] * 30)
    recall = draw.choice(labels, (4000, 100)).mean(axis=1)
    precision = draw.choice(incidents, (4000, 150)).mean(axis=1)
    both = 2 * precision * recall / (precision + recall)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(both, (2.5, 97.5))), abs=0.015)


def test_three_of_three_are_not_certain() -> None:
    found = intervals.f1(3, 3, 3, 3)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.4 < found.low < 0.8


def test_f1_of_nothing() -> None:
    silent = intervals.f1(0, 5, 0, 0)
    assert (silent.value, silent.low, silent.high) == pytest.approx((0.0, 0.0, 0.434), abs=0.001)
    assert intervals.f1(0, 5, 0, 4).value == 0.0
    assert not intervals.f1(0, 0, 0, 4)
