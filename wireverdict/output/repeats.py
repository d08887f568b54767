"""What was written for runs of fields, to be copied where a later row says the same.

Most connections have no trouble, and as many fields that say so as others: a run of fields that are all zero is written once.
Runs that are not zero but alike (flags, and why some are unknown) are remembered by their columns, a few of each.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel
from wireverdict.output.copying import STEP, copy_step
from wireverdict.output.layout import MOST_COLUMNS, Layout

SLOTS = 16
"""Texts that are remembered of a run."""
_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)


class Repeats(NamedTuple):
    """Empty at first. `keys` uint64[runs · SLOTS · MOST_COLUMNS]: words of columns; `sizes` int64[runs · SLOTS]: bytes of the
    text, 0 for none; `texts` uint8[runs · SLOTS · room]."""

    keys: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    texts: NDArray[np.uint8]


def memory(made: Layout) -> Repeats:
    """For one caller: what it remembers is written to."""
    slots = len(made.runs) * SLOTS
    return Repeats(
        np.zeros(slots * MOST_COLUMNS, np.uint64), np.zeros(slots, np.int64), np.empty(slots * made.run_room, np.uint8)
    )


@kernel(inline=True, borrow=True)
def find(row_words: Any, i: Any, run: Any, number: Any, columns: Any, keys: Any, sizes: Any) -> Any:
    """(place, bytes): where the text of row i's run is or may be remembered, -1 for nowhere, and its size, 0 if it is not."""
    mixed, some = np.uint64(0), np.uint64(0)
    first, count = np.int64(run.first), np.int64(run.count)
    for k in range(count):
        value = row_words[i, columns[first + k].word] & columns[first + k].mask
        some |= value
        mixed = (mixed ^ value) * _FACTOR
    if some != np.uint64(0) and not run.learns:
        return np.int64(-1), np.int64(0)
    place = number * 16 + np.int64(mixed >> np.uint64(60))
    for k in range(count):
        value = row_words[i, columns[first + k].word] & columns[first + k].mask
        if keys[place * MOST_COLUMNS + k] != value:
            return place, np.int64(0)
    return place, sizes[place]


@kernel(inline=True, borrow=True)
def remember(
    row_words: Any,
    i: Any,
    run: Any,
    place: Any,
    columns: Any,
    keys: Any,
    sizes: Any,
    texts: Any,
    room: Any,
    out: Any,
    begun: Any,
    end: Any,
) -> None:
    """Keep out[begun:end], which is what row i's run says, at a place that `find` has told."""
    first = np.int64(run.first)
    for k in range(np.int64(run.count)):
        keys[place * MOST_COLUMNS + k] = row_words[i, columns[first + k].word] & columns[first + k].mask
    for k in range(0, end - begun, STEP):
        copy_step(texts, place * room + k, out, begun + k)
    sizes[place] = end - begun
