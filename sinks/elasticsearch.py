"""Elasticsearch, by its official client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import elastic_transport
from elasticsearch import ApiError, Elasticsearch, TransportError, UnsupportedProductError

from sinks.base import Unavailable
from sinks.search import FILTER, SearchSink, TooMuch, reason
from sinks.secrets import secret
from wireverdict.settings import Settings
from wireverdict.sinking import ElasticsearchSettings


class ElasticsearchSink(SearchSink):
    """See SearchSink."""

    product = "elasticsearch"

    def __init__(self, settings: ElasticsearchSettings) -> None:
        super().__init__(settings)
        self._own = settings
        self._client: Elasticsearch | None = None

    def _check(self) -> None:
        self._call(lambda client: client.cluster.health(timeout="10s"))

    def _bulk(self, body: bytes) -> Mapping[str, Any]:
        refresh = "true" if self.settings.refresh else "false"
        answer = self._call(lambda client: client.bulk(operations=body, filter_path=FILTER, refresh=refresh))
        return dict(answer.body)

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        headers = {"content-type": "application/json", "accept": "application/json"}
        try:
            self._call(lambda client: client.perform_request("PUT", path, headers=headers, body=body))
        except TooMuch as error:
            raise ValueError(f"{path}: {error}") from None

    def _call(self, request: Any) -> Any:
        """Raises Unavailable, TooMuch."""
        try:
            if self._client is None:
                self._client = Elasticsearch(**options(self._own))
            return request(self._client)
        except ApiError as error:
            words = reason(error.status_code, error.body.get("error") if isinstance(error.body, dict) else error.body)
            if error.status_code in (400, 413):
                raise TooMuch(words) from None
            if error.status_code in (401, 403):
                self.close()  # the next try reads the secrets again
            raise Unavailable(words, retry_after=_retry_after(error.meta.headers)) from None
        except (TransportError, UnsupportedProductError, OSError) as error:
            cause = f": {error.__cause__}" if error.__cause__ is not None else ""  # "TLS error" alone helps nobody
            raise Unavailable(f"{type(error).__name__}: {error}{cause}") from None

    def close(self) -> None:
        """See Sink."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def options(settings: ElasticsearchSettings) -> dict[str, Any]:
    """For the client. Raises OSError when a secret's file cannot be read."""
    made: dict[str, Any] = {
        "hosts": list(settings.urls),
        "request_timeout": settings.timeout,
        "max_retries": 0,  # the delivery loop tries again
        "retry_on_timeout": False,
        "http_compress": any(not url.startswith(("http://localhost", "http://127.")) for url in settings.urls),
    }
    key = secret(settings.api_key, settings.api_key_file)
    if key:
        made["api_key"] = key
    elif settings.username:
        made["basic_auth"] = (settings.username, secret(settings.password, settings.password_file))
    if any(url.startswith("https") for url in settings.urls):
        made["verify_certs"] = settings.verify
        made["ssl_show_warn"] = False
        files = {
            "ca_certs": settings.ca_file,
            "client_cert": settings.certificate_file,
            "client_key": settings.key_file,
        }
        made.update({name: file for name, file in files.items() if file})
    return made


def _retry_after(headers: elastic_transport.HttpHeaders) -> float | None:
    text = str(headers.get("retry-after") or "")
    return float(text) if text.isdigit() else None


def make(settings: Settings) -> ElasticsearchSink:
    """The sink of the section sinks.elasticsearch."""
    return ElasticsearchSink(settings.sinks.elasticsearch)
