"""The judge of bufferbloat: on seconds made by hand, and on simulated paths at both ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.paths.drive import drive, play
from wireverdict.paths.bufferbloat import GRADES, Bloat, Settings, judge, kendall, quantile, theil_slope
from wireverdict.paths.layout import FAR, LOAD, NEAR
from wireverdict.records import Flag, Reason

BASE = 30_000  # µs
RATE = 1_250_000  # bytes a second


def seconds(flights: list[float], rtts: list[float], acked: float = RATE, part: int = NEAR) -> NDArray[np.void]:
    """LOAD rows of one second each: bytes in flight, round trips in ms."""
    bins = np.zeros(len(flights), LOAD)
    bins["second"] = np.arange(len(flights)) + 1_700_000_000
    bins["acked"] = acked
    bins["flight"][:, part] = np.array(flights) * 10
    bins["flights"][:, part] = 10
    bins["count"][:, part] = bins["kept"][:, part] = 3
    bins["samples"][:, part, :3] = (np.array(rtts) * 1e3)[:, None]
    return bins


def standing(flights: list[float]) -> list[float]:
    """Round trips (ms) where all that is in flight beyond rate times base waits."""
    return [max(flight / RATE * 1e3, BASE / 1e3) for flight in flights]


GROWING = [200e3 + 60e3 * k for k in range(12)]


def test_a_standing_queue() -> None:
    found = judge(seconds(GROWING, standing(GROWING)), NEAR, BASE, Settings())
    assert found.answer is True
    assert found.kappa == pytest.approx(1.0, abs=0.01)
    assert found.base_rtt == 30
    assert found.throughput_bps == 8 * RATE
    assert found.bloated == 12
    assert found.queue_delay == pytest.approx(np.median(standing(GROWING)) - 30, rel=0.05)
    assert (found.first, found.last) == (1_700_000_000, 1_700_000_011)


def test_delay_that_does_not_follow_the_flight_is_not_its_queue() -> None:
    elsewhere = judge(seconds(GROWING, [300.0, 310.0] * 6), NEAR, BASE, Settings())
    assert elsewhere.answer is False
    assert elsewhere.kappa == pytest.approx(0.0, abs=0.05)
    steep = judge(seconds(GROWING, [3 * rtt for rtt in standing(GROWING)]), NEAR, BASE, Settings())
    assert steep.answer is None
    assert steep.reason is Reason.UNDECIDED


def test_a_flight_that_does_not_vary_tells_nothing() -> None:
    found = judge(seconds([800e3] * 12, [640.0] * 12), NEAR, BASE, Settings())
    assert (found.answer, found.reason, found.kappa) == (None, Reason.UNDECIDED, None)


def test_short_queues_long_routes_and_little_load() -> None:
    short = judge(seconds(GROWING, [30 + 40 * k / 12 for k in range(12)]), NEAR, BASE, Settings())
    assert short.answer is False
    far_away = judge(seconds(GROWING, [310.0] * 12), NEAR, 300_000, Settings())
    assert far_away.answer is False
    idle = judge(seconds([2e3] * 12, [900.0] * 12, acked=3_000), NEAR, BASE, Settings())
    assert (idle.answer, idle.reason) == (None, Reason.NO_LOAD)
    brief = judge(seconds(GROWING[:2], standing(GROWING[:2])), NEAR, BASE, Settings())
    assert (brief.answer, brief.reason) == (None, Reason.NO_LOAD)


def test_a_step_of_the_route_is_no_queue() -> None:
    """A paced sender has more in flight on a longer route: before and after, nothing follows the flight."""
    flights = [15e3 + k % 3 * 100 for k in range(10)] + [90e3 + k % 3 * 500 for k in range(20)]
    step = [30.0 + k % 2 for k in range(10)] + [180.0 + k % 2 for k in range(20)]
    found = judge(seconds(flights, step), NEAR, BASE, Settings())
    assert (found.answer, found.reason, found.kappa) == (None, Reason.UNDECIDED, None)


def test_odd_seconds_make_no_slope() -> None:
    """Acknowledgements that come seldom: some seconds have more in flight and wait longer, most are the same."""
    flights, waits = [500e3] * 16 + [600e3, 610e3], [300.0] * 16 + [420.0, 430.0]
    found = judge(seconds(flights, waits), NEAR, BASE, Settings())
    assert (found.answer, found.kappa) == (None, None)


def test_a_queue_that_grows_slowly_but_steadily() -> None:
    """A range of 23 % from end to end, of which the middle eight tenths are less than a fifth."""
    flights = [460e3 + 13e3 * k for k in range(9)]
    found = judge(seconds(flights, standing(flights)), NEAR, BASE, Settings())
    assert found.answer is True
    assert found.kappa == pytest.approx(1.0, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_kendall_against_the_reference(points: list[tuple[int, int]]) -> None:
    n, s = len(points), 0
    for i, (x, y) in enumerate(points):
        for u, v in points[i + 1 :]:
            s += ((u > x) - (u < x)) * ((v > y) - (v < y))
    expected = (s - (s > 0) + (s < 0)) / (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    both = np.array(points, np.float64)
    assert kendall(both[:, 0], both[:, 1]) == pytest.approx(expected)


def test_without_round_trips_it_does_not_know() -> None:
    bins = seconds(GROWING, standing(GROWING))
    bins["count"] = bins["kept"] = 0
    assert judge(bins, NEAR, BASE, Settings()).reason is Reason.TOO_FEW_SAMPLES
    assert judge(seconds(GROWING, standing(GROWING)), FAR, BASE, Settings()).reason is Reason.TOO_FEW_SAMPLES
    assert judge(seconds(GROWING, standing(GROWING)), NEAR, 0, Settings()).reason is Reason.TOO_FEW_SAMPLES
    assert judge(bins[:0], NEAR, BASE, Settings()).reason is Reason.NO_LOAD


@pytest.mark.parametrize(("added", "grade"), [(0, "A+"), (5, "A"), (59, "B"), (60, "C"), (399, "D"), (400, "F")])
def test_grades(added: float, grade: str) -> None:
    assert Bloat(True, Reason.NONE, base_rtt=20.0, loaded_rtt=20.0 + added).grade == grade


def test_grades_are_in_order() -> None:
    assert [limit for limit, _ in GRADES] == sorted(limit for limit, _ in GRADES)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=12))
def test_theil_against_the_reference(points: list[tuple[int, int]]) -> None:
    slopes = sorted(
        (b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1 :] if a[0] != b[0]
    )
    found = theil_slope(np.array([p[0] for p in points], float), np.array([p[1] for p in points], float))
    if not slopes:
        assert found is None
        return
    middle = len(slopes) // 2
    expected = slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2
    assert found == pytest.approx(expected)


def test_each_second_weighs_the_same() -> None:
    often, seldom = np.full(8, 20.0), np.array([900.0])
    assert quantile([often, seldom, seldom], 0.5) > 400
    assert quantile([often, often, seldom], 0.5) == 20
    assert quantile([seldom], 0.95) == 900
    assert quantile([np.arange(8.0)], 0.5) == 3.5


@pytest.mark.parametrize(("end", "part"), [("sender", NEAR), ("receiver", FAR)])
def test_a_bloated_path_at_either_end(end: str, part: int) -> None:
    driven = drive(getattr(play("bloated queue"), end))
    cases = [case for view in driven.views for case in view.loads]
    assert {case.part for case in cases} == {part}
    assert all(case.bloat.answer for case in cases)
    assert cases[-1].bloat.kappa == pytest.approx(1.0, abs=0.15)
    assert cases[-1].bloat.base_rtt == pytest.approx(50, abs=5)
    assert driven.records["flags_true"][0] >> Flag.BUFFERBLOAT & 1


@pytest.mark.parametrize("end", ["sender", "receiver"])
@pytest.mark.parametrize("name", ["policer", "shaper", "short queue", "random loss", "short bursts of loss"])
def test_no_other_path_is_bloated(name: str, end: str) -> None:
    driven = drive(getattr(play(name), end))
    assert not [case for view in driven.views for case in view.loads]
    assert any(view.calm for view in driven.views)
    record = driven.records[0]
    assert record["flags_known"] >> Flag.BUFFERBLOAT & 1
    assert not record["flags_true"] >> Flag.BUFFERBLOAT & 1


@pytest.mark.parametrize(
    "wrong", [{"kappa_low": 3.0}, {"load_share": 0.0}, {"load_share": 1.5}, {"min_seconds": 0}, {"min_seconds": 61}]
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="bufferbloat"):
        Settings(**wrong)  # type: ignore[arg-type]
