"""Ranges and addresses against the obvious."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.recorded.choice import Choice
from wireverdict.headers import HEADER, HeaderBatch

NO_NAMES = np.zeros(0, np.uint8)


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 50), st.integers(1, 20))
def test_the_range_is_by_the_clock(times: list[int], begin: int, width: int) -> None:
    rows = np.zeros(len(times), HEADER)
    rows["ts"] = times
    clock = np.maximum.accumulate(rows["ts"]) if times else rows["ts"].copy()
    chosen, taken = Choice(begin, begin + width).part(HeaderBatch(rows, NO_NAMES), clock)
    expected = [i for i in range(len(times)) if begin <= clock[i] < begin + width]
    assert chosen.rows["ts"].tolist() == [times[i] for i in expected]
    assert taken.tolist() == [int(clock[i]) for i in expected]


def test_what_a_packet_is_about_counts_too() -> None:
    rows = np.zeros(5, HEADER)
    inside = 0xFFFF << 32 | 10 << 24
    for place, name in enumerate(("src_lo", "dst_lo", "quoted_src_lo", "quoted_dst_lo")):
        rows[name][place] = inside | 7
    clock = np.arange(5)
    chosen, taken = Choice(addresses=("10.0.0.0/8",)).part(HeaderBatch(rows, NO_NAMES), clock)
    assert taken.tolist() == [0, 1, 2, 3]
    assert len(chosen.rows) == 4
    assert Choice(sensors=("a",)).wants("a")
    assert not Choice(sensors=("a",)).wants("b")
    assert Choice().wants("b")
