"""Rows by clock and partition, against the obvious way to divide them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.dividing import arrange
from wireverdict.headers import HEADER

NEVER = (1 << 63) - 1


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=40),
    st.integers(0, 40),
    st.integers(-1, 50),
    st.integers(0, 60) | st.just(NEVER),
    st.booleans(),
)
def test_rows_are_divided_up_to_where_the_clock_is(
    given_rows: list[tuple[int, int]], first: int, clock: int, until: int, one: bool
) -> None:
    first = min(first, len(given_rows))
    rows = np.zeros(len(given_rows), HEADER)
    rows["ts"] = [ts for ts, _ in given_rows]
    numbers = np.array([] if one else [number for _, number in given_rows], np.int64)
    clocks, order = np.full(len(rows), -9), np.full(len(rows), -9)
    ends = np.zeros(1 if one else 4, np.int64)
    stop = arrange(rows, numbers, first, clock, until, clocks, order, ends)
    expected: list[list[int]] = [[] for _ in ends]
    told: list[int] = []
    for place in range(first, len(rows)):
        clock = max(clock, given_rows[place][0])
        if clock >= until:
            break
        told.append(clock)
        expected[0 if one else given_rows[place][1]].append(place)
    assert stop == first + len(told)
    assert clocks[first:stop].tolist() == told
    assert order[: stop - first].tolist() == [place for places in expected for place in places]
    assert ends.tolist() == np.cumsum([len(places) for places in expected]).tolist()


def test_a_partition_that_is_not_there_is_told() -> None:
    rows, room = np.zeros(3, HEADER), np.zeros(3, np.int64)
    for number in (2, -1):
        assert arrange(rows, np.array([0, number, 1]), 0, 0, NEVER, room, room.copy(), np.zeros(2, np.int64)) == -1
