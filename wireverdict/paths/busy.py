"""Which pairs and rings there is something to ask about: one look over the tables, without copying their rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types
from wireverdict.paths.layout import AGAIN, BASES, BINS
from wireverdict.paths.observe import I8, LOADS, MEMBERS, PAIRS, RINGS, SECOND

I64, I8_2 = types.int64, types.int64[:, ::1]
UNKNOWN = 1 << 40  # µs: larger than any


@kernel(I64(PAIRS, I64, I64, I64, I64, I64, I8), borrow=True)
def losing_pairs(pairs: Any, top: Any, end: Any, horizon: Any, period: Any, least: Any, found: Any) -> Any:
    """Rows below `top` of pairs with signs of loss, and at least `least` packets of one direction sent again, in the
    `horizon` ns before `end`; how many were written to `found`. Packets are counted by whole periods (ns)."""
    many = np.int64(0)
    whole = horizon > (AGAIN - 3) * period  # longer than packets sent again are counted for
    for row in range(top):
        p = pairs[row]
        if p.members < 0 or p.loss_ts <= 0 or p.loss_ts < end - horizon:
            continue
        low = np.int64(0)
        high = np.int64(0)
        for k in range(AGAIN):
            number = p.period - (p.period - k) % AGAIN
            if whole or (number * period < end and (number + 1) * period > end - horizon):
                low += np.int64(p.again[0, k])
                high += np.int64(p.again[1, k])
        if low >= least or high >= least:
            found[many] = row
            many += 1
    return many


@kernel(inline=True, borrow=True)
def base_rtts(p: Any, direction: Any, before: Any, bases: Any, at: Any) -> None:
    """Write bases[at]: the smallest round trips (µs, 0 unknown) of a pair, by part, from whole periods below `before`.

    The near part of a direction ends at its receiver, the far one at its sender.
    """
    for part in range(2):
        end = direction if part else 1 - direction
        least = np.int64(UNKNOWN)
        for k in range(BASES):
            base = np.int64(p.base[end, k])
            if base and base < least and p.generation - (p.generation - k) % BASES < before:
                least = base
        bases[at, part] = least if least < UNKNOWN else np.int64(0)


@kernel(inline=True, borrow=True)
def fold(r: Any, members: Any) -> None:
    """A closed window's answer about a ring counts once there is load after it."""
    if r.newest > r.judged:
        m = members[np.int64(r.member)]
        m.bloated = np.uint8(m.bloated | r.pending)
        r.pending = 0


@kernel(I64(RINGS, LOADS, I64, I64, I64, I64, MEMBERS, PAIRS, I8, I8_2), borrow=True)
def rings_now(
    rings: Any, loads: Any, top: Any, first: Any, until: Any, before: Any, members: Any, pairs: Any, found: Any,
    bases: Any,
) -> Any:  # fmt: skip
    """Rows below `top` of rings with load in the seconds from `first` to before `until`, which are now judged; how many.

    Writes `found` and their base round trips, from periods below `before`. Others are not judged anew: whether there was
    a window at all may hang on other pairs' packets.
    """
    many = np.int64(0)
    for row in range(top):
        r = rings[row]
        if r.member < 0 or r.newest < first:
            continue
        loaded = r.newest < until
        second = max(first, until - BINS)
        while not loaded and second < until:
            loaded = loads[row, second % BINS].second == second
            second += 1
        if not loaded:
            continue
        found[many] = row
        base_rtts(pairs[np.int64(members[np.int64(r.member)].pair)], np.int64(r.direction), before, bases, many)
        fold(r, members)
        r.judged = until - 1
        many += 1
    return many


@kernel(I64(I8, MEMBERS, RINGS, PAIRS, I64, I8, I8, I8, I8_2), borrow=True)
def rings_of(
    rows: Any, members: Any, rings: Any, pairs: Any, period: Any, owners: Any, found: Any, untils: Any, bases: Any
) -> Any:
    """The rings of some members at their end; how many. owners[k]: place in `rows` of the member that has ring found[k];
    untils[k]: the second after its load; bases[k]: base round trips up to then, the member's own where smaller."""
    many = np.int64(0)
    for i in range(len(rows)):
        m = members[rows[i]]
        for way in range(2):
            row = np.int64(m.ring[way]) - 1
            if row < 0:
                continue
            r = rings[row]
            fold(r, members)
            direction = np.int64(r.direction)
            until = r.newest + 1
            base_rtts(pairs[np.int64(m.pair)], direction, until * SECOND // period, bases, many)
            for part in range(2):
                own = np.int64(m.base[way if part else 1 - way])
                if bases[many, part] == 0 or (own > 0 and own < bases[many, part]):
                    bases[many, part] = own
            owners[many], found[many], untils[many] = i, row, until
            many += 1
    return many
