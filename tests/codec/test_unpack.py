"""The decoder's kernel: it stops at a row that points to nothing, and makes times."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.codec.layout import CHANGE, COLUMNS, FAR, FLOW, KIND, QUESTION, QUOTE
from wireverdict.codec.predict import FIELDS
from wireverdict.codec.unpack import set_changes, set_times, unpack
from wireverdict.headers import HEADER, TCP_HEADER


@pytest.mark.parametrize(
    ("column", "value", "done"),
    [("flow", 1, 2), ("flow", -1, 2), ("kind", 1, 2), ("kind", -7, 2), ("question", 2, 2), ("question", -1, 2),
     ("quote", 2, 2), ("quote", -1, 2), ("question", 1, 3), ("quote", 1, 3), ("ip_length", -1, 3)],
)  # fmt: skip
def test_it_stops_at_what_is_not_there(column: str, value: int, done: int) -> None:
    matrix = np.zeros((len(COLUMNS), 3), np.int32)
    matrix[COLUMNS.index(column), 2] = value
    rows = np.full(3 * HEADER.itemsize, 0xAA, np.uint8).view(HEADER)
    ends, state = np.array([0, 4], np.int32), np.zeros((2, FIELDS), np.uint32)
    tables = np.zeros(1, FLOW), np.zeros(1, KIND), np.zeros(1, QUESTION), ends, np.zeros(1, QUOTE)
    assert unpack(matrix, *tables, state, np.zeros(1, np.uint8), np.zeros(0, np.uint32), rows) == done
    if done == 3:
        assert int(rows["ip_length"][2]) == (2**32 - 1 if column == "ip_length" else 0)
        assert int(rows["name_length"][2]) == (4 if column == "question" else 0)


def test_times_are_sums_of_steps() -> None:
    rows, clock = np.zeros(3, HEADER), np.zeros(3, np.int64)
    set_times(rows, np.array([0, 5, -2]), np.array([0, 0, 2]), 1000, 10, clock)
    assert rows["ts"].tolist() == [1000, 1050, 1030]
    assert clock.tolist() == [1000, 1050, 1050]


def test_in_version_2_lengths_go_on_from_those_of_the_kind_and_flows_from_zeros() -> None:
    matrix = np.zeros((len(COLUMNS), 4), np.int32)
    matrix[1] = [0, 1, 0, 1]
    matrix[2] = [60, 1500, -8, 0]
    matrix[COLUMNS.index("seq")] = [1000, 0, 0, 0]
    kinds, flows = np.zeros(2, KIND), np.zeros(1, FLOW)
    kinds["present"], kinds["overhead"] = TCP_HEADER, 40
    flows["seq"] = 77  # nothing of version 1 counts
    rows, state = np.zeros(4, HEADER), np.full((2, FIELDS), 5, np.uint32)
    ends = np.zeros(1, np.int32)
    tables = np.zeros(0, QUESTION), ends, np.zeros(0, QUOTE)
    assert unpack(matrix, flows, kinds, *tables, state, np.zeros(1, np.uint8), np.zeros(2, np.uint32), rows) == 4
    assert rows["ip_length"].tolist() == [60, 1500, 52, 1500]
    assert rows["seq"].tolist() == [1000, 1020, 2480, 2492]


@pytest.mark.parametrize(
    ("near", "far", "whole"),
    [
        ([(1, 2, -5), (1, 14, 7)], [(0, 3, 1 << 20)], True),
        ([(2, 0, 0), (0, 2, 9)], [], True),
        ([(3, 2, 1)], [], False),
        ([(1, 1, 1)], [], False),
        ([(1, 15, 1)], [], False),
        ([], [(255, 3, 1)], False),
    ],
)
def test_changes_are_entered_where_their_sums_tell(
    near: list[tuple[int, ...]], far: list[tuple[int, ...]], whole: bool
) -> None:
    matrix = np.full((len(COLUMNS), 3), 99, np.int32)
    lists = [
        np.array([entry[place] for entry in entries], dtype[name])
        for entries, dtype in ((near, CHANGE), (far, FAR))
        for place, name in enumerate(dtype.names or ())
    ]
    assert set_changes(*(*lists, matrix)) == whole
    expected = np.zeros((len(COLUMNS), 3), np.int32)
    expected[:2] = 99
    for entries in (near, far):
        row = 0
        for skip, field, by in entries:
            row += skip
            if whole and by:
                expected[field, row] = by
    if whole:
        np.testing.assert_array_equal(matrix, expected)
