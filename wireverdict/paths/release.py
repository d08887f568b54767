"""Giving back what closed windows no longer need."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types
from wireverdict.paths import pools
from wireverdict.paths.layout import DEPARTED, FREE_PAIR, PAIRS_USED, TOP_MEMBER, TOP_PAIR
from wireverdict.paths.observe import I4, I8, MEMBERS, PAIRS, RINGS, U4


@kernel(types.void(types.int64, types.int64, MEMBERS, PAIRS, RINGS, U4, U4, I4, I8), borrow=True)
def release(
    end: Any, silent: Any, members: Any, pairs: Any, rings: Any, table: Any, sieve: Any, links: Any, counters: Any
) -> None:  # fmt: skip
    """Forget members that departed before `end`, and pairs without members silent since `silent` (ns)."""
    for row in range(counters[TOP_MEMBER]):
        m = members[row]
        if m.pair >= 0 and m.bits & DEPARTED and m.last_ts < end:
            pools.release_member(np.int64(row), members, pairs, rings, counters)
    freed = False
    for row in range(counters[TOP_PAIR]):
        p = pairs[row]
        if p.members == 0 and p.last_ts < silent:
            pools.clear_pair(p, links, counters)
            p.members = -1
            p.head = np.int32(counters[FREE_PAIR] - 1)
            counters[FREE_PAIR] = row + 1
            counters[PAIRS_USED] -= 1
            freed = True
    if not freed:
        return
    for k in range(len(table)):
        table[k] = 0
    for k in range(len(sieve)):
        sieve[k] = 0
    for row in range(counters[TOP_PAIR]):
        p = pairs[row]
        if p.members >= 0:
            hashed = pools.hash_pair(p.low_hi, p.low_lo, p.high_hi, p.high_lo)
            _, place = pools.find_pair(table, pairs, hashed, p.low_hi, p.low_lo, p.high_hi, p.high_lo)
            pools.enter_pair(table, place, sieve, hashed, row)
