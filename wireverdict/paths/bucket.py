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

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types

LANES = 16  # depths are tried by this many at once: vectors of the processor, without a remainder
PEAKS = 3  # of the coarse search that are looked at closely
ROUNDS, NEAR_RATES = 3, 9  # of the close look: how often, and by how many rates
CONTRADICTIONS = 3  # passing packets that take the correction back: timing noise alone gives one or two
SOON = 1e4 * 2.0 ** np.arange(18)  # ns: 10 µs doubled up to 1.3 s
FEW = 1.5 * 2.0 ** np.arange(10)  # packets: 1 doubled up to 512
NONE = -1.0  # no level without the last correction

F8, F8_2, I8, U1 = types.float64[::1], types.float64[:, ::1], types.int64[::1], types.uint8[::1]
LEVEL, OTHER, AGAINST, HITS, MISSES, GAINS, NEAR, WORK = range(8)
"""Rows of the work space, one column a depth."""


@kernel(borrow=True)
def scan(gaps: Any, sizes: Any, lost: Any, rate: Any, depths: Any, work: Any) -> None:
    """Count for a rate (bytes per ns) and every depth (bytes) the packets that met a level below their size: those lost
    (work[HITS]), those passed (work[MISSES]).

    `gaps`: ns since the packet before (0 first); `sizes`: bytes; `lost`: 0 or 1, all shape (n,). All depths advance
    together so that the compiler can use vectors. The level without the last correction is followed only while it is
    above the other: neither overtakes, as both gain and give the same, so once equal they stay so. While no depth has
    one above, as after most losses that a bucket explains, there is half as much to do.
    """
    count = len(depths)
    level, other, against = work[LEVEL], work[OTHER], work[AGAINST]
    hits, misses = work[HITS], work[MISSES]
    for k in range(count):
        level[k], other[k] = depths[k], NONE
        against[k], hits[k], misses[k] = 0.0, 0.0, 0.0
    two = np.int64(0)
    for j in range(len(gaps)):
        gain, size = gaps[j] * rate, sizes[j]
        if lost[j]:
            half = 0.5 * size
            two = np.int64(0)
            for k in range(count):
                x = level[k] + gain
                x = depths[k] if x > depths[k] else x
                low = x < size
                hits[k] += 1.0 if low else 0.0
                other[k] = NONE if low else x
                two |= np.int64(0) if low else np.int64(1)
                against[k] = 0.0
                level[k] = half if x > half else x
        elif two:
            two = np.int64(0)
            for k in range(count):
                x = level[k] + gain
                x = depths[k] if x > depths[k] else x
                y = other[k] + gain
                y = depths[k] if y > depths[k] else y
                y = y - size if other[k] >= 0.0 else NONE
                low = x < size
                misses[k] += 1.0 if low else 0.0
                n = against[k] + (1.0 if low else 0.0)
                x -= size
                x = 0.0 if x < 0.0 else x
                above = y > x
                back = n >= CONTRADICTIONS and above
                kept = n < CONTRADICTIONS and above
                level[k] = y if back else x
                other[k] = y if kept else NONE
                two |= np.int64(1) if kept else np.int64(0)
                against[k] = n
        else:
            for k in range(count):
                x = level[k] + gain
                x = depths[k] if x > depths[k] else x
                misses[k] += 1.0 if x < size else 0.0
                x -= size
                level[k] = 0.0 if x < 0.0 else x


@kernel(borrow=True)
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


@kernel(inline=True, borrow=True)
def spread(first: Any, second: Any) -> Any:
    """`entropy` of two counts."""
    a, b = float(first), float(second)
    nats = 0.0
    if a > 0:
        nats -= a * math.log(a / (a + b))
    if b > 0:
        nats -= b * math.log(b / (a + b))
    return nats


@kernel(borrow=True)
def look(
    gaps: Any, sizes: Any, lost: Any, rate: Any, depths: Any, losses: Any, whole: Any, work: Any
) -> Any:  # fmt: skip
    """Index of the depth that explains the losses best at a rate, as `gain` counts; the gains are in work[GAINS].

    `whole`: entropy of the `losses`, all lost packets.
    """
    scan(gaps, sizes, lost, rate, depths, work)
    passed = len(lost) - losses
    hits, misses, gains = work[HITS], work[MISSES], work[GAINS]
    best = np.int64(0)
    for k in range(len(depths)):
        low_lost, low_passed = np.int64(hits[k]), np.int64(misses[k])
        if k and hits[k] == hits[k - 1] and misses[k] == misses[k - 1]:
            gains[k] = gains[k - 1]
        elif low_lost * passed >= low_passed * losses:
            gains[k] = whole - spread(low_lost, low_passed) - spread(losses - low_lost, passed - low_passed)
        else:
            gains[k] = -1.0
        if gains[k] > gains[best]:
            best = np.int64(k)
    return best


