"""Prefetching is a hint: it changes nothing, wherever it points."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from wireverdict.connections.layout import HALF
from wireverdict.kernels.prefetch import prefetch


@numba.njit  # type: ignore[untyped-decorator]
def ask_for_all(rows: Any, first: int, last: int, offset: int) -> int:
    """Ask for rows[first:last]; how many that were."""
    asked = 0
    for row in range(first, last):
        prefetch(rows, row, offset)
        asked += 1
    return asked


def test_it_changes_nothing() -> None:
    rows = np.arange(80 * 100, dtype=np.uint64).view(np.uint8)[: 80 * 100].view(HALF)
    before = rows.copy()
    assert ask_for_all(rows, 0, len(rows), 0) == ask_for_all(rows, 0, len(rows), 64) == 100
    assert np.array_equal(rows, before)


def test_rows_outside_the_array_do_no_harm() -> None:
    rows = np.zeros(4, HALF)
    assert ask_for_all(rows, -1_000_000, 1_000_000, 0) == 2_000_000
    assert ask_for_all(np.zeros(0, HALF), -5, 5, 1 << 40) == 10


def test_it_asks_the_processor() -> None:
    ask_for_all(np.zeros(4, HALF), 0, 4, 0)
    compiled = "".join(ask_for_all.inspect_llvm().values())
    assert "@llvm.prefetch" in compiled
