"""Memory that costs nothing until it is touched."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wireverdict.headers import HEADER
from wireverdict.memory import Memory, Scratch

MB = 1 << 20


def resident() -> int:
    """Bytes of this process that are not files."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon:")).split()[1]) << 10


@pytest.mark.parametrize("huge", [False, True])
@pytest.mark.parametrize("shape", [0, 1, 1000, (3, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, HEADER])
def test_arrays_are_as_those_of_numpy(shape: int | tuple[int, ...], dtype: type, huge: bool) -> None:
    made = Memory(huge=huge).zeros(shape, dtype)
    plain: NDArray[Any] = np.zeros(shape, dtype)
    assert (made.shape, made.dtype, made.tobytes()) == (plain.shape, plain.dtype, plain.tobytes())
    assert (made.flags.c_contiguous, made.flags.writeable, made.flags.aligned) == (True, True, True)
    assert made.ctypes.data % 64 == 0


def test_arrays_do_not_overlap_and_outlive_their_owner() -> None:
    memory = Memory()
    made = [memory.zeros(size, np.uint8) for size in (1, 64, 65, 0, 100 * MB, 7)]
    for number, array in enumerate(made):
        array[:] = number + 1
    del memory
    for number, array in enumerate(made):
        assert (array == number + 1).all()


def test_only_what_is_touched_counts_also_after_much_was_freed() -> None:
    for _ in range(50):  # numpy would give these pages out again, cleared
        np.ones(20 * MB, np.uint8)
    before = resident()
    made = [Memory().zeros(30 * MB, np.uint8) for _ in range(20)]
    for array in made:
        array[0] = 1
    page = resource.getpagesize()
    assert resident() - before < 20 * 20 * page + 2 * MB, os.uname().release


def test_scratch_memory_is_given_again_and_let_go_where_far_less_is_wanted() -> None:
    scratch = Scratch()
    first = scratch.room(40 * MB)
    first[:] = 7
    at = first.ctypes.data
    del first
    more = scratch.room(100 * MB)  # there is room behind it
    assert (len(more), more.ctypes.data) == (100 * MB, at)
    more[:] = 8
    del more
    assert scratch.room(26 * MB)[0] == 8
    before = resident()
    assert len(scratch.room(24 * MB)) == 24 * MB
    assert resident() < before - 90 * MB
    assert len(scratch.room(200 * MB)) == 200 * MB
    assert len(scratch.room(0)) == 0
