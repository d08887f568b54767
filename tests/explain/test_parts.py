"""Comparisons, numbers as text, and how much would have been bearable."""

from __future__ import annotations

import pytest

from wireverdict.detectors.shares import wilson_lower
from wireverdict.explain.parts import Check, Relation, Unit, compare, most_below, number, shown
from wireverdict.settings import Settings


@pytest.mark.parametrize(
    ("relation", "value", "met", "margin"),
    [
        ("over", 3.0, True, 1.5),
        ("over", 2.0, False, 1.0),
        ("at least", 2.0, True, 1.0),
        ("under", 1.0, True, 2.0),
        ("under", 2.0, False, 1.0),
        ("at most", 2.0, True, 1.0),
        ("at most", 4.0, False, 0.5),
    ],
)
def test_a_comparison(relation: Relation, value: float, met: bool, margin: float) -> None:
    check = Check("x", value, relation, 2.0, "count")
    assert check.met is met
    assert check.margin == margin


def test_nothing_is_infinitely_far_from_nothing() -> None:
    assert Check("x", 1.0, "over", 0.0, "count").margin == float("inf")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.5, "share", "50 %"),
        (0.0123, "share", "1.2 %"),
        (12_345.0, "count", "12,345"),
        (7, "windows", "7 windows"),
        (5_060_000.0, "bps", "5.06 Mbit/s"),
        (2e12, "bps", "2e+03 Gbit/s"),
        (999, "bytes", "999 B"),
        (32_000, "bytes", "32 kB"),
        (103.46, "ms", "103 ms"),
        (0.25, "ratio", "0.25"),
    ],
)
def test_numbers_as_people_read_them(value: float, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_settings_are_looked_up_by_name() -> None:
    plain, bracketed = compare(
        Settings(),
        "detectors.dns_loss",
        ("attempts", 30, "at least", "min_attempts", "count"),
        ("share", 0.2, "over", "(critical)", "share"),
    )
    assert (plain.bound, plain.setting, plain.need) == (20, "detectors.dns_loss.min_attempts", True)
    assert (bracketed.bound, bracketed.setting, bracketed.need) == (0.5, "detectors.dns_loss.critical", False)


def test_numbers_of_the_evidence() -> None:
    evidence = {"a": 3, "b": None, "c": "5", "d": True, "e": 0.5}
    assert [number(evidence, name, 7.0) for name in ("a", "b", "c", "d", "e", "f")] == [3.0, 7.0, 7.0, 7.0, 0.5, 7.0]


@pytest.mark.parametrize(("total", "limit"), [(20, 0.1), (100, 0.1), (1000, 0.5), (7, 0.9)])
def test_the_most_that_is_bearable(total: int, limit: float) -> None:
    expected = max(count for count in range(total + 1) if wilson_lower(count, total) <= limit)
    assert most_below(total, limit, wilson_lower) == expected
