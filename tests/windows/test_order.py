"""The order of rows against Python's own sorting."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.windows.order import order_of

WORDS = st.one_of(
    st.integers(0, 3), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 33) - 1).map(lambda low: low << 31)
)


@given(st.integers(1, 5).flatmap(lambda width: st.lists(st.tuples(*[WORDS] * width), max_size=40)))
def test_rows_are_sorted_by_all_their_words_and_equal_ones_stay_in_order(keys: list[tuple[int, ...]]) -> None:
    words = np.array(keys, np.uint64).reshape(len(keys), -1 if keys else 1)
    assert order_of(words).tolist() == sorted(range(len(keys)), key=lambda row: keys[row])
