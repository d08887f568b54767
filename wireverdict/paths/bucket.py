"""A token bucket fitted to what was lost and what passed.

The bucket holds at most `depth` bytes and gains `rate`. A packet that passes takes its size; a policer drops a packet
if the level is below its size (RFC 2697 and RFC 2698 with the excess dropped). Two things are known of the true level:
at a loss it was below the packet's size, so it is set to half of that if the model has more (the one correction that
makes the fit insensitive to traffic that was not seen); at a pass it was not, so it never falls below zero.

A loss at a high level may also have another cause. Then the correction would be wrong until the bucket is full again,
so the level without it is kept beside it, and taken up again when some packets in a row pass that the corrected level
says cannot.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types

LANES = 16  # depths are tried by this many at once: vectors of the processor, without a remainder
PEAKS = 3  # of the coarse search that are looked at closely
CONTRADICTIONS = 3  # passing packets that take the correction back: timing noise alone gives one or two

F8, I8, U1 = types.float64[::1], types.int64[:, ::1], types.uint8[::1]


@kernel(types.void(F8, F8, U1, F8, F8, I8, I8, F8, F8, F8, F8, F8), borrow=True)
def scan(
    gaps: Any,
    sizes: Any,
    lost: Any,
    rates: Any,
    depths: Any,
    low_lost: Any,
    low_passed: Any,
    level: Any,
    other: Any,
    against: Any,
    hits: Any,
    misses: Any,
) -> None:
    """Count for every rate and depth the packets that met a level below their size: those lost, those passed.

    `gaps`: ns since the packet before (0 first); `sizes`: bytes; `lost`: 0 or 1, all shape (n,). `rates`: bytes per ns,
    `depths`: bytes; results have the shape (rates, depths). All depths advance together so that the compiler can use
    vectors; `level`, `other` (without the last correction), `against`, `hits` and `misses` are work space for them.
    """
    count = len(depths)
    for i in range(len(rates)):
        rate = rates[i]
        for k in range(count):
            level[k], other[k] = depths[k], -1.0
            against[k], hits[k], misses[k] = 0.0, 0.0, 0.0
        for j in range(len(gaps)):
            gain, size = gaps[j] * rate, sizes[j]
            half = 0.5 * size
            if lost[j]:
                for k in range(count):
                    x = level[k] + gain
                    x = depths[k] if x > depths[k] else x
                    low = x < size
                    hits[k] += 1.0 if low else 0.0
                    other[k] = -1.0 if low else x
                    against[k] = 0.0
                    level[k] = half if x > half else x
            else:
                for k in range(count):
                    x = level[k] + gain
                    x = depths[k] if x > depths[k] else x
                    y = other[k] + gain
                    y = depths[k] if y > depths[k] else y
                    y = y - size if other[k] >= 0.0 else -1.0
                    low = x < size
                    misses[k] += 1.0 if low else 0.0
                    n = against[k] + (1.0 if low else 0.0)
                    x -= size
                    x = 0.0 if x < 0.0 else x
                    back = n >= CONTRADICTIONS and y > x
                    level[k] = y if back else x
                    other[k] = -1.0 if back else y
                    against[k] = 0.0 if back else n
        for k in range(count):
            low_lost[i, k] = np.int64(hits[k])
            low_passed[i, k] = np.int64(misses[k])


@kernel(types.void(F8, F8, U1, types.float64, types.float64, F8), borrow=True)
def trace(gaps: Any, sizes: Any, lost: Any, rate: float, depth: float, levels: Any) -> None:
    """The level that each packet met (bytes, before any correction), by the rules of `scan`."""
    level, other, against = depth, -1.0, 0
    for j in range(len(gaps)):
        gain, size = gaps[j] * rate, sizes[j]
        x = min(level + gain, depth)
        y = min(other + gain, depth) if other >= 0.0 else -1.0
        levels[j] = x
        if lost[j]:
            other = -1.0 if x < size else x
            against = 0
            level = min(x, 0.5 * size)
        else:
            other = y - size if y >= 0.0 else -1.0
            against += x < size
            level = max(x - size, 0.0)
            if against >= CONTRADICTIONS and other > level:
                level, other, against = other, -1.0, 0


class Grid(NamedTuple):
    """Where to look: bounds and steps are factors where no unit is given."""

    rate_from: float
    rate_to: float
    rate_step: float
    depth_from: float  # bytes
    depth_to: float  # bytes
    depth_step: float


class Fit(NamedTuple):
    """The best bucket: rate (bytes per ns), the range that explains nearly as much, `depth` (bytes), gain (nats)."""

    rate: float
    rate_low: float
    rate_high: float
    depth: float
    gain: float
    low_lost: int
    low_passed: int


def entropy(first: Any, second: Any) -> Any:
    """Entropy, in nats, of all outcomes together when `first` of them went one way and `second` the other."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    total = first + second
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = first * np.log(first / total), second * np.log(second / total)
    return -np.where(first > 0, parts[0], 0.0) - np.where(second > 0, parts[1], 0.0)


