"""Header batches taken apart and put together: rows, and the names of questions that they point to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HEADER, HeaderBatch

_WHOLE = np.dtype((np.void, HEADER.itemsize))
"""A row as bytes: numpy copies rows with fields field by field, which takes five times as long."""


def compact(batch: HeaderBatch, rows: NDArray[np.intp]) -> HeaderBatch:
    """A copy of some rows, with no more names than they have."""
    chosen = np.ascontiguousarray(batch.rows).view(_WHOLE)[rows].view(HEADER)
    lengths = chosen["name_length"].astype(np.int64)
    named = np.flatnonzero(lengths)
    if not len(named):
        return HeaderBatch(chosen, np.zeros(0, np.uint8))
    lengths = lengths[named]
    ends = np.cumsum(lengths)
    offsets = ends - lengths
    where = np.repeat(chosen["name_offset"][named].astype(np.int64) - offsets, lengths) + np.arange(int(ends[-1]))
    names = batch.names[where]
    chosen["name_offset"][named] = offsets
    return HeaderBatch(chosen, names)


def joined(parts: list[HeaderBatch]) -> HeaderBatch:
    """Batches one after the other."""
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([np.zeros(0, _WHOLE), *(np.ascontiguousarray(part.rows).view(_WHOLE) for part in parts)])
    rows = rows.view(HEADER)
    lengths = [len(part.names) for part in parts]
    shifts = np.cumsum([0, *lengths[:-1]]) if parts else np.zeros(0, np.int64)
    rows["name_offset"] += np.repeat(shifts, [len(part.rows) for part in parts]).astype(np.uint32)
    return HeaderBatch(rows, np.concatenate([np.zeros(0, np.uint8), *(part.names for part in parts)]))
