"""Which headers go into which message: by the clock, and by partition."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import HEADER
from wireverdict.kernels import kernel, types

_NUMBERS = types.int64[::1]


@kernel(
    types.int64(
        types.from_dtype(HEADER)[::1], _NUMBERS, types.int64, types.int64, types.int64, _NUMBERS, _NUMBERS, _NUMBERS
    ),
    borrow=True,
)
def arrange(rows: Any, numbers: Any, first: Any, clock: Any, until: Any, clocks: Any, order: Any, ends: Any) -> Any:
    """Arrange the rows from place `first` on up to the one with which the clock reaches `until`; gives that one's place, or
    `len(rows)`.

    The clock (ns) is the greatest time so far, `clock` with that, and goes to `clocks`. The rows' places go to `order`: those
    of partition 0 in the order of the rows, then those of partition 1 and so on; where those of p end in it goes to
    ``ends[p]``, zeros before. `numbers`: the partition of each row; none: all are of partition 0. -1: there is no such
    partition.
    """
    stop = first
    while stop < len(rows):
        later = max(clock, rows[stop].ts)
        if later >= until:
            break
        clock = clocks[stop] = later
        if len(numbers):
            number = numbers[stop]
            if number < 0 or number >= len(ends):
                return np.int64(-1)
            ends[number] += 1
        stop += 1
    if not len(numbers):
        for i in range(first, stop):
            order[i - first] = i
        ends[0] = stop - first
        return stop
    total = np.int64(0)
    for p in range(len(ends)):
        count = ends[p]
        ends[p] = total
        total += count
    for i in range(first, stop):
        p = numbers[i]
        order[ends[p]] = i
        ends[p] += 1
    return stop
