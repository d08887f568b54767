"""The decoder's kernel: it stops at a row that points to nothing, and makes times."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.codec.layout import COLUMNS, FLOW, KIND, QUESTION, QUOTE
from wireverdict.codec.predict import FIELDS
from wireverdict.codec.unpack import set_times, unpack
from wireverdict.headers import HEADER


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
    assert unpack(matrix, *tables, state, np.zeros(1, np.uint8), rows) == done
    if done == 3:
        assert int(rows["ip_length"][2]) == (2**32 - 1 if column == "ip_length" else 0)
        assert int(rows["name_length"][2]) == (4 if column == "question" else 0)


def test_times_are_sums_of_steps() -> None:
    rows, clock = np.zeros(3, HEADER), np.zeros(3, np.int64)
    set_times(rows, np.array([0, 5, -2]), np.array([0, 0, 2]), 1000, 10, clock)
    assert rows["ts"].tolist() == [1000, 1050, 1030]
    assert clock.tolist() == [1000, 1050, 1050]
