"""A POST for each verdict (or record) to an endpoint of the user's.

Each request carries ``Idempotency-Key``: the document's id, the same whenever it is sent again, by which a receiver leaves out
what it has had. With a secret it carries ``Wireverdict-Timestamp`` (s since 1970) and ``Wireverdict-Signature:
v1=HEX``, the HMAC-SHA256 of the timestamp, a dot and the body: a receiver computes the same, compares in constant time,
and refuses old timestamps.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

import wireverdict
from sinks.base import INDEXED, Document, Kind, Refused, Sink, Unavailable
from sinks.guard import Resolve, resolve
from sinks.http import Rejected, client, post
from sinks.secrets import for_header, secret
from wireverdict.settings import Settings
from wireverdict.sinking import WebhookSettings

_FIELD = re.compile(r"\$\{([^{}]*)\}")


class Webhook(Sink):
    """See the module. `now`: s since 1970; `ask`: looks names up."""

    most = 20
    notifies = True

    def __init__(
        self,
        settings: WebhookSettings,
        now: Callable[[], float] = time.time,
        ask: Resolve = resolve,
        section: str = "sinks.webhook",
    ) -> None:
        """`section`: that holds the settings, for people. Raises ValueError for settings that cannot be."""
        parts = urlsplit(settings.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{section}.url must be an http or https URL")
        if parts.scheme == "http" and not settings.allow_http:
            raise ValueError(f"{section}.url is not https; set {section}.allow_http to send without TLS")
        self.settings, self._now, self._ask = settings, now, ask
        if settings.pages and settings.connections:
            raise ValueError(f"{section}.pages and connections cannot both be set")
        self.wants = INDEXED if settings.connections else frozenset({Kind.PAGE if settings.pages else Kind.VERDICT})
        self._client: httpx.Client | None = None
        self._secret = self._token = ""

    def open(self) -> None:
        """See Sink."""
        settings = self.settings
        try:
            self._secret = secret(settings.secret, settings.secret_file)
            self._token = for_header(settings.token, settings.token_file)
            self._client = client(
                settings.timeout, settings.connect_timeout, settings.allow_private, settings.ca_file, self._ask
            )
        except OSError as error:
            raise Unavailable(f"webhook: {error}") from None

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        assert self._client is not None
        refused: list[Refused] = []
        for number, document in enumerate(documents):
            body = self.body(document)
            try:
                post(self._client, self.settings.url, body, self.headers(document, body))
            except Rejected as error:
                refused.append(Refused(document, str(error)))
            except Unavailable as error:
                raise Unavailable(
                    str(error), rest=documents[number:], refused=refused, retry_after=error.retry_after
                ) from None
        return refused

    def body(self, document: Document) -> bytes:
        """The document, or the template filled with it."""
        if not self.settings.template:
            return document.body
        return fill(self.settings.template, document.value()).encode()

    def headers(self, document: Document, body: bytes) -> dict[str, str]:
        """Of a request with that body."""
        made = {
            "Content-Type": self.settings.content_type,
            "User-Agent": f"wireverdict/{wireverdict.__version__}",
            "Idempotency-Key": document.id,
        }
        if self._token:
            made["Authorization"] = f"Bearer {self._token}"
        if self._secret:
            seconds = str(int(self._now()))
            made["Wireverdict-Timestamp"] = seconds
            made["Wireverdict-Signature"] = f"v1={signature(self._secret, seconds, body)}"
        return made

    def close(self) -> None:
        """See Sink."""
        if self._client is not None:
            self._client.close()
            self._client = None


def signature(key: str, seconds: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104) of ``seconds.body``, hexadecimal."""
    return hmac.new(key.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


def fill(template: str, document: dict[str, Any]) -> str:
    """Put the document's fields in place of ``${dotted.names}``, each as JSON; null where there is none."""

    def value(match: re.Match[str]) -> str:
        found: Any = document
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return orjson.dumps(found).decode()

    return _FIELD.sub(value, template)


def make(settings: Settings, name: str = "") -> Webhook:
    """The sink of the section sinks.webhook, or of that of sinks.webhooks with a name. Raises ValueError."""
    if not name:
        return Webhook(settings.sinks.webhook)
    found = [each for each in settings.sinks.webhooks if each.name == name]
    if len(found) != 1:
        known = ", ".join(f"webhook.{each.name}" for each in settings.sinks.webhooks) or "none"
        raise ValueError(f"sinks.webhooks has {len(found) or 'nothing'} of the name {name!r}; there are {known}")
    return Webhook(found[0], section=f"sinks.webhooks {name}")
