"""The memory of windows begins at cache lines, so that a row of 64 bytes is one."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.windows import state


@pytest.mark.parametrize("dtype", [state.SENT, state.FLOWS, state.TROUBLE, state.SLOT, np.int32])
@pytest.mark.parametrize("length", [1, 7, 1000])
def test_aligned(dtype: np.dtype[np.void], length: int) -> None:
    made = state.aligned(length, dtype)
    assert made.dtype == dtype
    assert made.shape == (length,)
    assert made.ctypes.data % 64 == 0
    assert not made.view(np.uint8).any()
    made[-1:] = np.ones(1, np.uint8).repeat(made.itemsize).view(dtype)
    assert made[-1:].view(np.uint8).all()


def test_rows_do_not_straddle_cache_lines() -> None:
    for dtype in (state.SENT, state.FLOWS):
        assert 64 % dtype.itemsize == 0 or dtype.itemsize % 64 == 0, dtype.itemsize
