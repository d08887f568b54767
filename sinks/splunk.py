"""Splunk, by its HTTP Event Collector (HEC): many events in a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from sinks.base import INDEXED, Document, Kind, slices
from sinks.posting import Call, PostingSink
from sinks.secrets import for_header
from wireverdict.settings import Settings
from wireverdict.sinking import SplunkSettings

OCTETS = 800_000
"""Bytes of documents in a request; the collector's usual limit is 1 MB."""


class Splunk(PostingSink):
    """Splunk knows no ids: an event that is sent again is there twice, and tells by its ``event.id``."""

    most = None

    def __init__(self, settings: SplunkSettings) -> None:
        """Raises ValueError without a token."""
        super().__init__(settings)
        if not (settings.token or settings.token_file):
            raise ValueError("sinks.splunk.token or token_file must be set")
        self.wants = INDEXED if settings.connections else frozenset({Kind.VERDICT})
        self.settings, self._token = settings, ""

    def read_secrets(self) -> None:
        """See PostingSink."""
        self._token = for_header(self.settings.token, self.settings.token_file)

    def calls(self, documents: Sequence[Document]) -> Iterator[Call]:
        """See PostingSink."""
        url = f"{self.settings.url.rstrip('/')}/services/collector/event"
        for part in slices(documents, 1_000, OCTETS):
            body = b"\n".join(self.event(document) for document in part)
            yield Call(part, url, body, {"Authorization": f"Splunk {self._token}"})

    def event(self, document: Document) -> bytes:
        """An event: its envelope, and the document as it is."""
        value = document.value()
        seconds = datetime.fromisoformat(value["@timestamp"][:19] + "+00:00").timestamp()
        envelope: dict[str, object] = {
            "time": seconds,
            "host": value.get("observer", {}).get("name", ""),
            "source": "wireverdict",
            "sourcetype": f"wireverdict:{document.kind}",
        }
        if self.settings.index:
            envelope["index"] = self.settings.index
        return orjson.dumps(envelope)[:-1] + b',"event":' + document.body + b"}"


def make(settings: Settings) -> Splunk:
    """The sink of the section sinks.splunk."""
    return Splunk(settings.sinks.splunk)
