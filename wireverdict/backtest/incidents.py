"""From the steps of verdicts to incidents: one from each firing to its resolution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wireverdict.verdicts import Severity, Status, Subject, Verdict, rounded


class Incident(msgspec.Struct, frozen=True):
    """A trouble as people were told of it. Times in ns of packet time.

    `place`: the sensor or the capture that it was seen in. `start`: when the trouble began, as far as the first verdict knew.
    `fired`: when people were told (the end of the window). `resolved`: when they were told that it is over; None if it was
    not when the source ended. `end`: the end of the last window in which it was seen. `severity`: the worst.
    `confidence`, `evidence`, `quality`: of the first step. `pages`: times that people were told that it goes on.
    """

    place: str
    rule: str
    name: str
    subject: Subject
    fingerprint: str
    start: int
    fired: int
    end: int
    resolved: int | None
    severity: int
    confidence: float
    evidence: dict[str, Any]
    quality: dict[str, Any]
    remedy: str
    reason: str
    over: str
    pages: int
    steps: list[tuple[int, str, int]]

    @property
    def who(self) -> str:
        """The subject in one line."""
        return self.subject.text() or "the whole capture"


def incidents(verdicts: Iterable[Verdict], place: str = "") -> list[Incident]:
    """All incidents of one place, by the time at which they fired. Verdicts in the order in which they came about."""
    told: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        told.setdefault(verdict.incident, []).append(verdict)
    made = [_incident(steps, place) for steps in told.values() if steps[0].status is Status.FIRING]
    return sorted(made, key=order)


def order(incident: Incident) -> tuple[int, str, str, Subject]:
    """Incidents by time, then by place, detector and subject."""
    return incident.fired, incident.place, incident.rule, incident.subject


def severity_name(severity: int) -> str:
    """``warning``, say."""
    return Severity(severity).name.lower()


def _incident(steps: list[Verdict], place: str) -> Incident:
    first, last = steps[0], steps[-1]
    over = last.status is Status.RESOLVED
    return Incident(
        place=place,
        rule=first.rule,
        name=first.name,
        subject=first.subject,
        fingerprint=first.fingerprint,
        start=first.start,
        fired=first.at,
        end=last.end,
        resolved=last.at if over else None,
        severity=int(max(step.severity for step in steps)),
        confidence=rounded(float(first.confidence)),
        evidence=rounded(first.evidence),
        quality=rounded(first.capture_quality),
        remedy=first.remedy,
        reason=first.reason,
        over=last.reason if over else "",
        pages=sum(step.status is Status.FIRING for step in steps),
        steps=[(step.at, step.step, int(step.severity)) for step in steps],
    )
