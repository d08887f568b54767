"""Rates by second of packet time against counts by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.watch.rates import KEPT, OVER, SECOND, Rates

BEGIN = 1_700_000_000 * SECOND


def fed(times: list[float], size: int = 3) -> Rates:
    rates = Rates()
    ts = np.array([BEGIN + round(time * SECOND) for time in times], np.int64)
    for start in range(0, len(ts), size):
        part = ts[start : start + size]
        rates.add(part, np.full(len(part), 100, np.uint32))
    return rates


@given(st.lists(st.floats(0, 60), min_size=1, max_size=80).map(sorted), st.integers(1, 30))
def test_seconds_hold_their_packets(times: list[float], size: int) -> None:
    rates = fed(times, size)
    stamps = [BEGIN + round(time * SECOND) for time in times]
    counted = Counter(stamp // SECOND for stamp in stamps)
    last = stamps[-1] // SECOND
    assert rates.history(70) == [counted[second] for second in range(last - 70, last)]
    assert (rates.packets, rates.octets, rates.last) == (len(times), 100 * len(times), stamps[-1])


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rates = fed([number / 100 for number in range(2_000)])
    packets, bits = rates.rate
    assert packets == pytest.approx(100, rel=0.02)
    assert bits == pytest.approx(80_000, rel=0.02)
    rates.until(BEGIN + 22 * SECOND)
    assert rates.rate[0] == pytest.approx(100 * 3 / OVER, rel=0.02)
    rates.until(BEGIN + 40 * SECOND)
    assert rates.rate == (0, 0)
    assert rates.history(5) == [0] * 5


def test_nothing_and_one_packet() -> None:
    rates = Rates()
    rates.until(BEGIN)
    assert rates.rate == (0, 0)
    assert (rates.first, rates.last) == (0, 0)
    rates.add(np.zeros(0, np.int64), np.zeros(0, np.uint32))
    assert rates.packets == 0
    assert fed([0.0]).rate[0] > 0


def test_memory_is_bounded_and_old_seconds_make_room() -> None:
    rates = fed([0.0, 1.0, 5.0, float(3 * KEPT), 3 * KEPT + 1.0], size=2)
    assert sum(rates.history(KEPT)) == 1
    rates.add(np.array([BEGIN], np.int64), np.array([1], np.uint32))  # far too late: only in the total
    assert rates.packets == 6
    assert sum(rates.history(KEPT)) == 1
