"""The token bucket: kernels against slow references, the fit against buckets whose depth and rate are known."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wireverdict.paths.bucket import (
    CONTRADICTIONS,
    FEW,
    HITS,
    LANES,
    MISSES,
    NEAR_RATES,
    PEAKS,
    ROUNDS,
    SOON,
    WORK,
    Fit,
    Grid,
    entropy,
    faded_gain,
    fit,
    gain,
    markov_gain,
    scan,
    timed_gain,
    trace,
)

Array = NDArray[np.float64]
GRID = Grid(0.5, 40.0, 1.05, 2e3, 8e6, 1.35)


def reference(gaps: list[float], sizes: list[float], lost: list[int], rate: float, depth: float) -> list[float]:
    """The level that each packet meets, as the module's text says."""
    level, kept, against = depth, None, 0
    met = []
    for gap, size, gone in zip(gaps, sizes, lost, strict=True):
        level = min(level + gap * rate, depth)
        kept = None if kept is None else min(kept + gap * rate, depth)
        met.append(level)
        if gone:
            kept = None if level < size else level
            against = 0
            level = min(level, size / 2)
        else:
            kept = None if kept is None else kept - size
            kept = None if kept is not None and kept < 0 else kept
            against += level < size
            level = max(level - size, 0.0)
            if against >= CONTRADICTIONS and kept is not None and kept > level:
                level, kept, against = kept, None, 0
    return met


packets = st.lists(
    st.tuples(st.sampled_from([0.0, 1e3, 1e5, 1e6, 2e7]), st.sampled_from([66.0, 600.0, 1518.0]), st.integers(0, 1)),
    min_size=1,
    max_size=60,
)


@given(packets, st.sampled_from([1e-5, 1e-3, 0.1]), st.sampled_from([1_000.0, 4_000.0, 1e5]))
@settings(max_examples=200, deadline=None)
def test_levels_against_the_reference(made: list[tuple[float, float, int]], rate: float, depth: float) -> None:
    gaps, sizes, lost = (list(column) for column in zip(*made, strict=True))
    met = reference(gaps, sizes, lost, rate, depth)
    levels = np.empty(len(made))
    arrays = np.array(gaps), np.array(sizes), np.array(lost, np.uint8)
    trace(*arrays, rate, depth, levels)
    assert levels == pytest.approx(met)

    depths = np.array([depth, 2 * depth, 1e6])
    for r in (rate, rate / 3):
        work = np.empty((WORK, 3))
        scan(*arrays, r, depths, work)
        for k, d in enumerate(depths):
            low = [level < size for level, size in zip(reference(gaps, sizes, lost, r, d), sizes, strict=True)]
            assert work[HITS, k] == sum(a and b for a, b in zip(low, lost, strict=True))
            assert work[MISSES, k] == sum(a and not b for a, b in zip(low, lost, strict=True))


