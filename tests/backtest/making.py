"""What the tests of backtests are made of: verdicts, incidents and labels in few words."""

from __future__ import annotations

from typing import Any

from wireverdict.backtest.incidents import Incident, incidents
from wireverdict.backtest.labels import Label
from wireverdict.verdicts import Severity, Status, Subject, Verdict

SECOND = 1_000_000_000
SUBJECT = Subject("192.0.2.1", "198.51.100.7", 53)


def verdict(
    at: float,
    *,
    step: str = "fired",
    rule: str = "dns-loss",
    subject: Subject = SUBJECT,
    start: float = 0.0,
    severity: Severity = Severity.WARNING,
    confidence: float = 0.9,
    evidence: dict[str, Any] | None = None,
) -> Verdict:
    """One step; times in s."""
    return Verdict(
        rule=rule,
        name=rule,
        status=Status.RESOLVED if step == "resolved" else Status.FIRING,
        step=step,
        subject=subject,
        severity=severity,
        confidence=confidence,
        start=round(start * SECOND),
        end=round(at * SECOND),
        at=round(at * SECOND),
        evidence={"attempts": 40, "unanswered": 30} if evidence is None else evidence,
        capture_quality={},
        remedy="look",
        reason="bad in 2 windows" if step != "resolved" else "good in 2 windows in a row",
    )


def incident(fired: float, resolved: float | None = None, *, place: str = "edge", **more: Any) -> Incident:
    """One trouble from when it was told until it was over, in s."""
    more.setdefault("start", fired - 10)
    steps = [verdict(fired, **more)]
    if resolved is not None:
        steps.append(verdict(resolved, step="resolved", **more))
    (made,) = incidents(steps, place)
    return made


def label(begin: float | None, end: float | None, **more: Any) -> Label:
    """A label of dns-loss about anybody, in s."""
    times = [None if at is None else round(at * SECOND) for at in (begin, end)]
    return Label(**({"who": "*", "what": "dns-loss", "begin": times[0], "end": times[1]} | more))
