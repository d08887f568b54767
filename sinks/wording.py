"""Verdicts in words for a phone's screen: what, who, since when, how bad, evidence in one line, what to check first, link."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from sinks.base import Document
from wireverdict.output.units import evidence

TITLE, LINE = 120, 200
"""Characters that a title and a line have at most."""


class Notice(NamedTuple):
    """A step of a verdict, for people. `key`: the same for all steps of one trouble at one sensor."""

    title: str
    text: str
    severity: str  # info, warning, critical
    resolved: bool
    key: str
    subject: str
    sensor: str
    link: str


def notice(document: Document, link: str = "") -> Notice:
    """The words for a verdict. `link`: a URL with ${incident}, ${fingerprint} or ${id} in it; empty for none."""
    value = document.value()
    own, event = value["wireverdict"], value["event"]
    sensor = value.get("observer", {}).get("name", "")
    resolved = own["status"] == "resolved"
    severity = str(own.get("severity", "warning"))
    word = "RESOLVED" if resolved else severity.upper()
    names = {"incident": own["incident"], "fingerprint": own["fingerprint"], "id": document.id}
    target = re.sub(r"\$\{(\w+)\}", lambda match: names.get(match[1], ""), link)
    subject = str(own.get("subject", ""))
    shown = evidence(own.get("evidence") or {}, LINE)
    rows = [
        ("who", f"{subject}, seen by {sensor}" if sensor else subject),
        ("since", since(event)),
        ("sure", f"{own.get('confidence', 0):.0%}"),
        ("evidence", shown[0] if shown else ""),
        ("check", "" if resolved else first_sentence(str(own.get("remedy", "")))),
        ("more", target),
    ]
    return Notice(
        title=cut(f"{word}: {value['rule']['name']}: {subject}", TITLE),
        text="\n".join(f"{name}: {cut(text, LINE)}" for name, text in rows if text),
        severity=severity if severity in ("info", "warning", "critical") else "warning",
        resolved=resolved,
        key=f"wireverdict-{own['fingerprint']}-{sensor}",
        subject=subject,
        sensor=sensor,
        link=target,
    )


def since(event: dict[str, Any]) -> str:
    """When it began, and for how long it went on by packet time."""
    start = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", event["start"]))
    seconds = int(event.get("duration", 0)) // 1_000_000_000
    length = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
    return f"{start:%Y-%m-%d %H:%M:%S} UTC, for {length}"


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text, maxsplit=1)[0]


def cut(text: str, most: int) -> str:
    """On one line of at most `most` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
