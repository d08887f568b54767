"""Verdicts for tests."""

from __future__ import annotations

from typing import Any

from wireverdict.verdicts import Severity, Status, Subject, Verdict

SECOND = 1_000_000_000
START = 1_795_417_308 * SECOND


def make_verdict(number: int = 0, **changes: Any) -> Verdict:
    """A verdict about a resolver that does not answer; `number` tells one from another."""
    values: dict[str, Any] = {
        "rule": "dns-loss",
        "name": "DNS answers are lost",
        "status": Status.FIRING,
        "step": "fired",
        "subject": Subject("198.18.0.2", f"198.19.{number}.4", 53, protocol="udp"),
        "severity": Severity.CRITICAL,
        "confidence": 0.97,
        "start": START + number * SECOND,
        "end": START + (40 + number) * SECOND,
        "at": START + (50 + number) * SECOND,
        "evidence": {"attempts": 1_234, "answered": 72, "unanswered_share": 0.94, "p50_latency_ms": 31.5},
        "capture_quality": {"missed_share": 0.0},
        "remedy": "See whether a stateful gateway on the way has room: conntrack -S counts insert_failed and drop.",
        "reason": "94 % of the queries went unanswered",
    }
    return Verdict(**(values | changes))
