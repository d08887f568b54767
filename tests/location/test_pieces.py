"""Data in pieces, against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.location.linked import rows
from wireverdict.location import follow, pieces
from wireverdict.location.clocks import Clocks
from wireverdict.location.order import ORDER

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), min_size=1, max_size=40)


@given(st.lists(st.integers(-20, 20), max_size=80))
def test_ascend(values: list[int]) -> None:
    array = np.array([*values, 99], np.int64)
    many = pieces.ascend(array, np.zeros(len(array), np.int64), len(values))
    assert array[:many].tolist() == sorted(set(values))


@given(st.lists(st.integers(-20, 20), min_size=1, unique=True), st.integers(-25, 25), st.integers(-5, 60))
def test_at_least(values: list[int], value: int, hint: int) -> None:
    array = np.array(sorted(values), np.int64)
    assert pieces.at_least(array, len(array), value, hint) == np.searchsorted(array, value)


@given(SPANS)
def test_cut_up(spans: list[tuple[int, int]]) -> None:
    left = np.array([start for start, _ in spans], np.int64)
    right = left + np.array([length for _, length in spans])
    bounds = np.unique(np.concatenate([left, right]))
    ts, stamp = np.arange(len(spans)) * 10, np.arange(len(spans)).astype(np.uint32)
    expected = follow._cut(bounds, left, right, ts, stamp)
    room = len(expected.ts)
    start, copy_ts, of = np.zeros(len(bounds), np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    copy_stamp, first = np.zeros(room, np.uint32), np.zeros(len(spans), np.int64)
    given_ = bounds, len(bounds), left, right, ts, stamp, len(spans)
    assert pieces.cut_up(*given_, room, start, copy_ts, copy_stamp, of, first) == room
    assert start.tolist() == expected.start.tolist()
    assert (copy_ts.tolist(), of.tolist()) == (expected.ts.tolist(), expected.of.tolist())
    assert copy_stamp.tolist() == expected.stamp.tolist()
    assert pieces.cut_up(*given_, room - 1, start, copy_ts, copy_stamp, of, first) == -1


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3_000, 3_000), st.integers(0, 3)), min_size=1, max_size=40))
def test_collect(packets: list[tuple[int, int, int]]) -> None:
    seq = np.cumsum([step for _, step, _ in packets]) % 2**32
    made = rows(*({"from_high": way, "length": many, "tsval": many} for way, _, many in packets))
    made["seq"], made["ts"] = seq, np.arange(len(packets)) * 1_000_000
    clock = np.zeros(1, ORDER)
    clock["offset"], clock["skew"] = 77, 1e-4
    out, stamp = np.zeros((4, len(packets)), np.int64), np.zeros(len(packets), np.uint32)
    until = 30_000_000
    many = pieces.collect(
        made, 0, len(made), 1, 5, 1_000_000, until, clock[0], True, out[0], out[1], out[2], out[3], stamp
    )
    chosen = made[(made["from_high"] == 1) & (made["length"] > 0) & (made["ts"] >= 1_000_000) & (made["ts"] <= until)]
    left = follow.unwrapped(chosen["seq"], 5)
    at = Clocks(0, 77, 1e-4, 0.0, 0).at_b(chosen["ts"].astype(np.int64))
    wanted = left, left + chosen["length"], chosen["ts"], at
    assert [part[:many].tolist() for part in out] == [part.tolist() for part in wanted]
    assert stamp[:many].tolist() == chosen["tsval"].tolist()


def test_segments_of() -> None:
    octets, ends = np.array([0, 100, 150, 1]), np.array([100, 200, 300, 400])
    assert pieces.segments_of(octets, ends, 4, 100, True, 200) == (1, 3)
    assert pieces.segments_of(octets, ends, 4, 100, False, 200) == (0, 4)