def gain(low_lost: Any, low_passed: Any, lost: int, passed: int) -> Any:
    """Log-likelihood gain (nats) of two loss probabilities, below and above the level, over one; -1: the wrong way."""
    low_lost, low_passed = np.asarray(low_lost), np.asarray(low_passed)
    got = entropy(lost, passed) - entropy(low_lost, low_passed) - entropy(lost - low_lost, passed - low_passed)
    return np.where(low_lost * passed >= low_passed * lost, got, -1.0)


def markov_gain(lost: NDArray[np.uint8]) -> float:
    """Log-likelihood gain (nats) of a first-order Markov chain over independent losses: what bursty loss explains."""
    before, now = lost[:-1] != 0, lost[1:] != 0
    counts = [int(np.count_nonzero(a & b)) for a in (before, ~before) for b in (now, ~now)]
    whole = entropy(int(np.count_nonzero(lost)), int(len(lost) - np.count_nonzero(lost)))
    return float(whole - entropy(counts[0], counts[1]) - entropy(counts[2], counts[3]))


def timed_gain(gaps: NDArray[np.float64], lost: NDArray[np.uint8]) -> float:
    """The same for bursts in time: after a loss, the chance of another depends on whether the next packet comes soon.

    `gaps`: ns since the packet before. The best "soon" of 10 µs doubled up to 1.3 s is taken: outages, fades.
    """
    after = np.flatnonzero(lost[:-1] != 0) + 1
    now = lost[after] != 0
    losses = int(np.count_nonzero(lost))
    others = losses - int(np.count_nonzero(now))  # lost after a packet that passed
    whole = entropy(losses, len(lost) - losses)
    rest = entropy(others, len(lost) - len(after) - others)
    soon = gaps[after] < (1e4 * 2.0 ** np.arange(18))[:, None]
    fast, slow = (soon & now).sum(axis=1), (~soon & now).sum(axis=1)
    split = entropy(fast, soon.sum(axis=1) - fast) + entropy(slow, (~soon).sum(axis=1) - slow)
    return float(whole - rest - split.min())


def fit(gaps: NDArray[np.float64], sizes: NDArray[np.float64], lost: NDArray[np.uint8], base: float, grid: Grid) -> Fit:
    """Search the grid around the rate `base` (bytes per ns), then more and more finely around its highest peaks."""
    losses = int(np.count_nonzero(lost))
    passed = len(lost) - losses

    def geometric(low: float, high: float, step: float, unit: int) -> NDArray[np.float64]:
        count = math.ceil((math.log(high / low) / math.log(step) + 1) / unit) * unit
        return np.geomspace(low, high, max(count, 2))

    def look(rates: NDArray[np.float64], depths: NDArray[np.float64]) -> tuple[Any, Any, Any]:
        low_lost = np.empty((len(rates), len(depths)), np.int64)
        low_passed = np.empty_like(low_lost)
        scan(gaps, sizes, lost, rates, depths, low_lost, low_passed, *np.empty((5, len(depths))))
        return low_lost, low_passed, gain(low_lost, low_passed, losses, passed)

    rates = geometric(base * grid.rate_from, base * grid.rate_to, grid.rate_step, 1)
    depths = geometric(grid.depth_from, grid.depth_to, grid.depth_step, LANES)
    best = Fit(0.0, 0.0, 0.0, 0.0, -1.0, 0, 0)
    low_lost, low_passed, gains = look(rates, depths)
    profile = gains.max(axis=1)
    tried = [(rates, profile)]
    padded = np.concatenate([[-np.inf], profile, [-np.inf]])
    peaks = np.flatnonzero((profile >= padded[:-2]) & (profile > padded[2:]) & (profile >= 0.0))
    for peak in peaks[np.argsort(-profile[peaks], kind="stable")][:PEAKS]:
        start = Fit(rates[peak], 0.0, 0.0, depths[int(np.argmax(gains[peak]))], float(profile[peak]), 0, 0)
        rate_step, depth_step = grid.rate_step, grid.depth_step
        for _ in range(3):
            near_rates = start.rate * rate_step ** np.linspace(-1, 1, 9)
            near_depths = start.depth * depth_step ** np.linspace(-1, 1, LANES)
            low_lost, low_passed, finer = look(near_rates, near_depths)
            tried.append((near_rates, finer.max(axis=1)))
            i, k = np.unravel_index(int(np.argmax(finer)), finer.shape)
            low = int(low_lost[i, k]), int(low_passed[i, k])
            start = Fit(float(near_rates[i]), 0.0, 0.0, float(near_depths[k]), float(finer[i, k]), *low)
            rate_step, depth_step = rate_step**0.25, depth_step**0.15
        if start.gain > best.gain:
            best = start
    if best.gain < 0:
        return best
    # rates that explain the losses nearly as well: within 2 % of what there is to explain
    near = best.gain - max(3.0, 0.02 * float(entropy(losses, passed)))
    good = np.concatenate([rates[gains >= near] for rates, gains in tried])
    return best._replace(rate_low=float(good.min()), rate_high=float(good.max()))
