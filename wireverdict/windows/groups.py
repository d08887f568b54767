"""Rows that share an address or a pair of addresses, numbered; one look at every row, without sorting."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.windows.tables import mix

U64, I32, I64 = types.uint64[::1], types.int32[::1], types.int64


@kernel(I64(U64, I64, I64, I64, I32, I32, I32), borrow=True)
def number(words: Any, stride: Any, width: Any, parts: Any, table: Any, of: Any, firsts: Any) -> Any:
    """Number the distinct keys of rows of `stride` words that begin with `parts` keys of `width` words; how many.

    of[row·parts + part]: the number of that key; firsts[number]: the first row·parts + part that has it. `table`: zeros, a
    power of two, more than there are keys.
    """
    mask = np.int64(len(table) - 1)
    found = np.int64(0)
    for i in range(len(of)):
        at = (i // parts) * stride + (i % parts) * width
        h = np.uint64(0)
        for k in range(width):
            h = mix(h, words[at + k])
        cell = np.int64(h) & mask
        while True:
            group = np.int64(table[cell]) - 1
            if group < 0:
                table[cell] = found + 1
                firsts[found] = i
                of[i] = found
                found += 1
                break
            first = np.int64(firsts[group])
            other = (first // parts) * stride + (first % parts) * width
            same = True
            for k in range(width):
                same = same and words[at + k] == words[other + k]
            if same:
                of[i] = group
                break
            cell = (cell + 1) & mask
    return found


class Groups(NamedTuple):
    """`of`: int32 (n,) or (n, parts), the group of each row or part; `firsts`: int32 (groups,), where each was met first."""

    of: NDArray[np.int32]
    firsts: NDArray[np.int32]

    def sums(self, counts: NDArray[Any]) -> NDArray[np.int64]:
        """Counts summed by group: int64 (groups,) for counts shaped as `of`, (groups, k) for (n, k) and one part.

        Exact as long as a sum stays below 2**53.
        """
        if counts.ndim > self.of.ndim:
            return np.stack([self.sums(column) for column in counts.T], axis=1)
        return np.bincount(self.of.reshape(-1), counts.reshape(-1), len(self.firsts)).astype(np.int64)


def group(words: NDArray[np.uint64], width: int, parts: int = 1) -> Groups:
    """Group rows, uint64 (n, k), by their first `width` words; with `parts` 2, the first and the second `width` words each
    (an address that is met in either place is one group)."""
    many = len(words) * parts
    of, firsts = np.empty(many, np.int32), np.empty(many, np.int32)
    table = np.zeros(1 << (2 * many + 1).bit_length(), np.int32)
    flat = np.ascontiguousarray(words).reshape(-1)
    found = number(flat, words.shape[1], width, parts, table, of, firsts)
    return Groups(of if parts == 1 else of.reshape(-1, parts), firsts[:found])
