"""The rows of a table in whatever order they came: for one look at all of them that finds the few that matter."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import Count
from wireverdict.windows.groups import Groups, group


class Rows:
    """`keys` SERVICE_KEY[n]; what `of` gives is parallel to them. Nothing is sorted, and each column and each grouping is made
    once, for all who ask. An `other` row with nothing in it may be among them."""

    def __init__(self, keys: NDArray[np.void], column: Callable[[Count], NDArray[np.int64]]) -> None:
        self.keys = keys
        self._column = column
        self._columns: dict[Count, NDArray[np.int64]] = {}

    def of(self, what: Count) -> NDArray[np.int64]:
        """One count, int64 (n, 2); not to be written to."""
        if what not in self._columns:
            self._columns[what] = self._column(what)
        return self._columns[what]

    @cached_property
    def words(self) -> NDArray[np.uint64]:
        """Both addresses of every key, lower one first, most significant half first, and a fifth word: uint64 (n, 5)."""
        return np.ascontiguousarray(self.keys).view(np.uint64).reshape(-1, 5)

    @cached_property
    def pairs(self) -> Groups:
        """Rows by address pair."""
        return group(self.words, 4)

    @cached_property
    def hosts(self) -> Groups:
        """Both ends of every row, by address."""
        return group(self.words, 2, 2)
