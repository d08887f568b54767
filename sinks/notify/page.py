"""A page: what people are told of a group of troubles, as a document that sinks put into words."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any, NamedTuple

from sinks.notify.state import Open
from sinks.notify.trouble import Trouble
from wireverdict.verdicts import Severity, digest, timestamp

EXAMPLES = 10
"""Subjects and sensors that a page names."""


class Step(StrEnum):
    """In the life of a page: triggered once and first, resolved once and last."""

    TRIGGERED = "triggered"
    UPDATED = "updated"
    ESCALATED = "escalated"
    REMINDED = "reminded"
    RESOLVED = "resolved"


class Page(NamedTuple):
    """One step. `page`: as it is now. `beside`: how many troubles of its group are held back, by reason."""

    page: Open
    step: Step
    now: float
    reason: str
    troubles: list[Trouble]
    beside: dict[str, int]

    @property
    def id(self) -> str:
        """A function of the page and the number of its step."""
        return digest(self.page.key, str(self.page.steps))

    def document(self) -> dict[str, Any]:
        """Shaped as a verdict's: that of its worst trouble, with what is common to all."""
        going = [trouble for trouble in self.troubles if trouble.firing]
        shown = sorted(
            going or self.troubles, key=lambda each: (-each.severity, -each.confidence, -each.subjects, each.key)
        )
        worst = shown[0]
        started = min(trouble.start for trouble in self.troubles)
        ended = max(trouble.at for trouble in self.troubles)
        severity = Severity(min(max(self.page.severity, 1), 3))
        sensors = sorted({trouble.sensor for trouble in shown if trouble.sensor})
        document: dict[str, Any] = {
            "@timestamp": _time(self.now),
            "event": {
                "kind": "alert",
                "dataset": "wireverdict.page",
                "id": self.id,
                "severity": int(severity),
                "start": _time(started),
                "end": _time(ended),
                "duration": max(round((ended - started) * 1e6) * 1000, 0),
            },
            "rule": {"id": worst.rule, "name": worst.name},
        }
        if len(sensors) == 1:
            document["observer"] = {"name": sensors[0]}
        labels = dict(set.intersection(*(set(trouble.labels.items()) for trouble in shown)))
        if labels:
            document["labels"] = dict(sorted(labels.items()))
        subjects = sum(trouble.subjects for trouble in shown)
        document["wireverdict"] = {
            "status": "resolved" if self.step is Step.RESOLVED else "firing",
            "step": str(self.step),
            "fingerprint": self.page.key,
            "incident": self.page.key,
            "subject": worst.subject if subjects == 1 else self._many(shown, subjects, sensors),
            "severity": severity.name.lower(),
            "confidence": worst.confidence,
            "reason": self.reason,
            "evidence": worst.evidence,
            "remedy": worst.remedy,
            "page": {
                "group": self.page.group,
                "number": self.page.steps,
                "subjects": subjects,
                "going_on": len(going),
                "over": len(self.troubles) - len(going),
                "rules": dict(sorted(Counter(trouble.rule for trouble in shown).items())),
                "sensors": sensors[:EXAMPLES],
                "sensor_count": len(sensors),
                "examples": [trouble.subject for trouble in shown[:EXAMPLES]],
                "held_back": self.beside,
                "returns": self.page.returns,
                "pages": self.page.groups,
            },
        }
        return document

    def _many(self, shown: list[Trouble], subjects: int, sensors: list[str]) -> str:
        where = f" at {len(sensors)} sensors" if len(sensors) > 1 else ""
        pages = f", {self.page.groups} pages in one" if self.page.groups else ""
        services = sorted({trouble.service for trouble in shown})
        about = f" ({', '.join(services[:3])}{', …' if len(services) > 3 else ''})"
        return f"{subjects} subjects{where}{about}{pages}"


def _time(seconds: float) -> str:
    return timestamp(round(seconds * 1e6) * 1000)
