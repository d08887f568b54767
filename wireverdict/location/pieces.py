"""Data of one direction in pieces, cut at every boundary of every segment at either sensor: `follow._cut` for kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.location.order import moved
from wireverdict.location.scan import beyond


@kernel(borrow=True)
def ascend(values: Any, spare: Any, many: Any) -> Any:
    """Sort values and drop repeats; how many are left. Quick where they are nearly sorted."""
    width = 1
    while width < many:
        for low in range(0, many - width, 2 * width):
            middle, high = low + width, min(low + 2 * width, many)
            if values[middle - 1] <= values[middle]:
                continue
            for k in range(low, middle):
                spare[k] = values[k]
            a, b, to = low, middle, low
            while a < middle:
                if b < high and values[b] < spare[a]:
                    values[to] = values[b]
                    b += 1
                else:
                    values[to] = spare[a]
                    a += 1
                to += 1
        width *= 2
    kept = 0
    for k in range(many):
        if k == 0 or values[k] != values[kept - 1]:
            values[kept] = values[k]
            kept += 1
    return kept


@kernel(inline=True, borrow=True)
def at_least(values: Any, many: Any, value: Any, hint: Any) -> Any:
    """The place of the first of some ascending values that is not below `value`. `hint`: where it may be."""
    if 0 <= hint < many and values[hint] == value:
        return hint
    low, high = 0, many
    while low < high:
        middle = (low + high) // 2
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(borrow=True)
def cut_up(
    bounds: Any, many: Any, left: Any, right: Any, ts: Any, stamp: Any, rows: Any, room: Any,
    start: Any, copy_ts: Any, copy_stamp: Any, of: Any, first: Any,
) -> Any:  # fmt: skip
    """Copies of pieces by piece and time, as `follow._cut`; how many, -1 if there is no room."""
    pieces = many - 1
    for p in range(pieces + 1):
        start[p] = 0
    total: Any = np.int64(0)
    hint = 0
    for n in range(rows):
        first[n] = at_least(bounds, many, left[n], hint)
        hint = at_least(bounds, many, right[n], first[n] + 1)
        total += hint - first[n]
        if total > room:
            return np.int64(-1)
        for p in range(first[n], hint):
            start[p] += 1
    total = np.int64(0)
    for p in range(pieces + 1):
        here = start[p]
        start[p] = total
        total += here
    for n in range(rows):
        p = first[n]
        while p < pieces and bounds[p] < right[n]:
            at = start[p]
            copy_ts[at], copy_stamp[at], of[at] = ts[n], stamp[n], n
            start[p] += 1
            p += 1
    for p in range(pieces, 0, -1):
        start[p] = start[p - 1]
    start[0] = 0
    return total


@kernel(borrow=True)
def collect(
    rows: Any, start: Any, stop: Any, way: Any, base: Any, begin: Any, until: Any, clock: Any, convert: Any,
    left: Any, right: Any, ts: Any, at: Any, stamp: Any,
) -> Any:  # fmt: skip
    """Data of one direction at one sensor from `begin` to `until` (ns of its clock): how many. `at`: their times, by the
    other's clock where `convert`."""
    many: Any = np.int64(0)
    before, place = np.uint32(base), np.int64(0)
    for i in range(start, stop):
        r = rows[i]
        if r.from_high != way or r.length == 0 or r.ts < begin or r.ts > until:
            continue
        place += np.int64(beyond(r.seq, before))
        before = r.seq
        left[many], right[many], ts[many], stamp[many] = place, place + np.int64(r.length), r.ts, r.tsval
        at[many] = moved(r.ts, clock.origin, clock.offset, clock.skew) if convert else r.ts
        many += 1
    return many


@kernel(borrow=True)
def segments_of(octets: Any, ends: Any, many: Any, full: Any, has: Any, limit: Any) -> Any:
    """Segments in parts of transmissions: of those that are settled, and of the others."""
    settled, others = np.int64(0), np.int64(0)
    for n in range(many):
        here = -(-octets[n] // full)
        if has and ends[n] <= limit:
            settled += here
        else:
            others += here
    return settled, others
