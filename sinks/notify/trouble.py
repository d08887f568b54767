"""A step of a verdict, as far as it matters for who is told of it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from wireverdict.verdicts import Severity

SERVICES = {"dns-loss": "dns", "capture-loss": "capture", "sensor-silence": "silence"}
"""What detectors that look at one thing only are about."""
DNS_PORTS = (53, 853)


class Trouble(msgspec.Struct, frozen=True):
    """`key` is equal for all steps of a trouble, `incident` for those from one firing to its end.

    `start`, `at`: s since 1970 of packet time, when it began and when this step was told. `sent`: s since 1970, when the
    message was written. `subjects`: how many it is about. `missed`: share of packets that the capture missed.
    """

    key: str
    incident: str
    rule: str
    name: str
    sensor: str
    subject: str
    severity: int
    start: float
    at: float
    sent: float
    firing: bool
    source: str = ""
    destination: str = ""
    port: int = 0
    protocol: str = ""
    confidence: float = 0.0
    missed: float = 0.0
    subjects: int = 1
    evidence: dict[str, Any] = {}
    remedy: str = ""
    labels: dict[str, str] = {}

    @property
    def service(self) -> str:
        """What it is about: dns, capture, silence, a port, or else what its detector looks for."""
        if self.rule in SERVICES:
            return SERVICES[self.rule]
        if self.port in DNS_PORTS:
            return "dns"
        return f"port {self.port}" if self.port else self.rule

    def field(self, name: str) -> str:
        """By the names that settings use; empty if it has none."""
        if name.startswith("label:"):
            return self.labels.get(name.removeprefix("label:"), "")
        return str(getattr(self, name))


def trouble(value: dict[str, Any], sent: float) -> Trouble:
    """Of a verdict's document. Raises KeyError, ValueError, TypeError for one that is none."""
    own, event, rule = value["wireverdict"], value["event"], value["rule"]
    sensor = str(value.get("observer", {}).get("name", ""))
    source, destination = value.get("source") or {}, value.get("destination") or {}
    evidence = own.get("evidence") or {}
    subjects = evidence.get("subjects", 1)
    return Trouble(
        key=f"{own['fingerprint']}-{sensor}",
        incident=str(own["incident"]),
        rule=str(rule["id"]),
        name=str(rule.get("name") or rule["id"]),
        sensor=sensor,
        subject=str(own.get("subject", "")),
        severity=int(event.get("severity", Severity.WARNING)),
        start=seconds(event["start"]),
        at=seconds(value["@timestamp"]),
        sent=sent,
        firing=own["status"] != "resolved",
        source=str(source.get("ip", "")),
        destination=str(destination.get("ip", "")),
        port=int(destination.get("port") or source.get("port") or 0),
        protocol=str((value.get("network") or {}).get("transport", "")),
        confidence=float(own.get("confidence") or 0.0),
        missed=float((own.get("capture_quality") or {}).get("missed_share") or 0.0),
        subjects=subjects if isinstance(subjects, int) and subjects > 0 else 1,
        evidence=evidence,
        remedy=str(own.get("remedy", "")),
        labels={str(name): str(text) for name, text in (value.get("labels") or {}).items()},
    )


def seconds(text: str) -> float:
    """s since 1970 of a time as documents have it."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
