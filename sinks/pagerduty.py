"""PagerDuty, by its Events API v2: a verdict that fires triggers, one that is resolved resolves, under one dedup key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from sinks.base import Document, Kind
from sinks.posting import Call, PostingSink
from sinks.secrets import secret
from sinks.wording import notice
from wireverdict.settings import Settings
from wireverdict.sinking import PagerDutySettings


class PagerDuty(PostingSink):
    """One event at a time: an event that is sent again after its trouble was resolved would page once more."""

    most = 1
    wants = frozenset({Kind.PAGE})
    notifies = True

    def __init__(self, settings: PagerDutySettings) -> None:
        """Raises ValueError without a routing key."""
        super().__init__(settings)
        if not (settings.routing_key or settings.routing_key_file):
            raise ValueError("sinks.pagerduty.routing_key or routing_key_file must be set")
        self.settings, self._key = settings, ""

    def read_secrets(self) -> None:
        """See PostingSink."""
        self._key = secret(self.settings.routing_key, self.settings.routing_key_file)

    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        """See PostingSink."""
        for document in documents:
            words, value = notice(document, self.settings.link), document.value()
            event: dict[str, object] = {
                "routing_key": self._key,
                "event_action": "resolve" if words.resolved else "trigger",
                "dedup_key": words.key[:255],
                "payload": {
                    "summary": words.title,
                    "source": words.subject or words.sensor,
                    "severity": words.severity,
                    "timestamp": value["@timestamp"],
                    "component": words.sensor,
                    "class": value["rule"]["id"],
                    "custom_details": {"text": words.text, "evidence": value["wireverdict"].get("evidence")},
                },
            }
            if words.link:
                event["links"] = [{"href": words.link, "text": "more"}]
            yield Call([document], self.settings.url, orjson.dumps(event), {})


def make(settings: Settings) -> PagerDuty:
    """The sink of the section sinks.pagerduty."""
    return PagerDuty(settings.sinks.pagerduty)
