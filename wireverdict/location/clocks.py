"""How far two sensors' clocks differ, and which of the two is nearer to whom, from packets that both saw.

A packet that goes from A to B is seen d later at B, whose clock is o ahead of A's: B's time less A's is o + d. For one
that goes from B to A it is o - d'. Delays only ever add, so the least of the one and the most of the other are what
counts (a minimum filter: Paxson, "On Calibrating Measurements of Packet Transit Times", SIGMETRICS 1998). Between these
two bounds lies the offset, and how far they are apart is the time from A to B and back without queues: if that is not
more than nothing, the packets do not go that way. Clocks that run at different speeds tilt both bounds alike: their
common slope is the one that brings the bounds closest to the points (the linear programme of Moon, Skelly and Towsley,
"Estimation and Removal of Clock Skew from Network Delay Measurements", INFOCOM 1999, for both directions at once).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_SKEW = 500e-6
"""NTP corrects no faster than that (RFC 5905), and quartz is better by far."""
LEAST = 5
"""Packets of each direction that are needed."""
_GOLDEN = (5**0.5 - 1) / 2


class Clocks(NamedTuple):
    """`offset` ns and `skew` (1): what to add to A's time t to have B's: ``offset + skew * (t - origin)``. `apart` ns:
    from A to B and back without queues, twice the most that the offset may be wrong by. `packets`: that were compared."""

    origin: int
    offset: int
    skew: float
    apart: float
    packets: int

    def at_b(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Times of A's clock as B's would have shown them."""
        moved: NDArray[np.int64] = ts + self.offset + np.rint(self.skew * (ts - self.origin)).astype(np.int64)
        return moved

    def at_a(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Times of B's clock as A's would have shown them."""
        there = ts - self.offset - self.origin  # since the origin, by B's clock
        gained = np.rint(there * (self.skew / (1 + self.skew))).astype(np.int64)
        moved: NDArray[np.int64] = there - gained + self.origin
        return moved


def compare(
    there: tuple[NDArray[np.int64], NDArray[np.int64]], back: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> Clocks | None:
    """Clocks of A and B, if packets of `there` pass A first and then B, and those of `back` B first; None if they cannot
    be told to do so.

    Each a pair of arrays, ns: the times of the same packets at A and at B.
    """
    if min(len(there[0]), len(back[0])) < LEAST:
        return None
    origin = int(min(there[0].min(), back[0].min()))
    base = int(back[1][0] - back[0][0])  # floats keep nanoseconds only of small numbers
    (t, x), (u, y) = (((a - origin).astype(float), (b - a - base).astype(float)) for a, b in (there, back))

    def apart(skew: float) -> tuple[float, float, float]:
        """Mean distance of the points from their bound, and the bounds."""
        lean, rest = x - skew * t, y - skew * u
        low, high = float(lean.min()), float(rest.max())
        return float(lean.mean()) - low + high - float(rest.mean()), low, high

    left, right = -MOST_SKEW, MOST_SKEW
    while right - left > 1e-9:  # the distance is convex in the skew
        step = _GOLDEN * (right - left)
        if apart(right - step)[0] <= apart(left + step)[0]:
            right = left + step
        else:
            left = right - step
    skew = (left + right) / 2
    if apart(0.0)[0] <= apart(skew)[0]:
        skew = 0.0
    _, low, high = apart(skew)
    if low <= high:
        return None
    return Clocks(origin, base + round((low + high) / 2), skew, low - high, len(t) + len(u))
