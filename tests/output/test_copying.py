"""Moving several bytes at once."""

from __future__ import annotations

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.output.copying import STEP, copy_step, store_word


@numba.njit
def copy(out, at, source, start):  # type: ignore[no-untyped-def]
    copy_step(out, at, source, start)


@numba.njit
def store(out, at, value):  # type: ignore[no-untyped-def]
    store_word(out, at, value)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 64), st.integers(0, 64))
def test_copies_a_step_and_nothing_else(at: int, start: int) -> None:
    source = np.arange(128, dtype=np.uint8)
    out = np.full(128, 255, np.uint8)
    expected = out.copy()
    expected[at : at + STEP] = source[start : start + STEP]
    copy(out, at, source, start)
    assert np.array_equal(out, expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 24), st.integers(0, 2**64 - 1))
def test_stores_a_word_lowest_byte_first(at: int, value: int) -> None:
    out = np.full(32, 255, np.uint8)
    store(out, at, np.uint64(value))
    assert bytes(out) == b"\xff" * at + value.to_bytes(8, "little") + b"\xff" * (24 - at)
