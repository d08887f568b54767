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
    """The words for a verdict or a page. `link`: a URL with ${incident}, ${fingerprint} or ${id} in it; empty for none."""
    value = document.value()
    own, event = value["wireverdict"], value["event"]
    page = own.get("page")
    sensor = value.get("observer", {}).get("name", "")
    where = ", ".join((page or {}).get("sensors") or [sensor])
    resolved = own["status"] == "resolved"
    severity = str(own.get("severity", "warning"))
    word = "RESOLVED" if resolved else severity.upper()
    names = {"incident": own["incident"], "fingerprint": own["fingerprint"], "id": document.id}
    target = re.sub(r"\$\{(\w+)\}", lambda match: names.get(match[1], ""), link)
    subject = str(own.get("subject", ""))
    shown = evidence(own.get("evidence") or {}, LINE)
    rows = [
        ("who", f"{subject}, seen by {where}" if where else subject),
        *(_more(page, value["rule"]["id"]) if page else ()),
        ("since", since(event)),
        ("sure", f"{own.get('confidence', 0):.0%}"),
        ("evidence", shown[0] if shown else ""),
        ("check", "" if resolved else first_sentence(str(own.get("remedy", "")))),
        ("more", target),
    ]
    return Notice(
        title=cut(": ".join(text for text in (word, value["rule"]["name"], subject or where) if text), TITLE),
        text="\n".join(f"{name}: {cut(text, LINE)}" for name, text in rows if text),
        severity=severity if severity in ("info", "warning", "critical") else "warning",
        resolved=resolved,
        key=str(own["fingerprint"]) if page else f"wireverdict-{own['fingerprint']}-{sensor}",
        subject=subject,
        sensor=sensor,
        link=target,
    )


def _more(page: dict[str, Any], rule: str) -> list[tuple[str, str]]:
    """What a page says beyond a verdict: for whom, what else, what was held back, and whether it comes and goes."""
    others = [f"{name} ({count})" for name, count in page["rules"].items() if name != rule]
    held = [f"{count} {reason}" for reason, count in page["held_back"].items()]
    several = page["subjects"] > 1
    return [
        ("among them", ", ".join(page["examples"][:3]) if several else ""),
        ("also", ", ".join(others)),
        ("held back", ", ".join(held)),
        ("over", f"{page['over']} of {page['over'] + page['going_on']}" if page["over"] and page["going_on"] else ""),
        ("flapping", f"came back {page['returns']} times" if page["returns"] else ""),
    ]


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
