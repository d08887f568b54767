"""Connections that no packet ends: in order of rows, each once, and only those whose time has come."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.connections.compare import settings
from tests.connections.packets import CLIENT, SECOND, SERVER, START, Row, table, udp
from wireverdict.connections import ending, pools
from wireverdict.connections.tracker import Tracker


def tracked(times: list[int]) -> Tracker:
    """One UDP connection for each time (s), in rows 0, 1, …"""
    tracker = Tracker(settings())
    rows = table([row(time, 5_000 + number) for number, time in enumerate(times)])
    assert tracker.track(rows, 0, len(rows)) == len(rows)
    return tracker


def row(time: int, port: int) -> Row:
    return udp(1000.0 * time, CLIENT, port, SERVER, 53)


def live(tracker: Tracker, start: int, most: int) -> int:
    return int(ending.end_live(start, most, tracker.conn, tracker.table, tracker.ended, tracker.counters))


@given(st.integers(1, 12), st.integers(1, 5), st.sets(st.integers(0, 11)))
def test_parts_end_everything_in_order_of_rows(many: int, most: int, gone: set[int]) -> None:
    tracker = tracked([0] * many)
    first = np.array(sorted(number for number in gone if number < many), np.int64)
    ending.end_rows(first, tracker.conn, tracker.table, tracker.ended, tracker.counters)
    assert tracker.ended_rows.tolist() == first.tolist()
    start, parts = 0, []
    while start < many:
        before = len(tracker.ended_rows)
        start = live(tracker, start, most)
        parts.append(len(tracker.ended_rows) - before)
    assert tracker.ended_rows.tolist()[len(first) :] == [number for number in range(many) if number not in gone]
    assert all(part == most for part in parts[:-1])
    assert tracker.counters[pools.LIVE_ROWS] == 0
    assert not tracker.table.any()


def test_the_end_in_parts_comes_back_to_rows_that_are_in_use_again() -> None:
    tracker = tracked([0, 0, 0])
    assert tracker.finish(2)
    assert len(tracker.drain()) == 2
    again = table([row(1, 6_000)])
    tracker.track(again, 0, 1)  # takes a row before those that are left
    assert tracker.finish(1)
    assert tracker.finish(1)
    assert not tracker.finish(1)
    assert len(tracker.drain()) == 2


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), st.integers(0, 400))
def test_a_sweep_ends_what_was_silent_for_its_time_out(times: list[int], now: int) -> None:
    tracker = tracked(sorted(times))
    tracker.sweep(START + now * SECOND)
    limit = tracker.settings.udp_idle
    assert tracker.ended_rows.tolist() == [at for at, time in enumerate(sorted(times)) if now - time > limit]
