from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from wireverdict.boundary import first_at_or_after
from wireverdict.headers import HEADER

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


@effort(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 9) | st.integers(LOWEST, HIGHEST), max_size=12),
    st.integers(0, 12),
    st.integers(0, 9) | st.sampled_from((LOWEST, HIGHEST)),
)
def test_the_first_header_that_reaches_a_time(times: list[int], start: int, due: int) -> None:
    rows = np.zeros(len(times), HEADER)
    rows["ts"] = times
    start = min(start, len(times))
    expected = next((at for at in range(start, len(times)) if times[at] >= due), len(times))
    assert first_at_or_after(rows, start, due) == expected
