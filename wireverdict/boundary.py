"""Finding the header before which something is due."""

from __future__ import annotations

from typing import Any

from wireverdict.headers import HEADER
from wireverdict.kernels import kernel, types


@kernel(types.int64(types.from_dtype(HEADER)[::1], types.int64, types.int64), borrow=True)
def first_at_or_after(rows: Any, start: int, due: int) -> int:
    """Index of the first of rows[start:] (HEADER) whose timestamp is `due` (ns) or later; len(rows) if there is none."""
    for i in range(start, len(rows)):
        if rows[i].ts >= due:
            return i
    return len(rows)
