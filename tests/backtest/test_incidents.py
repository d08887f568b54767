"""From verdicts to incidents."""

from __future__ import annotations

from tests.backtest.making import SECOND, verdict
from wireverdict.backtest.incidents import incidents, severity_name
from wireverdict.verdicts import Severity, Subject


def test_steps_of_one_trouble_are_one_incident() -> None:
    steps = [
        verdict(20, start=5),
        verdict(30, start=5, step="escalated", severity=Severity.CRITICAL, confidence=0.99),
        verdict(3630, start=5, step="repeated", severity=Severity.CRITICAL),
        verdict(3700, start=5, step="resolved", severity=Severity.CRITICAL),
    ]
    (found,) = incidents(steps, "edge")
    assert (found.start, found.fired, found.resolved) == (5 * SECOND, 20 * SECOND, 3700 * SECOND)
    assert found.severity == Severity.CRITICAL
    assert found.confidence == 0.9  # as it was first told
    assert found.pages == 3
    assert [step for _, step, _ in found.steps] == ["fired", "escalated", "repeated", "resolved"]
    assert found.over == "good in 2 windows in a row"


def test_what_comes_again_is_another_incident() -> None:
    steps = [verdict(20, start=5), verdict(50, start=5, step="resolved"), verdict(90, start=80)]
    found = incidents(steps, "edge")
    assert [(one.fired // SECOND, one.resolved) for one in found] == [(20, 50 * SECOND), (90, None)]


def test_an_end_without_a_beginning_is_none() -> None:
    assert incidents([verdict(50, start=5, step="resolved")], "edge") == []


def test_they_come_in_order_of_time_then_of_detector_and_subject() -> None:
    steps = [
        verdict(30, subject=Subject("192.0.2.9")),
        verdict(20, rule="zero-window"),
        verdict(20, rule="dns-loss"),
        verdict(30, subject=Subject("192.0.2.2")),
    ]
    found = incidents(steps, "edge")
    assert [(one.rule, one.who[:9]) for one in found[:2]] == [("dns-loss", "192.0.2.1"), ("zero-window", "192.0.2.1")]
    assert [one.who for one in found[2:]] == ["192.0.2.2", "192.0.2.9"]


def test_names_of_severities() -> None:
    assert [severity_name(number) for number in (1, 2, 3)] == ["info", "warning", "critical"]
