"""Clocks by the points that are kept, against clocks by the same points as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.location.linked import SECOND, tables
from wireverdict.location import clocks, scan
from wireverdict.location.layout import LINK
from wireverdict.location.order import ORDER, find_orders

PACKETS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50_000_000)), min_size=1, max_size=40)


def kept(there: list[tuple[int, int]], back: list[tuple[int, int]], offset: int, skew: float) -> np.ndarray:
    """A link of packets that passed side 0 and then side 1, and of others the other way round: (s, ns beyond 10 ms)."""
    links = tables()[1]
    for way, packets in enumerate((there, back)):
        for second, late in sorted(packets):
            ts = second * SECOND
            gap = offset + round(skew * ts) + (1 - 2 * way) * (10_000_000 + late)
            scan.add_point(links[0]["points"][way], ts, gap)
    return links


def found(links: np.ndarray) -> Any:
    orders = np.zeros(len(links), ORDER)
    find_orders(links, np.zeros(1, np.int64), orders)
    assert orders["known"][0] == 1
    return orders[0]


def by_arrays(links: np.ndarray) -> tuple[clocks.Clocks, int] | None:
    points = links[0]["points"]
    newest = max((int(p["bucket"]) for p in points.reshape(-1) if p["many"]), default=0)
    valid = (points["many"] > 0) & (points["bucket"] > newest - 8)
    if min(int(points["many"][way][valid[way]].sum()) for way in (0, 1)) < clocks.LEAST:
        return None
    for side in (0, 1):
        given = []
        for way in (0, 1):
            which = way if side == 0 else 1 - way
            ts, gap = points[way][valid[way]]["ts"][:, which], points[way][valid[way]]["gap"][:, which]
            given.append((ts, ts + gap) if side == 0 else (ts + gap, ts))
        # `compare` wants five points: the same ones say the same
        made = clocks.compare(*(tuple(np.repeat(times, 5) for times in each) for each in given))  # type: ignore[arg-type]
        if made is not None:
            return made, side
    return None


def bounds(links: np.ndarray, side: int, skew: float, origin: int) -> tuple[float, float, float]:
    """How far points are from the bounds on what packets take each way, for a slope; and the bounds (ns)."""
    points = links[0]["points"]
    newest = max(int(p["bucket"]) for p in points.reshape(-1) if p["many"])
    took = []
    for way in (0, 1):
        mine = points[way][(points[way]["many"] > 0) & (points[way]["bucket"] > newest - 8)]
        which = way if side == 0 else 1 - way
        ts, gap = mine["ts"][:, which], mine["gap"][:, which]
        here, gap = (ts, gap) if side == 0 else (ts + gap, -gap)
        took.append([int(g) - skew * (int(t) - origin) for t, g in zip(here, gap, strict=True)])
    there, back = took
    far = sum(there) / len(there) - min(there) + max(back) - sum(back) / len(back)
    return far, min(there), max(back)


@given(PACKETS, PACKETS, st.integers(-(10**13), 10**13), st.floats(-4e-4, 4e-4), st.booleans())
def test_as_by_arrays(
    there: list[tuple[int, int]], back: list[tuple[int, int]], offset: int, skew: float, turned: bool
) -> None:
    links = kept(back, there, offset, skew) if turned else kept(there, back, offset, skew)
    told, expected = found(links), by_arrays(links)
    if expected is None:
        assert told["near"] == -1
        return
    clock, side = expected
    assert told["near"] == side
    assert told["packets"] == sum(int(links[0]["points"]["many"][way].sum()) for way in (0, 1)) or told["packets"] > 0
    far, least, most = bounds(links, side, float(told["skew"]), int(told["origin"]))
    assert far <= bounds(links, side, clock.skew, int(told["origin"]))[0] + 2_000  # several slopes may fit as well
    assert told["apart"] == pytest.approx(least - most, abs=2_000)
    assert int(told["offset"]) == pytest.approx((least + most) / 2, abs=2_000)


def test_too_few_packets_say_nothing() -> None:
    assert found(kept([(1, 0)] * 4, [(1, 0)] * 9, 0, 0.0))["near"] == -1
    assert found(kept([(1, 0)] * 5, [(1, 0)] * 5, 0, 0.0))["near"] == 0


def test_links_that_have_one_are_left() -> None:
    orders = np.zeros(1, ORDER)
    orders["known"], orders["near"] = 1, 5
    find_orders(np.zeros(1, LINK), np.zeros(1, np.int64), orders)
    assert orders["near"][0] == 5