def slow_fit(gaps: Array, sizes: Array, lost: NDArray[np.uint8], base: float, grid: Grid) -> Fit:
    """`fit` as its text says, with numpy's logarithms and with everything looked at kept."""
    losses, passed = int(lost.sum()), int((lost == 0).sum())

    def look(rates: Array, depths: Array) -> tuple[Array, Array, Array]:
        work, hits, misses = np.empty((WORK, len(depths))), [], []
        for rate in rates:
            scan(gaps, sizes, lost, rate, depths, work)
            hits.append(work[HITS].copy())
            misses.append(work[MISSES].copy())
        return np.array(hits), np.array(misses), gain(np.array(hits), np.array(misses), losses, passed)

    def geometric(low: float, high: float, step: float, unit: int) -> Array:
        count = math.ceil((math.log(high / low) / math.log(step) + 1) / unit) * unit
        return np.geomspace(low, high, max(count, 2))

    rates = geometric(base * grid.rate_from, base * grid.rate_to, grid.rate_step, 1)
    depths = geometric(grid.depth_from, grid.depth_to, grid.depth_step, LANES)
    _, _, gains = look(rates, depths)
    profile = gains.max(axis=1)
    tried, best = [(rates, profile)], Fit(0.0, 0.0, 0.0, 0.0, -1.0, 0, 0)
    padded = np.concatenate([[-np.inf], profile, [-np.inf]])
    peaks = np.flatnonzero((profile >= padded[:-2]) & (profile > padded[2:]) & (profile >= 0.0))
    for peak in peaks[np.argsort(-profile[peaks], kind="stable")][:PEAKS]:
        found = Fit(float(rates[peak]), 0.0, 0.0, float(depths[gains[peak].argmax()]), -1.0, 0, 0)
        rate_step, depth_step = grid.rate_step, grid.depth_step
        for _ in range(ROUNDS):
            near_rates = found.rate * rate_step ** np.linspace(-1, 1, NEAR_RATES)
            near_depths = found.depth * depth_step ** np.linspace(-1, 1, LANES)
            hits, misses, finer = look(near_rates, near_depths)
            tried.append((near_rates, finer.max(axis=1)))
            i, k = np.unravel_index(int(np.argmax(finer)), finer.shape)
            low = int(hits[i, k]), int(misses[i, k])
            found = Fit(float(near_rates[i]), 0.0, 0.0, float(near_depths[k]), float(finer[i, k]), *low)
            rate_step, depth_step = rate_step**0.25, depth_step**0.15
        best = found if found.gain > best.gain else best
    if best.gain < 0:
        return best
    near = best.gain - max(3.0, 0.02 * float(entropy(losses, passed)))
    good = np.concatenate([rates[gains >= near] for rates, gains in tried])
    return best._replace(rate_low=float(good.min()), rate_high=float(good.max()))


@given(
    st.integers(0, 1 << 30), st.floats(0.02, 0.5), st.sampled_from([GRID, GRID._replace(rate_to=6.0, depth_from=5e3)])
)
@settings(max_examples=25, deadline=None)
def test_the_search_against_a_slow_one(seed: int, share: float, grid: Grid) -> None:
    source = np.random.default_rng(seed)
    gaps = source.choice([0.0, 1e4, 1e6, 3e7], 200) * source.uniform(0.5, 1.5, 200)
    sizes = source.choice([66.0, 1518.0], 200)
    lost = (source.random(200) < share).astype(np.uint8)
    levels = np.full(200, np.nan)
    found = fit(gaps, sizes, lost, 1e-3, grid, levels)
    assert found == slow_fit(gaps, sizes, lost, 1e-3, grid)
    if found.gain >= 0:
        expected = np.empty(200)
        trace(gaps, sizes, lost, found.rate, found.depth, expected)
        assert np.array_equal(levels, expected)
        assert (found.low_lost, found.low_passed) == tuple(((expected < sizes) & (lost == k)).sum() for k in (1, 0))


