"""OpenSearch, by its official client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import opensearchpy

from sinks.base import Unavailable
from sinks.search import FILTER, SearchSink, TooMuch, reason
from sinks.secrets import secret
from wireverdict.settings import Settings
from wireverdict.sinking import OpenSearchSettings


class OpenSearchSink(SearchSink):
    """See SearchSink."""

    product = "opensearch"

    def __init__(self, settings: OpenSearchSettings) -> None:
        super().__init__(settings)
        self._own = settings
        self._client: Any = None

    def _check(self) -> None:
        self._call(lambda client: client.cluster.health())

    def _bulk(self, body: bytes) -> Mapping[str, Any]:
        params = {"filter_path": FILTER, "refresh": "true" if self.settings.refresh else "false"}
        answer: Mapping[str, Any] = self._call(lambda client: client.bulk(body=body, params=params))
        return answer

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            self._call(lambda client: client.transport.perform_request("PUT", path, body=body))
        except TooMuch as error:
            raise ValueError(f"{path}: {error}") from None

    def _call(self, request: Any) -> Any:
        """Raises Unavailable, TooMuch."""
        try:
            if self._client is None:
                self._client = opensearchpy.OpenSearch(**options(self._own))
            return request(self._client)
        except opensearchpy.ConnectionError as error:
            raise Unavailable(f"{type(error).__name__}: {error.info}") from None
        except opensearchpy.TransportError as error:
            told = error.info.get("error") if isinstance(error.info, dict) else error.error
            words = reason(int(error.status_code), told)
            if error.status_code in (400, 413):
                raise TooMuch(words) from None
            if error.status_code in (401, 403):
                self.close()  # the next try reads the secrets again
            raise Unavailable(words) from None
        except (opensearchpy.SerializationError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from None

    def close(self) -> None:
        """See Sink."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def options(settings: OpenSearchSettings) -> dict[str, Any]:
    """For the client. Raises OSError when a secret's file cannot be read."""
    made: dict[str, Any] = {
        "hosts": list(settings.urls),
        "timeout": settings.timeout,
        "max_retries": 0,  # the delivery loop tries again
        "retry_on_timeout": False,
    }
    if settings.username:
        made["http_auth"] = (settings.username, secret(settings.password, settings.password_file))
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


def make(settings: Settings) -> OpenSearchSink:
    """The sink of the section sinks.opensearch."""
    return OpenSearchSink(settings.sinks.opensearch)
