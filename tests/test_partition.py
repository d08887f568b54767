"""Which shard a header belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.headers import HEADER, ICMP, ICMP6, QUOTED, QUOTED_ONLY, TCP
from wireverdict.partition import divide, divided, with_quoted

HALF = st.integers(0, 2**64 - 1)
ADDRESSES = ("src_hi", "src_lo", "dst_hi", "dst_lo")


def stirred(h: int) -> int:
    """MurmurHash3's fmix64, in Python's integers."""
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD & 2**64 - 1
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53 & 2**64 - 1
    return h ^ (h >> 33)


def reference(source: tuple[int, int], target: tuple[int, int], partitions: int) -> int:
    h = 0
    for number in (*min(source, target), *max(source, target)):
        h = stirred(h ^ number)
    return h % partitions


@given(HALF, HALF, HALF, HALF, st.integers(1, 64))
def test_both_directions_meet_whatever_the_ports(a: int, b: int, c: int, d: int, partitions: int) -> None:
    rows = np.zeros(2, HEADER)
    rows[[*ADDRESSES]] = [(a, b, c, d), (c, d, a, b)]
    rows["sport"] = [1, 2]
    assert divide(rows, partitions).tolist() == 2 * [reference((a, b), (c, d), partitions)]


@pytest.mark.parametrize("partitions", [2, 3, 4, 16])
def test_pairs_spread_evenly(partitions: int) -> None:
    rows = np.zeros(20_000, HEADER)
    rows["src_lo"] = 0xFFFF0A000001
    rows["dst_lo"] = 0xFFFFC0A80000 + np.arange(20_000, dtype=np.uint64)
    counts = np.bincount(divide(rows, partitions), minlength=partitions)
    assert counts.min() > 0.8 * 20_000 / partitions


def test_the_same_everywhere_and_always() -> None:
    """Recorded topics were divided by these numbers: whoever changes them tears connections apart."""
    rows = np.zeros(3, HEADER)
    rows["src_lo"], rows["dst_hi"] = [1, 2, 3], [9, 8, 7]
    assert divide(rows, 1_000_000).tolist() == [772723, 947656, 77850]


def error(protocol: int, quoted: tuple[int, int], present: int = QUOTED) -> Any:
    row = np.zeros(1, HEADER)
    row["protocol"], row["present"], row["src_lo"], row["dst_lo"] = protocol, present, 1, 2
    row["quoted_src_lo"], row["quoted_dst_lo"] = quoted
    return row


@given(
    st.lists(st.tuples(st.sampled_from([ICMP, ICMP6, TCP]), HALF, HALF, st.booleans()), max_size=12), st.integers(1, 16)
)
def test_an_error_is_copied_to_where_the_quoted_pair_is(
    given: list[tuple[int, int, int, bool]], partitions: int
) -> None:
    rows = np.concatenate([np.zeros(0, HEADER), *(error(p, (a, b), QUOTED if q else 0) for p, a, b, q in given)])
    expected, own = [], reference((0, 1), (0, 2), partitions)
    for protocol, a, b, quotes in given:
        expected.append((own, False))
        there = reference((0, a), (0, b), partitions)
        if quotes and protocol != TCP and there != own:
            expected.append((there, True))
    doubled = with_quoted(rows, partitions)
    also, numbers = divided(rows, partitions)
    assert also.tolist() == doubled.tolist()
    assert numbers.tolist() == (divide(doubled, partitions).tolist() if partitions > 1 else [])
    copies = (doubled["present"] & QUOTED_ONLY != 0).tolist()
    assert list(zip(divide(doubled, partitions).tolist(), copies, strict=True)) == expected
    assert doubled[np.logical_not(copies)].tolist() == rows.tolist()
    assert with_quoted(doubled[copies], partitions).tolist() == doubled[copies].tolist()
