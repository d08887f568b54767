"""Clocks that are made up are found, and what cannot be told is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wireverdict.location.clocks import LEAST, MOST_SKEW, Clocks, compare

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def seen(
    times: NDArray[np.int64], delays: NDArray[np.int64], offset: int, skew: float, *, first: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """When packets that pass the first sensor at `times` (by A's clock) are seen at A, and at B by B's clock."""
    here, there = (times, times + delays) if first == "a" else (times + delays, times)
    return START + here, START + there + offset + np.rint(skew * there).astype(np.int64)


def world(seed: int, apart: int, offset: int, skew: float, many: int = 400, span: int = 60) -> Any:
    """Packets of both directions with delays that mostly wait in queues."""
    random = np.random.default_rng(seed)
    made = []
    for first in ("a", "b"):
        times = np.sort(random.integers(0, span * SECOND, many))
        delays = apart // 2 + random.exponential(apart, many).astype(np.int64) * (random.random(many) < 0.8)
        made.append(seen(times, delays, offset, skew, first=first))
    return made


@given(
    st.integers(0, 2**32),
    st.integers(100_000, 100_000_000),
    st.integers(-(10**15), 10**15),
    st.floats(-1e-4, 1e-4),
)
def test_offset_and_order_are_found_whatever_the_clocks(seed: int, apart: int, offset: int, skew: float) -> None:
    there, back = world(seed, apart, offset, skew)
    found = compare(there, back)
    assert found is not None
    now = START + np.arange(0, 60 * SECOND, 5 * SECOND)
    right = now + offset + np.rint(skew * (now - START)).astype(np.int64)
    assert np.abs(found.at_b(now) - right).max() <= apart  # a fifth of the packets wait for nothing
    assert found.apart == pytest.approx(apart, rel=0.5)
    assert np.abs(found.at_a(found.at_b(now)) - now).max() <= 1
    assert compare(back, there) is None  # the other way round it cannot be


def test_queues_in_one_direction_only_do_not_move_the_offset() -> None:
    there, back = world(1, 1_000_000, 5_000, 0.0)
    there = there[0], there[1] + np.where(np.arange(len(there[0])) % 10 > 0, 80_000_000, 0)
    found = compare(there, back)
    assert found is not None
    assert abs(found.offset - 5_000) < 500_000


def test_a_clock_that_jumps_further_than_the_path_is_long_says_nothing() -> None:
    there, back = world(1, 1_000_000, 0, 0.0)
    jumped = [(a, np.where(a > START + 30 * SECOND, b + 50_000_000, b)) for a, b in (there, back)]
    assert compare(jumped[0], jumped[1]) is None


def test_few_packets_say_nothing() -> None:
    there, back = world(1, 1_000_000, 0, 0.0)
    few = there[0][: LEAST - 1], there[1][: LEAST - 1]
    assert compare(few, back) is None
    assert compare(there, few) is None


def test_times_go_both_ways() -> None:
    clocks = Clocks(START, -(10**15), MOST_SKEW, 0.0, 10)
    ts = START + np.array([0, 1, 10**12], np.int64)
    assert clocks.at_b(ts).tolist() == [START - 10**15, START - 10**15 + 1, START - 10**15 + 10**12 + 5 * 10**8]
    assert np.abs(clocks.at_a(clocks.at_b(ts)) - ts).max() <= 1
