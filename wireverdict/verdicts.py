"""Findings and verdicts: what detectors say of one window, and what is told to people about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any


class Severity(IntEnum):
    """As in ECS `event.severity`: larger is worse."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class Status(StrEnum):
    """Steps of a verdict's life that are told to people."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Whom a verdict is about. Empty fields are not part of it. Addresses in text form, ports as numbers."""

    source_ip: str = ""
    destination_ip: str = ""
    destination_port: int = 0
    source_port: int = 0
    protocol: str = ""

    def text(self) -> str:
        """One line for people and for the fingerprint, such as ``192.0.2.1 > 198.51.100.7:53/udp``."""

        def end(ip: str, port: int) -> str:
            if not ip:
                return f"port {port}" if port else ""
            shown = f"[{ip}]" if ":" in ip and port else ip
            return f"{shown}:{port}" if port else shown

        left, right = end(self.source_ip, self.source_port), end(self.destination_ip, self.destination_port)
        joined = " > ".join(part for part in (left, right) if part)
        return f"{joined}/{self.protocol}" if self.protocol else joined


class Opinion(StrEnum):
    """What a detector says of a subject in one window. A subject it does not mention had too little to judge by."""

    BAD = "bad"
    GOOD = "good"
    UNKNOWN = "unknown"  # the capture cannot tell; keeps an open verdict open, opens none


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's opinion of one subject in one window.

    `confidence` in 0..1. `evidence` holds the numbers that decided, JSON values, units in the key names (``rate_bps``,
    ``delay_ms``). `capture_quality` says how far the capture can be trusted for this subject (see detectors.quality).
    `since` is when the fault began (ns) as far as the window shows; `until` the end of what was judged.
    """

    rule: str
    subject: Subject
    opinion: Opinion
    since: int
    until: int
    severity: Severity = Severity.WARNING
    confidence: float = 0.0
    evidence: dict[str, Any] = field(default_factory=dict)
    capture_quality: dict[str, Any] = field(default_factory=dict)
    remedy: str = ""


def timestamp(ns: int) -> str:
    """RFC 3339 in UTC with as many digits of the second as the time has (0, 3, 6 or 9)."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{digits}" if digits else "") + "Z"


def rounded(value: Any) -> Any:
    """JSON values, floats cut to six significant digits so that equal answers are equal bytes; inf and nan are null."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    return rounded(value.item())  # a numpy number


def digest(*parts: str) -> str:
    """A short name that is a function of `parts` only (16 hexadecimal digits of SHA-256)."""
    import hashlib

    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def fingerprint(rule: str, subject: Subject) -> str:
    """The identity of a trouble: the detector and whom it is about, however often it comes and goes."""
    return digest(rule, subject.text())


@dataclass(frozen=True, slots=True)
class Verdict:
    """One step in the life of a trouble. Times in ns of packet time.

    `start` is when the trouble began, `end` the end of the last window in which it was seen, `at` the end of the window
    that caused this step. `step` is ``fired``, ``escalated``, ``repeated`` or ``resolved``; `reason` says in words why.
    """

    rule: str
    name: str
    status: Status
    step: str
    subject: Subject
    severity: Severity
    confidence: float
    start: int
    end: int
    at: int
    evidence: dict[str, Any]
    capture_quality: dict[str, Any]
    remedy: str
    reason: str

    @property
    def fingerprint(self) -> str:
        """See `fingerprint`: equal for all verdicts about the same trouble, past ones included."""
        return fingerprint(self.rule, self.subject)

    @property
    def incident(self) -> str:
        """Equal for all steps from one firing to its resolution."""
        return digest(self.fingerprint, str(self.start))

    @property
    def id(self) -> str:
        """A function of content: the same step derived again has the same id."""
        return digest(self.fingerprint, str(self.start), self.step, str(self.at))

    def to_json(self) -> dict[str, Any]:
        """The verdict as an ECS document (nested objects, JSON values, keys in a fixed order)."""
        document: dict[str, Any] = {
            "@timestamp": timestamp(self.at),
            "event": {
                "kind": "alert",
                "dataset": "wireverdict.verdict",
                "id": self.id,
                "severity": int(self.severity),
                "start": timestamp(self.start),
                "end": timestamp(self.end),
                "duration": max(self.end - self.start, 0),
            },
            "rule": {"id": self.rule, "name": self.name},
        }
        for side, ip, port in (
            ("source", self.subject.source_ip, self.subject.source_port),
            ("destination", self.subject.destination_ip, self.subject.destination_port),
        ):
            if ip or port:
                document[side] = ({"ip": ip} if ip else {}) | ({"port": port} if port else {})
        if self.subject.protocol:
            document["network"] = {"transport": self.subject.protocol}
        document["wireverdict"] = {
            "status": str(self.status),
            "step": self.step,
            "fingerprint": self.fingerprint,
            "incident": self.incident,
            "subject": self.subject.text(),
            "severity": self.severity.name.lower(),
            "confidence": rounded(float(self.confidence)),
            "reason": self.reason,
            "evidence": rounded(self.evidence),
            "capture_quality": rounded(self.capture_quality),
            "remedy": self.remedy,
        }
        return document


RULE_NAMES = {
    "dns-loss": "DNS queries go unanswered",
    "throttling-ratio": "Answers are being throttled",
    "new-flow-loss": "New connections fail while old ones live",
    "retransmission-storm": "Retransmission storm",
    "zero-window": "Receiver does not read (zero window)",
    "capture-loss": "The capture misses packets",
    "policing": "Traffic is policed",
    "bufferbloat": "Bufferbloat",
    "sensor-silence": "Sensor is silent",
    "detector-error": "A detector of your own breaks",
}
"""`rule.name` of our own detectors; those of others are named after their `rule.id`."""
