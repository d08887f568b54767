"""Grouping against numpy's own, and sums of groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wireverdict.windows.groups import group

WORDS = arrays(np.uint64, st.tuples(st.integers(0, 60), st.just(5)), elements=st.integers(0, 3))


@given(WORDS, st.integers(1, 5))
def test_rows_with_equal_keys_share_a_number(words: np.ndarray, width: int) -> None:
    of, firsts = group(words, width)
    distinct, inverse = np.unique(words[:, :width], axis=0, return_inverse=True)
    assert len(firsts) == len(distinct)
    assert np.array_equal(words[firsts[of], :width], words[:, :width])
    assert np.array_equal(firsts, np.sort(firsts))  # numbered in the order in which they are met
    assert len(set(zip(of.tolist(), inverse.reshape(-1).tolist(), strict=True))) == len(firsts)


@given(WORDS)
def test_an_address_is_one_group_in_either_place(words: np.ndarray) -> None:
    of, firsts = group(words, 2, 2)
    ends = words[:, :4].reshape(-1, 2)
    assert of.shape == (len(words), 2)
    assert np.array_equal(ends[firsts[of.reshape(-1)]], ends)
    assert len(firsts) == len(np.unique(ends, axis=0))


def test_sums_by_group() -> None:
    words = np.array([[1, 7], [2, 7], [1, 7]], np.uint64)
    assert group(words, 1).sums(np.array([5, 6, 1 << 40])).tolist() == [5 + (1 << 40), 6]
    assert group(words, 1).sums(np.array([[1, 2], [3, 4], [5, 6]])).tolist() == [[6, 8], [3, 4]]
    assert group(words, 1, 2).sums(np.array([[1, 10], [2, 20], [3, 30]])).tolist() == [4, 60, 2]
    assert group(words[:0], 2).sums(np.zeros((0, 2))).shape == (0, 2)
