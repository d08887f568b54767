"""Sweeps: their points, the stable region, the suggestion and its reason."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wireverdict.backtest.intervals import NONE, Interval, share
from wireverdict.backtest.sweep import Axis, Point, axis, conclude, configs, rule_of
from wireverdict.settings import Settings, SettingsError

DEFAULT = Settings()
KEY = "detectors.dns_loss.warning"


def points(axes: Sequence[Axis], f1: Sequence[float | None], told: Sequence[str] = ()) -> list[Point]:
    values = [[value] for value in axes[0].values]
    if len(axes) == 2:
        values = [[a, b] for a in axes[0].values for b in axes[1].values]
    made = []
    for number, (mine, score) in enumerate(zip(values, f1, strict=True)):
        interval = NONE if score is None else Interval(score, score - 0.1, min(score + 0.1, 1.0))
        names = list(told[number]) if told else []
        made.append(Point(mine, interval, interval, interval, NONE, number, share(1, 2), names))
    return made


def test_even_steps() -> None:
    assert axis(f"{KEY}=0.02:0.5:4", DEFAULT) == Axis(KEY, [0.02, 0.18, 0.34, 0.5], 0.1)


def test_equal_ratios_and_lists_and_whole_numbers() -> None:
    key = "detectors.dns_loss.min_attempts"
    assert axis(f"{key}=10:1000:3:log", DEFAULT).values == [10, 100, 1000]
    assert axis(f"{key}=30,10,20,10", DEFAULT).values == [10, 20, 30]
    assert axis(f"{key}=1:3:9", DEFAULT).values == [1, 2, 3]
    assert axis(f"{KEY}=0.2", DEFAULT).values == [0.2]
    assert axis(f"{KEY}=0.2:0.4:1", DEFAULT).values == [0.2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("detectors.dns_loss.warning", "expected KEY="),
        ("detectors.dns_loss.warming=1:2:3", "did you mean detectors.dns_loss.warning"),
        ("capture.tunnels=1:2:3", "not a number"),
        (f"{KEY}=0.1:0.2", "FROM:TO:POINTS"),
        (f"{KEY}=0.1:0.2:3:exp", "FROM:TO:POINTS"),
        (f"{KEY}=0.2:0.1:3", "smaller to a larger"),
        (f"{KEY}=0:0.1:3:log", "above 0"),
        (f"{KEY}=0.1:0.9:3", "0 < warning <= critical"),
        (f"{KEY}=a,b", "could not convert"),
        (f"{KEY}=0.1:0.2:100000", "1 to 400 points"),
    ],
)
def test_what_cannot_be_swept_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        axis(text, DEFAULT)


def test_two_settings_make_a_grid() -> None:
    axes = [axis(f"{KEY}=0.1,0.2", DEFAULT), axis("alerts.bad_windows=1,2,3", DEFAULT)]
    made = configs(axes, DEFAULT)
    assert [config.name for config in made[:4]] == [
        "warning 0.1, bad_windows 1",
        "warning 0.1, bad_windows 2",
        "warning 0.1, bad_windows 3",
        "warning 0.2, bad_windows 1",
    ]
    assert (made[3].settings.detectors.dns_loss.warning, made[3].settings.alerts.bad_windows) == (0.2, 1)
    assert rule_of(axes) == ""
    assert rule_of(axes[:1]) == "dns-loss"
    assert rule_of([axis("paths.policing.min_lost=10,20", DEFAULT)]) == "policing"


def test_a_grid_has_two_different_settings_and_not_too_many_points() -> None:
    one = axis(f"{KEY}=0.1:0.4:30", DEFAULT)
    with pytest.raises(SettingsError, match="one or two different"):
        configs([one, one], DEFAULT)
    with pytest.raises(SettingsError, match="more than 400"):
        configs([one, axis("detectors.dns_loss.critical=0.5:0.9:30", DEFAULT)], DEFAULT)


def test_the_middle_of_the_widest_good_stretch_is_suggested() -> None:
    axes = [Axis(KEY, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 0.1)]
    found = conclude(axes, points(axes, [0.9, 0.5, 0.6, 0.89, 0.9, 0.885, 0.6, 0.2]))
    assert [point.stable for point in found.points] == [False, False, False, True, True, True, False, False]
    assert found.suggested == 4
    assert found.reason.startswith(f"{KEY} = 0.5: F1 0.900 (0.800 to 1.000)")
    assert f"{KEY} is 0.4 to 0.6 (3 of 8 points)" in found.reason


def test_a_present_value_in_the_region_need_not_change() -> None:
    axes = [Axis(KEY, [0.1, 0.2, 0.3, 0.4], 0.2)]
    found = conclude(axes, points(axes, [0.9, 0.9, 0.9, 0.9]))
    assert found.suggested == 1  # of the two in the middle the one that is nearer
    assert "no need to change" in found.reason
    assert "whole range is stable" in found.reason


def test_a_region_at_the_edge_says_so() -> None:
    axes = [Axis(KEY, [0.1, 0.2, 0.3, 0.4], 0.9)]
    found = conclude(axes, points(axes, [0.9, 0.9, 0.1, 0.1]))
    assert "sweep further" in found.reason
    assert "no need" not in found.reason


def test_two_settings_have_a_region_in_the_plane() -> None:
    axes = [Axis(KEY, [1, 2, 3, 4, 5], 1), Axis("alerts.bad_windows", [1, 2, 3], 1)]
    good = {(2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3), (4, 1), (4, 2), (4, 3), (1, 1)}
    good.remove((1, 1))
    f1 = [0.9 if (a, b) in good or (a, b) == (5, 3) else 0.4 for a in axes[0].values for b in axes[1].values]
    f1[4 * 3 + 2] = 0.4
    found = conclude(axes, points(axes, f1))
    assert {tuple(point.values) for point in found.points if point.stable} == good
    assert found.suggested is not None
    assert found.points[found.suggested].values == [3, 2]


def test_without_labels_the_region_is_where_nothing_changes_and_nothing_is_suggested() -> None:
    axes = [Axis(KEY, [0.1, 0.2, 0.3, 0.4, 0.5], 0.2)]
    found = conclude(axes, points(axes, [None] * 5, ["a", "ab", "ab", "ab", "a"]))
    assert [point.stable for point in found.points] == [False, True, True, True, False]
    assert found.suggested is None
    assert "Without labels" in found.reason
    assert "0.2 to 0.4 (3 of 5 points)" in found.reason