def policed(
    rate: float, depth: float, seconds: float, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Gaps, sizes and fates of bursts through a token bucket (rate in bytes per ns)."""
    source = random.Random(seed)
    now, level, gaps, sizes, lost = 0.0, depth, [], [], []
    while now < seconds * 1e9:
        for k in range(source.randrange(4, 60)):
            gap = source.uniform(1e4, 5e4) if k else source.uniform(1e7, 9e7)
            now += gap
            level = min(level + gap * rate, depth)
            gaps.append(gap)
            sizes.append(1518.0)
            lost.append(level < 1518.0)
            level -= 0.0 if lost[-1] else 1518.0
    return np.array(gaps), np.array(sizes), np.array(lost, np.uint8)


@pytest.mark.parametrize(("rate_bps", "depth"), [(2e6, 30e3), (5e6, 100e3), (1e6, 60e3)])
def test_the_fit_finds_the_bucket(rate_bps: float, depth: float) -> None:
    gaps, sizes, lost = policed(rate_bps / 8e9, depth, 30.0, 4)
    assert 50 < int(lost.sum()) < len(lost) - 50
    delivered = float(sizes[lost == 0].sum() / gaps.sum())
    found = fit(gaps, sizes, lost, delivered, GRID, np.empty(len(gaps)))
    assert found.rate * 8e9 == pytest.approx(rate_bps, rel=0.03)
    assert found.depth == pytest.approx(depth, rel=0.1)
    assert found.rate_low <= found.rate <= found.rate_high
    assert found.gain > 0.85 * entropy(int(lost.sum()), int((lost == 0).sum()))
    assert found.gain - max(markov_gain(lost), timed_gain(gaps, lost)) > 100


def test_a_stray_loss_does_not_spoil_the_fit() -> None:
    gaps, sizes, lost = policed(5e6 / 8e9, 200e3, 30.0, 4)
    delivered = float(sizes[lost == 0].sum() / gaps.sum())
    stray = lost.copy()
    stray[np.flatnonzero(lost == 0)[::500]] = 1
    assert fit(gaps, sizes, stray, delivered, GRID, np.empty(len(gaps))).rate * 8e9 == pytest.approx(5e6, rel=0.03)


def test_losses_at_full_buckets_only_have_no_fit() -> None:
    gaps, sizes = np.full(400, 1e9), np.full(400, 1518.0)
    lost = np.zeros(400, np.uint8)
    lost[::10] = 1
    assert fit(gaps, sizes, lost, 1e-3, GRID._replace(depth_from=5e3), np.empty(400)).gain < 1


def test_entropy_and_gain() -> None:
    assert entropy(0, 10) == 0
    assert entropy(5, 5) == pytest.approx(10 * math.log(2))
    assert gain(5, 0, 5, 5) == pytest.approx(10 * math.log(2))
    assert gain(1, 5, 5, 5) == -1  # losses at high levels: the wrong way round
    assert gain(2, 2, 5, 5) == pytest.approx(0, abs=1e-9)


def test_what_bursts_explain() -> None:
    lost = np.array(([1] * 10 + [0] * 90) * 20, np.uint8)
    gaps = np.full(len(lost), 1e6)
    independent = np.array([1 if random.Random(k).random() < 0.1 else 0 for k in range(2_000)], np.uint8)
    assert markov_gain(lost) > 300
    assert markov_gain(independent) < 10
    assert timed_gain(gaps, lost) == pytest.approx(markov_gain(lost), rel=0.01)
    spaced = gaps.copy()
    spaced[10::100] = 5e9  # what ends a burst is time, not a packet that passes
    assert timed_gain(spaced, lost) > markov_gain(lost) + 20


def test_what_fades_explain() -> None:
    """Every second packet is lost in a fade: to a chain of two states, only the last packet counts."""
    dice = random.Random(5)
    fade = [dice.random() < 0.5 for _ in range(20)]
    lost = np.array((fade + [False] * 200) * 20, np.uint8)
    gaps = np.full(len(lost), 1e6)
    assert faded_gain(gaps, lost) > max(markov_gain(lost), timed_gain(gaps, lost)) + 50
    independent = np.array([1 if dice.random() < 0.1 else 0 for _ in range(2_000)], np.uint8)
    assert faded_gain(gaps[:2000], independent) < 10
    assert faded_gain(gaps, np.zeros(len(gaps), np.uint8)) == faded_gain(gaps, np.ones(len(gaps), np.uint8)) == 0
    late = np.zeros(300, np.uint8)
    late[[100, 101, 250]] = 1  # what came before the first loss counts with what came long after
    split = 1e6 * np.arange(1, 301)
    since = np.where(
        np.arange(300) > 250, split - split[250], np.where(np.arange(300) > 100, split - split[100], np.inf)
    )
    since[101], since[102:251] = 1e6, split[102:251] - split[101]
    chances = [(int(late[since < t].sum()), int((since < t).sum())) for t in [*SOON, *(FEW * 1e6)]]
    best = min(entropy(hit, many - hit) + entropy(3 - hit, 297 - many + hit) for hit, many in chances)
    assert faded_gain(np.full(300, 1e6), late) == pytest.approx(entropy(3, 297) - best)


def test_lanes_are_whole_vectors() -> None:
    assert LANES % 8 == 0
