"""Asking about rings: base round trips by period, and answers from both parts of a path."""

from __future__ import annotations

import numpy as np

from tests.paths.test_bufferbloat import GROWING, RATE, seconds, standing
from wireverdict.paths.bufferbloat import Settings
from wireverdict.paths.layout import BINS, FALSE, FAR, LOAD, NEAR, TRUE
from wireverdict.paths.load import answers
from wireverdict.records import Reason

FIRST = 1_700_000_000
UNTIL = np.array([FIRST + 30])


def ring(*parts: tuple[int, list[float]]) -> np.ndarray:
    """One ring with round trips (ms) by part, bytes in flight as GROWING."""
    loads = np.zeros((1, BINS), LOAD)
    loads["second"] = -1
    for part, rtts in parts:
        bins = seconds(GROWING, rtts, part=part)
        for row in bins:
            kept = loads[0, row["second"] % BINS]
            kept["second"], kept["acked"] = row["second"], row["acked"]
            for name in ("flight", "flights", "count", "kept", "samples"):
                kept[name][part] = row[name][part]
    return loads


def ask(loads: np.ndarray, near: int, far: int) -> tuple[int, int, int]:
    found = answers(loads, np.full(1, FIRST), np.zeros(1, np.int64), UNTIL, np.array([[near, far]]), Settings())
    return int(found.answer[0]), int(found.reason[0]), len(found.found)


def test_a_queue_in_either_part() -> None:
    low = [31.0] * 12
    assert ask(ring((NEAR, standing(GROWING)), (FAR, low)), 30_000, 29_000) == (TRUE, Reason.NONE, 1)
    assert ask(ring((NEAR, low), (FAR, standing(GROWING))), 30_000, 29_000) == (TRUE, Reason.NONE, 1)
    assert ask(ring((NEAR, low), (FAR, low)), 30_000, 29_000) == (FALSE, Reason.NONE, 0)


def test_a_part_that_is_not_seen_matters_unless_it_is_the_shorter() -> None:
    low = [31.0] * 12
    assert ask(ring((NEAR, low)), 30_000, 1_000) == (FALSE, Reason.NONE, 0)
    assert ask(ring((NEAR, low)), 30_000, 80_000) == (0, Reason.TOO_FEW_SAMPLES, 0)
    assert ask(ring((NEAR, low)), 30_000, 0) == (0, Reason.TOO_FEW_SAMPLES, 0)


def test_some_seconds_of_delay_are_no_calm() -> None:
    mixed = [31.0] * 10 + [400.0, 400.0]
    assert ask(ring((NEAR, mixed)), 30_000, 1_000)[0] == FALSE  # two of twelve
    loads = ring((NEAR, mixed))
    loads[0, (FIRST + np.arange(8)) % BINS] = 0
    assert ask(loads, 30_000, 1_000)[0] == 0  # two of four


def test_delay_of_other_causes() -> None:
    elsewhere = [300.0, 310.0] * 6
    assert ask(ring((NEAR, elsewhere), (FAR, [1.0] * 12)), 30_000, 900) == (FALSE, Reason.NONE, 1)
    steep = [3 * rtt for rtt in standing(GROWING)]
    assert ask(ring((NEAR, steep), (FAR, [1.0] * 12)), 30_000, 900) == (0, Reason.UNDECIDED, 1)
    assert RATE


def test_an_idle_ring() -> None:
    assert ask(ring(), 30_000, 1_000) == (0, Reason.NO_LOAD, 0)
