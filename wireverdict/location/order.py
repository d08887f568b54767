"""`clocks.compare` of what two sensors have seen lately, for many links at once: which sensor is nearer to whom."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel, types
from wireverdict.location.clocks import LEAST, MOST_SKEW
from wireverdict.location.layout import BUCKETS, LINK

ORDER = np.dtype(
    [
        ("origin", "<i8"),
        ("offset", "<i8"),
        ("skew", "<f8"),
        ("apart", "<f8"),
        ("packets", "<i8"),
        (
            "near",
            "<i4",
        ),  # the side that packets from the lower endpoints pass first: A of Clocks; -1: that cannot be told
        ("known", "<i4"),  # 0: not looked at yet
    ],
    align=True,
)
"""A link's `clocks.Clocks`."""
GOLDEN = (5**0.5 - 1) / 2
TOLERANCE = 1e-9


@kernel(inline=True, borrow=True)
def moved(ts: Any, origin: Any, offset: Any, skew: Any) -> Any:
    """A time (ns) of A's clock as B's would have shown it."""
    return ts + offset + np.int64(np.rint(skew * np.float64(ts - origin)))


@kernel(borrow=True)
def bounds(points: Any, newest: Any, way: Any, side: Any, skew: Any, origin: Any, base: Any) -> Any:
    """Of one direction and for one slope: the mean of what packets took, the least and the most; and how many points."""
    total, least, most, many = 0.0, np.inf, -np.inf, 0
    which = way if side == 0 else 1 - way
    for at in range(BUCKETS):
        p = points[way][at]
        if p.many == 0 or p.bucket <= newest - BUCKETS:
            continue
        here, gap = p.ts[which], p.gap[which]
        if side == 1:
            here, gap = here + gap, -gap
        took = np.float64(gap - base) - skew * np.float64(here - origin)
        total += took
        least, most = min(least, took), max(most, took)
        many += 1
    return total / max(many, 1), least, most, many


@kernel(borrow=True)
def distance(points: Any, newest: Any, side: Any, skew: Any, origin: Any, base: Any) -> Any:
    """How far the points are from their bounds, and the bounds."""
    there = bounds(points, newest, 0, side, skew, origin, base)
    back = bounds(points, newest, 1, side, skew, origin, base)
    return there[0] - there[1] + back[2] - back[0], there[1], back[2]


@kernel(borrow=True)
def find_order(link: Any, o: Any) -> None:
    """Fill an ORDER."""
    points = link.points
    o.known, o.near = np.int32(1), np.int32(-1)
    newest: Any = np.int64(np.iinfo(np.int64).min + BUCKETS)
    for way in range(2):
        for at in range(BUCKETS):
            if points[way][at].many > 0:
                newest = max(newest, points[way][at].bucket)
    packets: Any = np.int64(0)
    for way in range(2):
        many: Any = np.int64(0)
        for at in range(BUCKETS):
            if points[way][at].many > 0 and points[way][at].bucket > newest - BUCKETS:
                many += points[way][at].many
        if many < LEAST:
            return
        packets += many
    for side in range(2):
        origin: Any = np.int64(np.iinfo(np.int64).max)
        base: Any = np.int64(0)
        for way in range(2):
            which = way if side == 0 else 1 - way
            for at in range(BUCKETS):
                p = points[way][at]
                if p.many > 0 and p.bucket > newest - BUCKETS:
                    here, gap = p.ts[which], p.gap[which]
                    if side == 1:
                        here, gap = here + gap, -gap
                    origin, base = min(origin, here), gap
        left, right = -MOST_SKEW, MOST_SKEW
        while right - left > TOLERANCE:
            step = GOLDEN * (right - left)
            one = distance(points, newest, side, right - step, origin, base)[0]
            if one <= distance(points, newest, side, left + step, origin, base)[0]:
                right = left + step
            else:
                left = right - step
        skew = (left + right) / 2
        found = distance(points, newest, side, skew, origin, base)
        even = distance(points, newest, side, 0.0, origin, base)
        if even[0] <= found[0]:
            skew, found = 0.0, even
        if found[1] > found[2]:
            o.origin, o.offset = origin, base + np.int64(np.rint((found[1] + found[2]) / 2))
            o.skew, o.apart, o.packets, o.near = skew, found[1] - found[2], packets, np.int32(side)
            return


@kernel(types.void(types.from_dtype(LINK)[::1], types.int64[::1], types.from_dtype(ORDER)[::1]), borrow=True)
def find_orders(links: Any, wanted: Any, orders: Any) -> None:
    """Fill the ORDER of each of some links that has none yet."""
    for at in wanted:
        if orders[at].known == 0:
            find_order(links[at], orders[at])
