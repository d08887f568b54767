"""Findings and verdicts: what detectors say of one window, and what is told to people about it."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    ``delay_ms``). `capture_quality` says how far the capture can be trusted for this subject (see detectors.base). `since` is
    when the fault began (ns) as far as the window shows; `until` the end of what was judged.
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
