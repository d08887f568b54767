"""Verdicts as documents, and their identity."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from wireverdict.verdicts import Severity, Status, Subject, Verdict, fingerprint, rounded, timestamp

VERDICT = Verdict(
    rule="dns-loss",
    name="DNS queries go unanswered",
    status=Status.FIRING,
    step="fired",
    subject=Subject("192.0.2.1", "2001:db8::53", 53, protocol="udp"),
    severity=Severity.CRITICAL,
    confidence=0.987654321,
    start=1_500_000_000_123_456_789,
    end=1_500_000_010_000_000_000,
    at=1_500_000_010_000_000_000,
    evidence={"attempts": np.int64(170), "share": 16 / 17},
    capture_quality={"late_packets": 0},
    remedy="Look at the gateway.",
    reason="bad in 1 of the last 1 windows judged",
)


def test_document() -> None:
    document = VERDICT.to_json()
    assert json.loads(json.dumps(document)) == {
        "@timestamp": "2017-07-14T02:40:10Z",
        "event": {
            "kind": "alert",
            "dataset": "wireverdict.verdict",
            "id": VERDICT.id,
            "severity": 3,
            "start": "2017-07-14T02:40:00.123456789Z",
            "end": "2017-07-14T02:40:10Z",
            "duration": 9_876_543_211,
        },
        "rule": {"id": "dns-loss", "name": "DNS queries go unanswered"},
        "source": {"ip": "192.0.2.1"},
        "destination": {"ip": "2001:db8::53", "port": 53},
        "network": {"transport": "udp"},
        "wireverdict": {
            "status": "firing",
            "step": "fired",
            "fingerprint": VERDICT.fingerprint,
            "incident": VERDICT.incident,
            "subject": "192.0.2.1 > [2001:db8::53]:53/udp",
            "severity": "critical",
            "confidence": 0.987654,
            "reason": "bad in 1 of the last 1 windows judged",
            "evidence": {"attempts": 170, "share": 0.941176},
            "capture_quality": {"late_packets": 0},
            "remedy": "Look at the gateway.",
        },
    }
    bare = replace(VERDICT, subject=Subject()).to_json()
    assert not {"source", "destination", "network"} & bare.keys()


def test_identity_is_a_function_of_content() -> None:
    # Written down, so that an accidental change shows: stored verdicts would no longer be overwritten by themselves.
    assert VERDICT.fingerprint == fingerprint("dns-loss", VERDICT.subject) == "97cd1cfafc1e65ed"
    assert replace(VERDICT, evidence={}, confidence=0.1).id == VERDICT.id
    assert replace(VERDICT, status=Status.RESOLVED, step="resolved").incident == VERDICT.incident
    others = [
        replace(VERDICT, step="resolved"),
        replace(VERDICT, at=VERDICT.at + 1),
        replace(VERDICT, start=VERDICT.start + 1),
        replace(VERDICT, rule="policing"),
        replace(VERDICT, subject=Subject("192.0.2.1")),
    ]
    assert len({VERDICT.id, *(other.id for other in others)}) == 6


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_500_000_000, "1970-01-01T00:00:01.500Z"),
        (1_000_001_000, "1970-01-01T00:00:01.000001Z"),
        (1 << 62, "2116-02-20T23:53:38.427387904Z"),
    ],
)
def test_timestamp(ns: int, text: str) -> None:
    assert timestamp(ns) == text


def test_rounded() -> None:
    value = {"a": [np.float64(1 / 3), math.inf, math.nan], 5: (True, None, "x", np.int32(7), np.bool_(True))}
    assert rounded(value) == {"a": [0.333333, None, None], "5": [True, None, "x", 7, True]}
    assert rounded(1e15 / 3) == 3.33333e14