@kernel(types.void(F8, F8, U1, F8, F8, F8_2, F8_2, F8_2, F8_2, F8, F8), borrow=True)
def search(
    gaps: Any, sizes: Any, lost: Any, rates: Any, depths: Any, rate_factors: Any, depth_factors: Any, work: Any,
    tried: Any, levels: Any, out: Any,
) -> None:  # fmt: skip
    """Look at every rate with every depth, then around the PEAKS highest peaks at the factors of each round.

    `gaps`, `sizes`, `lost`: of `scan`. `rate_factors` (ROUNDS, NEAR_RATES), `depth_factors` (ROUNDS, LANES). `work`
    (WORK, depths) and `tried` (3, rates + PEAKS · ROUNDS · NEAR_RATES) are scratch. Writes `out`: rate, depth, least and
    greatest rate that explain nearly as much, low packets lost and passed, gain, which is -1 if no bucket explains
    anything; and the `levels` that packets met then.
    """
    losses = np.int64(0)
    for j in range(len(lost)):
        losses += lost[j]
    whole = spread(losses, len(lost) - losses)
    many = np.int64(len(rates))
    for i in range(many):
        k = look(gaps, sizes, lost, rates[i], depths, losses, whole, work)
        tried[0, i], tried[1, i], tried[2, i] = rates[i], work[GAINS, k], depths[k]
    peaks = np.int64(len(rates))
    out[6] = -1.0
    before, taken = np.inf, np.int64(-1)  # the peak looked at last
    for _ in range(PEAKS):
        peak = np.int64(-1)
        for i in range(peaks):
            gain = tried[1, i]
            if gain < 0.0 or (i > 0 and gain < tried[1, i - 1]) or (i + 1 < peaks and gain <= tried[1, i + 1]):
                continue
            if (gain < before or (gain == before and i > taken)) and (peak < 0 or gain > tried[1, peak]):
                peak = np.int64(i)
        if peak < 0:
            break
        before, taken = tried[1, peak], peak
        rate, depth = tried[0, peak], tried[2, peak]
        gain, low_lost, low_passed = 0.0, 0.0, 0.0
        near = work[NEAR, :LANES]
        for step in range(ROUNDS):
            for k in range(LANES):
                near[k] = depth * depth_factors[step, k]
            centre, gain = rate, -np.inf
            for i in range(NEAR_RATES):
                around = centre * rate_factors[step, i]
                k = look(gaps, sizes, lost, around, near, losses, whole, work)
                tried[0, many], tried[1, many] = around, work[GAINS, k]
                many += 1
                if work[GAINS, k] > gain:
                    gain, rate, depth = work[GAINS, k], around, near[k]
                    low_lost, low_passed = work[HITS, k], work[MISSES, k]
        if gain > out[6]:
            out[0], out[1], out[4], out[5], out[6] = rate, depth, low_lost, low_passed, gain
    if out[6] < 0.0:
        return
    near_enough = out[6] - max(3.0, 0.02 * whole)
    out[2], out[3] = np.inf, 0.0
    for i in range(many):
        if tried[1, i] >= near_enough:
            out[2], out[3] = min(out[2], tried[0, i]), max(out[3], tried[0, i])
    trace(gaps, sizes, lost, out[0], out[1], levels)


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
    steps = np.bincount(2 * lost[:-1] + lost[1:], minlength=4)  # passed twice, then lost, then passed, lost twice
    losses = int(np.count_nonzero(lost))
    whole, after_loss, after_pass = entropy([losses, steps[3], steps[1]], [len(lost) - losses, steps[2], steps[0]])
    return float(whole - after_loss - after_pass)


