"""Prometheus Alertmanager, by its API v2. Its own routes, groups, inhibitions and silences then do their work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import orjson

from sinks.base import Document
from sinks.posting import Call, PostingSink
from sinks.wording import notice
from wireverdict.settings import Settings
from wireverdict.sinking import AlertmanagerSettings


class Alertmanager(PostingSink):
    """An alert's identity is its labels, so they hold nothing that changes between steps. `now`: s since 1970."""

    most = 100
    notifies = True

    def __init__(self, settings: AlertmanagerSettings, now: Callable[[], float] = time.time) -> None:
        super().__init__(settings)
        self.settings, self._now = settings, now

    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        """See PostingSink. Steps of one trouble in one batch: Alertmanager keeps the last."""
        alerts = [self.alert(document) for document in documents]
        if alerts:
            yield Call(documents, f"{self.settings.url.rstrip('/')}/api/v2/alerts", orjson.dumps(alerts), {})

    def alert(self, document: Document) -> dict[str, object]:
        """The alert for a step. A firing one ends by itself after `hold`, unless it is told again."""
        words, value = notice(document, self.settings.link), document.value()
        labels = {
            "alertname": value["rule"]["id"],
            "subject": words.subject,
            "sensor": words.sensor,
            "fingerprint": value["wireverdict"]["fingerprint"],
        }
        now = self._now()
        end = now if words.resolved else now + self.settings.hold
        return {
            "labels": {name: text for name, text in labels.items() if text},
            "annotations": {"summary": words.title, "description": words.text, "severity": words.severity},
            "startsAt": value["event"]["start"],
            "endsAt": datetime.fromtimestamp(end, UTC).isoformat().replace("+00:00", "Z"),
            "generatorURL": words.link,
        }


def make(settings: Settings) -> Alertmanager:
    """The sink of the section sinks.alertmanager."""
    return Alertmanager(settings.sinks.alertmanager)
