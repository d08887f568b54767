"""Side tables: taken on demand, given back, counted when there is none left."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.connections.compare import bucket_edges
from wireverdict.connections import pools
from wireverdict.connections.finish import bucket_start
from wireverdict.connections.layout import HALF, HISTOGRAM, INLINE_RTT, RTT_BUCKETS, TROUBLE
from wireverdict.connections.tracker import Settings, Tracker


@numba.njit  # type: ignore[untyped-decorator]
def take(half: Any, at: int, trouble: Any, counters: Any) -> int:
    return int(pools.take_trouble(half[at], trouble, counters))


@numba.njit  # type: ignore[untyped-decorator]
def add(half: Any, at: int, us: int, histogram: Any, counters: Any) -> None:
    pools.add_rtt(half[at], us, histogram, counters)


@numba.njit  # type: ignore[untyped-decorator]
def give_back(half: Any, at: int, trouble: Any, histogram: Any, counters: Any) -> None:
    pools.give_back(half[at], trouble, histogram, counters)


@numba.njit  # type: ignore[untyped-decorator]
def buckets(times: Any, out: Any) -> None:
    for k in range(len(times)):
        out[k] = pools.bucket_of(times[k])


@numba.njit  # type: ignore[untyped-decorator]
def starts(out: Any) -> None:
    for bucket in range(len(out)):
        out[bucket] = bucket_start(bucket)


class Tables:
    """Three directions, and side tables for two."""

    def __init__(self) -> None:
        self.half = np.zeros(3, HALF)
        self.trouble = np.zeros(2 + 1, TROUBLE)  # the last row stays empty: new ones are copied from it
        self.histogram = np.zeros(2, HISTOGRAM)
        self.counters = np.zeros(pools.COUNTERS, np.int64)

    def take(self, at: int) -> int:
        return int(take(self.half, at, self.trouble, self.counters))

    def add(self, at: int, us: int) -> None:
        add(self.half, at, us, self.histogram, self.counters)

    def end(self, at: int) -> None:
        give_back(self.half, at, self.trouble, self.histogram, self.counters)


def test_a_direction_takes_one_row_and_keeps_it() -> None:
    tables = Tables()
    assert [tables.take(0), tables.take(1), tables.take(0)] == [0, 1, 0]


def test_what_had_no_room_is_counted() -> None:
    tables = Tables()
    assert [tables.take(at) for at in (0, 1, 2, 2)] == [0, 1, -1, -1]
    assert tables.counters[pools.FULL_TROUBLE] == 2
    assert tables.half[2]["trouble"] == 0


def test_a_row_that_was_given_back_is_empty_for_its_next_tenant() -> None:
    tables = Tables()
    for at in (0, 1):
        row = tables.take(at)
        for name in TROUBLE.names or ():
            tables.trouble[row][name] = 7
    tables.end(1)
    tables.end(0)
    assert [tables.take(2), tables.take(0), tables.take(1)] == [0, 1, -1]
    assert not any(np.any(tables.trouble[name][:2]) for name in TROUBLE.names or ())


def test_three_times_are_kept_as_they_are() -> None:
    tables = Tables()
    for us in (30, 10, 20):
        tables.add(0, us)
    assert tables.half[0]["rtt"].tolist() == [30, 10, 20]
    assert tables.counters[pools.TOP_HISTOGRAM] == 0


@effort(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, (1 << 31) - 1), min_size=4, max_size=40))
def test_more_times_are_all_in_the_histogram(times: list[int]) -> None:
    tables = Tables()
    for us in times:
        tables.add(0, us)
    kept = tables.histogram[0]
    assert tables.half[0]["rtt_samples"] == kept["count"].sum() == len(times)
    assert (kept["low"], kept["high"]) == (min(times), max(times))
    expected = np.zeros(len(times), np.int64)
    buckets(np.array(times), expected)
    assert np.array_equal(np.bincount(expected, minlength=RTT_BUCKETS), kept["count"])


def test_without_a_histogram_three_times_stand_for_all() -> None:
    tables = Tables()
    for at in range(3):
        for us in (1, 2, 3, 4):
            tables.add(at, us)
    assert tables.half["rtt_samples"].tolist() == [4, 4, INLINE_RTT]
    assert tables.half[2]["rtt"].tolist() == [1, 2, 3]
    assert tables.counters[pools.FULL_HISTOGRAM] == 1


def test_a_histogram_that_was_given_back_is_empty_for_its_next_tenant() -> None:
    tables = Tables()
    for _ in range(9):
        tables.add(0, 1_000)
    tables.end(0)
    for _ in range(4):
        tables.add(1, 5)
    assert tables.counters[pools.TOP_HISTOGRAM] == 1
    assert tables.histogram[0]["count"].sum() == 4
    assert (tables.histogram[0]["low"], tables.histogram[0]["high"]) == (5, 5)


def test_buckets_cover_all_times_without_gaps() -> None:
    edges = np.zeros(RTT_BUCKETS + 1)
    starts(edges)
    assert np.all(np.diff(edges) > 0)
    times = np.unique(np.concatenate([np.arange(5_000), edges[:-1].astype(np.int64), edges[1:].astype(np.int64) - 1]))
    found = np.zeros(len(times), np.int64)
    buckets(times, found)
    assert np.array_equal(found, np.searchsorted(edges, times, side="right") - 1)
    for us, bucket in zip(times.tolist(), found, strict=True):
        if bucket < RTT_BUCKETS - 1:
            assert bucket_edges(us) == (edges[bucket], edges[bucket + 1])


def test_times_beyond_the_last_bucket_are_in_it() -> None:
    found = np.zeros(2, np.int64)
    buckets(np.array([1 << 29, (1 << 31) - 1]), found)
    assert found.tolist() == [RTT_BUCKETS - 1] * 2


def test_full_side_tables_are_named_in_the_counts() -> None:
    tracker = Tracker(Settings(max_connections=16, max_troubled=1, max_histograms=1))
    assert {"trouble_rows_full", "histogram_rows_full", "holes_forgotten"} <= set(tracker.counts)