def timed_gain(gaps: NDArray[np.float64], lost: NDArray[np.uint8]) -> float:
    """The same for bursts in time: after a loss, the chance of another depends on whether the next packet comes soon.

    `gaps`: ns since the packet before. The best "soon" of 10 µs doubled up to 1.3 s is taken: outages, fades.
    """
    after = np.flatnonzero(lost[:-1] != 0) + 1
    now = lost[after] != 0
    losses = int(np.count_nonzero(lost))
    others = losses - int(np.count_nonzero(now))  # lost after a packet that passed
    whole, rest = entropy([losses, others], [len(lost) - losses, len(lost) - len(after) - others])
    soon = gaps[after] < SOON[:, None]
    fast, many = (soon & now).sum(axis=1), soon.sum(axis=1)
    slow = losses - others - fast
    split = entropy(fast, many - fast) + entropy(slow, len(now) - many - slow)
    return float(whole - rest - split.min())


def faded_gain(gaps: NDArray[np.float64], lost: NDArray[np.uint8]) -> float:
    """The same for fades: for some time, or for some packets, after any loss the chance of another is a different one.

    `gaps`: ns since the packet before. The best time of 10 µs doubled up to 1.3 s, or number of 1 doubled up to 512, is
    taken. What passes within a fade does not end it, as it does in `markov_gain` and `timed_gain`.
    """
    at = np.flatnonzero(lost)
    losses = len(at)
    if not losses or losses == len(lost):
        return 0.0
    place = np.arange(at[0] + 1, len(lost))
    last = at[np.searchsorted(at, place) - 1]
    times = np.cumsum(gaps)
    now = lost[place] != 0
    best = np.inf
    for since, bounds in ((times[place] - times[last], SOON), ((place - last).astype(np.float64), FEW)):
        order = np.argsort(since, kind="stable")
        many = np.searchsorted(since[order], bounds)
        hit = np.concatenate([[0], np.cumsum(now[order])])[many]
        rest = losses - hit
        best = min(best, float((entropy(hit, many - hit) + entropy(rest, len(lost) - many - rest)).min()))
    return float(entropy(losses, len(lost) - losses)) - best


@functools.lru_cache(maxsize=8)
def _factors(rate_step: float, depth_step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What rates and depths are multiplied with in each round of the close look."""
    rates, depths = np.empty((ROUNDS, NEAR_RATES)), np.empty((ROUNDS, LANES))
    for step in range(ROUNDS):
        rates[step] = rate_step ** np.linspace(-1, 1, NEAR_RATES)
        depths[step] = depth_step ** np.linspace(-1, 1, LANES)
        rate_step, depth_step = rate_step**0.25, depth_step**0.15
    return rates, depths


@functools.lru_cache(maxsize=64)
def _geometric(low: float, high: float, step: float, unit: int) -> NDArray[np.float64]:
    count = math.ceil((math.log(high / low) / math.log(step) + 1) / unit) * unit
    return np.geomspace(low, high, max(count, 2))


def fit(
    gaps: NDArray[np.float64],
    sizes: NDArray[np.float64],
    lost: NDArray[np.uint8],
    base: float,
    grid: Grid,
    levels: NDArray[np.float64],
) -> Fit:
    """Search the grid around the rate `base` (bytes per ns), then more and more finely around its highest peaks.

    Writes the `levels` that packets met (bytes, before any correction), if anything explains the losses.
    """
    rates = _geometric(base * grid.rate_from, base * grid.rate_to, grid.rate_step, 1)
    depths = _geometric(grid.depth_from, grid.depth_to, grid.depth_step, LANES)
    out = np.zeros(7)
    tried = np.empty((3, len(rates) + PEAKS * ROUNDS * NEAR_RATES))
    search(
        gaps,
        sizes,
        lost,
        rates,
        depths,
        *_factors(grid.rate_step, grid.depth_step),
        _work(len(depths)),
        tried,
        levels,
        out,
    )
    if out[6] < 0:
        return Fit(0.0, 0.0, 0.0, 0.0, -1.0, 0, 0)
    rate, depth, low, high, low_lost, low_passed, _ = out.tolist()
    losses = int(np.count_nonzero(lost))
    found = float(gain(int(low_lost), int(low_passed), losses, len(lost) - losses))
    return Fit(rate, low, high, depth, found, int(low_lost), int(low_passed))


def _work(depths: int) -> NDArray[np.float64]:
    """Work space that begins at a cache line: vectors that lie across two cost half as much again."""
    room = np.empty(WORK * depths + 8)
    first = -room.ctypes.data // 8 % 8
    return room[first : first + WORK * depths].reshape(WORK, depths)
