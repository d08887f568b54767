"""A trouble as a box."""

from __future__ import annotations

import pytest

from tests.output.verdict_makers import SECOND, START, make_verdict
from wireverdict.output.panels import Incident, panel, who
from wireverdict.output.people import render
from wireverdict.verdicts import Severity, Status, Subject


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        (Subject("192.0.2.1", "198.51.100.7", 53, protocol="udp"), "192.0.2.1 to 198.51.100.7 port 53 (udp)"),
        (Subject("192.0.2.1", destination_port=53), "192.0.2.1 to port 53"),
        (Subject("192.0.2.1", "198.51.100.7"), "192.0.2.1 to 198.51.100.7"),
        (Subject(destination_ip="2001:db8::1", destination_port=443), "2001:db8::1 port 443"),
        (
            Subject("192.0.2.1", "198.51.100.7", 443, 40_000, "tcp"),
            "192.0.2.1 port 40000 to 198.51.100.7 port 443 (tcp)",
        ),
        (Subject("192.0.2.1"), "192.0.2.1"),
        (Subject(), "everything captured"),
    ],
)
def test_who(subject: Subject, words: str) -> None:
    assert who(subject) == words


def test_evidence_is_that_of_the_gravest_step_and_times_those_of_the_last() -> None:
    incident = Incident(make_verdict(severity=Severity.WARNING, evidence={"attempts": 1}))
    incident.add(make_verdict(severity=Severity.CRITICAL, evidence={"attempts": 22}, step="escalated"))
    incident.add(make_verdict(status=Status.RESOLVED, evidence={"attempts": 333}, end=START + 90 * SECOND))
    assert incident.over
    text = render([panel(incident)]).decode()
    assert "CRITICAL, over  DNS answers are lost" in text
    assert "attempts 22 " in text
    assert "for 1 min 30 s, now over" in text


def test_what_goes_on_comes_before_what_is_over_and_the_graver_first() -> None:
    over = Incident(make_verdict(1, severity=Severity.CRITICAL))
    over.add(make_verdict(1, status=Status.RESOLVED))
    warning = Incident(make_verdict(2, severity=Severity.WARNING))
    unsure = Incident(make_verdict(3, confidence=0.5))
    sure = Incident(make_verdict(4, confidence=0.9))
    assert sorted([over, warning, unsure, sure], key=Incident.urgency) == [sure, unsure, warning, over]


def test_a_box_without_a_remedy_and_with_a_doubtful_capture() -> None:
    verdict = make_verdict(remedy="", capture_quality={"missed_share": 0.25, "one_sided_share": 0.0})
    text = render([panel(Incident(verdict))]).decode()
    assert "check next" not in text
    assert "97 %; capture: missed 25 %" in text
    assert max(map(len, text.splitlines())) == 80
