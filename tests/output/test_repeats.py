"""Runs of fields that are copied from where they were written before: nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.output.connection_rows import make_rows
from wireverdict.output.csv_records import csv_lines
from wireverdict.output.fields import FIELDS
from wireverdict.output.json_records import json_lines
from wireverdict.output.layout import Dialect, layout
from wireverdict.output.repeats import SLOTS, memory
from wireverdict.records import CONNECTION

COLUMNS = sorted({column for field in FIELDS if field.run for column in field.columns})


def alone(rows: np.ndarray, write: object) -> bytes:
    """Each row by itself, so that nothing can be remembered."""
    assert callable(write)
    return b"".join(bytes(piece) for at in range(len(rows)) for piece in write(rows[at : at + 1]))


def together(rows: np.ndarray, write: object) -> bytes:
    assert callable(write)
    return b"".join(bytes(piece) for piece in write(rows))


@pytest.mark.parametrize("write", [json_lines, csv_lines])
@given(
    kinds=st.lists(st.integers(0, 6), max_size=40),
    touched=st.lists(st.tuples(st.sampled_from(COLUMNS), st.integers(0, 2**64 - 1)), max_size=3),
    seed=st.integers(0, 1000),
)
def test_rows_that_are_alike(write: object, kinds: list[int], touched: list[tuple[str, int]], seed: int) -> None:
    """A few kinds of rows in any order: blank, blank but for one column, and full."""
    made = make_rows(8, seed)
    made[:4] = np.zeros((), CONNECTION)
    for number, (name, value) in enumerate(touched):
        column: np.ndarray = made[number + 1 : number + 2]
        for part in name.split("."):
            column = column[part]
        column[...] = value & ((1 << 8 * column.dtype.itemsize) - 1)
    rows = made[np.array(kinds, np.int64)]
    rows["first_ts"] += np.arange(len(rows))
    assert together(rows, write) == alone(rows, write)


@pytest.mark.parametrize("write", [json_lines, csv_lines])
def test_more_kinds_of_flags_than_are_remembered(write: object) -> None:
    rng = np.random.default_rng(1)
    rows = np.zeros(20 * SLOTS, CONNECTION)
    kinds = rng.integers(0, 1 << 10, (4 * SLOTS, 2))
    chosen = kinds[rng.integers(0, len(kinds), len(rows))]
    rows["flags_known"], rows["flags_true"] = chosen[:, 0], chosen[:, 0] & chosen[:, 1]
    rows["reasons"] = rng.integers(0, 9, (16, 16))[rng.integers(0, 16, len(rows))]
    assert together(rows, write) == alone(rows, write)


def test_what_lies_between_columns_is_not_looked_at() -> None:
    rows = np.zeros(2, CONNECTION)
    rows["source"]["pad"][1] = 255
    first, second = together(rows, json_lines).splitlines()
    assert first == second


def test_memory_is_empty_at_first() -> None:
    made = memory(layout([("", field) for field in FIELDS], Dialect("", "", "", "")))
    assert not made.sizes.any()
    assert len(made.texts) >= len(made.sizes) * 32
