"""How sure a figure is: 95 % intervals of shares, counts, medians and F1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.detectors.shares import Z95, wilson

RESAMPLES = 2_000
"""Of a bootstrap (Efron, Ann. Statist. 7, 1979; percentile interval: Efron and Tibshirani 1993, ch. 13), and draws for F1. The
seed is fixed: the same figures give the same interval."""


class Interval(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval; `value` None where there is nothing to reckon it from."""

    value: float | None
    low: float | None
    high: float | None

    def __bool__(self) -> bool:
        return self.value is not None


NONE = Interval(None, None, None)


def share(successes: int, trials: int) -> Interval:
    """A proportion, with the score interval (Wilson, JASA 22, 1927)."""
    if not trials:
        return NONE
    return Interval(successes / trials, *wilson(successes, trials))


def rate(count: int, time: float) -> Interval:
    """Events in each unit of `time`, with Byar's approximation of the exact Poisson interval (Breslow and Day, Statistical
    Methods in Cancer Research II, 1987, p. 69)."""
    if time <= 0:
        return NONE
    low = count * (1 - 1 / (9 * count) - Z95 / (3 * math.sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    high = more * (1 - 1 / (9 * more) + Z95 / (3 * math.sqrt(more))) ** 3
    return Interval(count / time, max(low, 0.0) / time, high / time)


def f1(detected: int, labels: int, right: int, incidents: int) -> Interval:
    """The harmonic mean of precision and recall, with the interval of Goutte and Gaussier (ECIR 2005): both are drawn from what
    the counts say of them with Jeffreys' prior, Beta(k + 1/2, n - k + 1/2). Resampling would say that 3 of 3 are certain."""
    if not labels:
        return NONE
    if not incidents:
        return Interval(0.0, 0.0, share(0, labels).high)
    value = float(_harmonic(np.array([right / incidents]), np.array([detected / labels]))[0])
    draw = np.random.default_rng(0)
    precision = draw.beta(right + 0.5, incidents - right + 0.5, RESAMPLES)
    recall = draw.beta(detected + 0.5, labels - detected + 0.5, RESAMPLES)
    low, high = np.percentile(_harmonic(precision, recall), (2.5, 97.5))
    return Interval(value, min(float(low), value), max(float(high), value))


def median(values: Sequence[float]) -> Interval:
    """The median, with a bootstrap interval (see RESAMPLES)."""
    if not len(values):
        return NONE
    sample = np.sort(np.asarray(values, float))
    chosen = np.random.default_rng(0).integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.percentile(np.median(sample[chosen], axis=1), (2.5, 97.5))
    return Interval(float(np.median(sample)), float(low), float(high))


def _harmonic(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    both = precision + recall
    mean: NDArray[np.float64] = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return mean
