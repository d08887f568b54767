"""Precision, recall and times by labels, on cases that can be counted by hand."""

from __future__ import annotations

import pytest

from tests.backtest.making import SUBJECT, incident, label
from wireverdict.backtest.score import Score, hold, scores
from wireverdict.verdicts import Subject


def line(found: list[Score], name: str = "") -> Score:
    (one,) = [score for score in found if score.name == name]
    return one


def test_a_case_counted_by_hand() -> None:
    labels = [label(100, 200), label(500, 600), label(900, 950, who="192.0.2.99")]
    told = [
        incident(120, 230),  # right: 20 s after it began, over 30 s after its end
        incident(300, 310),  # wrong
        incident(625, None),  # right: within the tolerance; still open
    ]
    held = hold(labels, told, tolerance=30)
    assert held.fate == ["right", "wrong", "right"]
    assert [outcome.detected for outcome in held.outcomes] == [True, True, False]
    all_of_them = line(scores(labels, told, held, days=0.5))
    assert (all_of_them.precision.value, all_of_them.recall.value) == pytest.approx((2 / 3, 2 / 3))
    assert all_of_them.f1.value == pytest.approx(2 / 3)
    assert [outcome.detect for outcome in held.outcomes] == [20, 125, None]
    assert [outcome.resolve for outcome in held.outcomes] == [30, None, None]
    assert all_of_them.open == 1
    assert (all_of_them.pages, all_of_them.pages_per_day.value) == (3, 6.0)


def test_what_fired_too_early_or_too_late_is_wrong() -> None:
    labels = [label(100, 200)]
    for fired, fate in ((69, "wrong"), (70, "right"), (230, "right"), (231, "wrong")):
        assert hold(labels, [incident(fired)], tolerance=30).fate == [fate]


def test_a_verdict_that_goes_on_covers_the_next_label_too() -> None:
    labels = [label(100, 200), label(300, 400)]
    held = hold(labels, [incident(120, 420)], tolerance=0)
    assert [(outcome.detected, outcome.detect, outcome.resolve) for outcome in held.outcomes] == [
        (True, 20, 220),
        (True, 0, 20),
    ]


def test_two_verdicts_of_one_trouble_are_both_right_and_detect_it_once() -> None:
    labels = [label(100, 400)]
    told = [incident(120, 200), incident(250, 420)]
    held = hold(labels, told, tolerance=0)
    assert held.fate == ["right", "right"]
    assert (held.outcomes[0].detect, held.outcomes[0].resolve) == (20, 20)


def test_what_may_be_said_counts_for_nothing() -> None:
    labels = [label(100, 200), label(100, 200, what="throttling-ratio", expect="may")]
    told = [incident(120), incident(130, rule="throttling-ratio"), incident(400, rule="throttling-ratio")]
    held = hold(labels, told, tolerance=0)
    assert held.fate == ["right", "excused", "wrong"]
    found = line(scores(labels, told, held, 1))
    assert (found.labels, found.precision.value, found.excused) == (1, 0.5, 1)


def test_detectors_that_no_label_names_are_not_judged() -> None:
    labels = [label(100, 200)]
    told = [incident(120), incident(130, rule="bufferbloat")]
    held = hold(labels, told, tolerance=0)
    assert held.fate == ["right", "unlabelled"]
    found = scores(labels, told, held, 1)
    assert line(found).precision.value == 1.0
    assert not line(found, "bufferbloat").precision
    assert line(found, "bufferbloat").pages == 1


def test_quiet_times() -> None:
    labels = [label(0, 100, what="*", expect="never", group="healthy"), label(200, 300, what="*", expect="never")]
    told = [incident(50, rule="bufferbloat")]
    held = hold(labels, told, tolerance=0)
    assert held.fate == ["wrong"]
    found = scores(labels, told, held, 1)
    assert (line(found).quiet, line(found).disturbed) == (2, 1)
    assert (line(found, "healthy").quiet, line(found, "healthy").disturbed, line(found, "healthy").wrong) == (1, 1, 1)
    assert (line(found, "bufferbloat").quiet, line(found, "bufferbloat").disturbed) == (2, 1)


def test_lines_by_detector_and_by_group() -> None:
    labels = [
        label(100, 200, group="one", who="192.0.2.1"),
        label(100, 200, group="two", who="192.0.2.2"),
        label(100, 200, what="policing", group="two"),
    ]
    told = [incident(120, subject=SUBJECT), incident(130, rule="policing", subject=Subject("192.0.2.5"))]
    found = scores(labels, told, hold(labels, told, 0), 1)
    assert [(one.kind, one.name) for one in found] == [
        ("all", ""),
        ("rule", "dns-loss"),
        ("rule", "policing"),
        ("group", "one"),
        ("group", "two"),
    ]
    assert [(one.labels, one.detected) for one in found] == [(3, 2), (2, 1), (1, 1), (1, 1), (2, 1)]
    assert [one.incidents for one in found] == [2, 1, 1, 1, 1]


def test_open_labels_have_no_times() -> None:
    held = hold([label(None, None)], [incident(120, 150)], tolerance=0)
    (outcome,) = held.outcomes
    assert (outcome.detected, outcome.detect, outcome.resolve) == (True, None, None)


def test_nothing_at_all() -> None:
    (only,) = scores([], [], hold([], [], 30), 0)
    assert not only.precision
    assert not only.recall
    assert not only.pages_per_day
