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
    LANES,
    Grid,
    entropy,
    fit,
    gain,
    markov_gain,
    scan,
    timed_gain,
    trace,
)

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
    hits, misses = np.empty((2, 3), np.int64), np.empty((2, 3), np.int64)
    scan(*arrays, np.array([rate, rate / 3]), depths, hits, misses, *np.empty((5, 3)))
    for i, r in enumerate((rate, rate / 3)):
        for k, d in enumerate(depths):
            low = [level < size for level, size in zip(reference(gaps, sizes, lost, r, d), sizes, strict=True)]
            assert hits[i, k] == sum(a and b for a, b in zip(low, lost, strict=True))
            assert misses[i, k] == sum(a and not b for a, b in zip(low, lost, strict=True))


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
    found = fit(gaps, sizes, lost, delivered, GRID)
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
    assert fit(gaps, sizes, stray, delivered, GRID).rate * 8e9 == pytest.approx(5e6, rel=0.03)


def test_losses_at_full_buckets_only_have_no_fit() -> None:
    gaps, sizes = np.full(400, 1e9), np.full(400, 1518.0)
    lost = np.zeros(400, np.uint8)
    lost[::10] = 1
    assert fit(gaps, sizes, lost, 1e-3, GRID._replace(depth_from=5e3)).gain < 1


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


def test_lanes_are_whole_vectors() -> None:
    assert LANES % 8 == 0
