"""Which shard a header belongs to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.headers import HEADER
from wireverdict.partition import divide

HALF = st.integers(0, 2**64 - 1)


@given(HALF, HALF, HALF, HALF, st.integers(1, 64))
def test_both_directions_meet_whatever_the_ports(a: int, b: int, c: int, d: int, partitions: int) -> None:
    rows = np.zeros(2, HEADER)
    rows[["src_hi", "src_lo", "dst_hi", "dst_lo"]] = [(a, b, c, d), (c, d, a, b)]
    rows["sport"] = [1, 2]
    one, other = divide(rows, partitions)
    assert one == other
    assert 0 <= one < partitions


@pytest.mark.parametrize("partitions", [2, 3, 4, 16])
def test_pairs_spread_evenly(partitions: int) -> None:
    rows = np.zeros(20_000, HEADER)
    rows["src_lo"] = 0xFFFF0A000001
    rows["dst_lo"] = 0xFFFFC0A80000 + np.arange(20_000, dtype=np.uint64)
    counts = np.bincount(divide(rows, partitions), minlength=partitions)
    assert counts.min() > 0.8 * 20_000 / partitions


def test_the_same_everywhere_and_always() -> None:
    rows = np.zeros(3, HEADER)
    rows["src_lo"], rows["dst_hi"] = [1, 2, 3], [9, 8, 7]
    assert divide(rows, 1_000_000).tolist() == [768277, 901116, 420303]
