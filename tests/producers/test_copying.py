from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from producers.copying import copy_bytes


@njit  # type: ignore[untyped-decorator]
def copy(target: Any, at: int, source: Any, start: int, count: int) -> None:
    copy_bytes(target, at, source, start, count)


@given(source=st.binary(max_size=60), start=st.integers(0, 60), at=st.integers(0, 9), count=st.integers(0, 60))
def test_copies_what_a_slice_would(source: bytes, start: int, at: int, count: int) -> None:
    start = min(start, len(source))
    count = min(count, len(source) - start)
    found = np.arange(80, dtype=np.uint8)
    wanted = found.copy()
    wanted[at : at + count] = np.frombuffer(source, np.uint8)[start : start + count]
    copy(found, at, np.frombuffer(source, np.uint8), start, count)
    assert found.tolist() == wanted.tolist()
