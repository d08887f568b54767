"""What fits into a table."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.watch.listing import Cell, Column, Listing, cut, ordered

COLUMNS = (Column("a", 0), Column("b", 0), Column("c", 9), Column("d", 7, True, 60), Column("e", 5, True, 100))


def listing() -> Listing:
    return Listing("t", COLUMNS, np.arange(3), lambda row: [Cell(str(row))] * 5, lambda row: row, "none")


@given(st.integers(20, 300))
def test_columns_fill_the_width(width: int) -> None:
    shown = listing().shown(width)
    assert sum(size for _, size in shown) + len(shown) - 1 == width
    assert [number for number, _ in shown] == [0, 1, 2, *([3] if width >= 60 else []), *([4] if width >= 100 else [])]
    assert abs(shown[0][1] - shown[1][1]) <= 1
    assert len(listing()) == 3


def test_texts_are_cut_with_a_sign() -> None:
    assert [cut("abcdef", width) for width in (6, 7, 5, 1, 0)] == ["abcdef", "abcdef", "abcd…", "…", ""]


def test_order_is_stable_and_unknown_ones_come_last() -> None:
    values = np.array([2.0, np.nan, 3.0, 2.0, 1.0])
    assert ordered(values, False).tolist() == [2, 0, 3, 4, 1]
    assert ordered(values, True).tolist() == [4, 0, 3, 2, 1]
