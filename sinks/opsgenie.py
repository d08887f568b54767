"""Opsgenie, by its Alert API: a verdict that fires creates an alert, one that is resolved closes it, under one alias."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

import orjson

from sinks.base import Document, Kind
from sinks.posting import Call, PostingSink
from sinks.secrets import for_header
from sinks.wording import notice
from wireverdict.settings import Settings
from wireverdict.sinking import OpsgenieSettings

PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}


class Opsgenie(PostingSink):
    """One request at a time, as for PagerDuty."""

    most = 1
    wants = frozenset({Kind.PAGE})
    notifies = True

    def __init__(self, settings: OpsgenieSettings) -> None:
        """Raises ValueError without a key."""
        super().__init__(settings)
        if not (settings.api_key or settings.api_key_file):
            raise ValueError("sinks.opsgenie.api_key or api_key_file must be set")
        self.settings, self._key = settings, ""

    def read_secrets(self) -> None:
        """See PostingSink."""
        self._key = for_header(self.settings.api_key, self.settings.api_key_file)

    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        """See PostingSink."""
        for document in documents:
            words, value = notice(document, self.settings.link), document.value()
            url = f"{self.settings.url.rstrip('/')}/v2/alerts"
            body: dict[str, object] = {"source": "wireverdict", "note": words.text}
            if words.resolved:
                url += f"/{quote(words.key[:512], safe='')}/close?identifierType=alias"
            else:
                body = {
                    "message": words.title[:130],
                    "alias": words.key[:512],
                    "description": words.text,
                    "priority": PRIORITIES[words.severity],
                    "source": "wireverdict",
                    "entity": words.subject[:512],
                    "tags": [value["rule"]["id"], words.severity],
                    "details": {"sensor": words.sensor, "link": words.link},
                }
            yield Call([document], url, orjson.dumps(body), {"Authorization": f"GenieKey {self._key}"})


def make(settings: Settings) -> Opsgenie:
    """The sink of the section sinks.opsgenie."""
    return Opsgenie(settings.sinks.opsgenie)
