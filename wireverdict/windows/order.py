"""The order of rows: by key, whatever order they came in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types

_BITS = 11
_BUCKETS = 1 << _BITS
U64, I32, I64 = types.uint64[::1], types.int32[::1], types.int64[::1]


@kernel(types.int64(U64, types.int64, I32, I32, U64, U64, I64), borrow=True)
def sort_words(
    keys: Any, width: Any, order: Any, other_order: Any, words: Any, other_words: Any, histogram: Any
) -> Any:
    """Sort `order` by the `width` numbers of each key, most significant first; 1 if the result is in `other_order`.

    Radix sort from the least significant digit on (Knuth 5.2.5); digits in which all keys agree are left out, so that
    IPv4 addresses cost a few passes and not 23.
    """
    many = len(order)
    swapped = 0
    for w in range(width - 1, -1, -1):
        differ = np.uint64(0)
        first = keys[w]
        for i in range(many):
            word = keys[np.int64(order[i]) * width + w]
            words[i] = word
            differ |= word ^ first
        shift = np.uint64(0)
        while shift < 64 and differ >> shift:
            if (differ >> shift) & np.uint64(_BUCKETS - 1):
                for b in range(_BUCKETS):
                    histogram[b] = 0
                for i in range(many):
                    histogram[np.int64((words[i] >> shift) & np.uint64(_BUCKETS - 1))] += 1
                at = np.int64(0)
                for b in range(_BUCKETS):
                    many_here = histogram[b]
                    histogram[b] = at
                    at += many_here
                for i in range(many):
                    digit = np.int64((words[i] >> shift) & np.uint64(_BUCKETS - 1))
                    at = histogram[digit]
                    histogram[digit] = at + 1
                    other_words[at] = words[i]
                    other_order[at] = order[i]
                words, other_words = other_words, words
                order, other_order = other_order, order
                swapped = 1 - swapped
            shift += np.uint64(_BITS)
    return swapped


def order_of(words: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Numbers of rows in the order of their words: uint64 (n, words), most significant first."""
    many, width = words.shape
    order, other = np.arange(many, dtype=np.int32), np.empty(many, np.int32)
    if many < 2:
        return order
    scratch = np.empty((2, many), np.uint64)
    flat = np.ascontiguousarray(words).reshape(-1)
    swapped = sort_words(flat, width, order, other, scratch[0], scratch[1], np.empty(_BUCKETS, np.int64))
    return other if swapped else order
