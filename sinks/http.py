"""HTTP for destinations: httpx with what a sender of notices needs. Connects only to addresses that were checked, follows no
redirects, keeps the certificate's check on the name, and says what an answer means for the delivery loop."""

from __future__ import annotations

import email.utils
import ssl
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore
import httpx

from sinks.base import Unavailable
from sinks.guard import Forbidden, Resolve, addresses, resolve
from sinks.secrets import without_secrets

AGAIN = (401, 403, 404, 407, 408, 421, 425, 429)
"""Client errors that are about the endpoint or our standing with it, not about one document."""


class Rejected(Exception):
    """The destination answered that it will never take this request."""


class CheckedBackend(httpcore.NetworkBackend):
    """Looks names up, checks every address, and connects to one of those that it checked."""

    def __init__(self, allow_private: bool, ask: Resolve = resolve) -> None:
        self._allow_private, self._ask = allow_private, ask
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """See httpcore. Raises httpcore.ConnectError, Forbidden."""
        try:
            found = addresses(host, port, self._allow_private, self._ask)
        except OSError as error:
            raise httpcore.ConnectError(f"cannot look up {host}: {error}") from error
        failure: Exception = httpcore.ConnectError(f"no address of {host}")
        for address in found:
            try:
                return self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def client(
    timeout: float, connect_timeout: float, allow_private: bool = True, ca_file: str = "", ask: Resolve = resolve
) -> httpx.Client:
    """A client that connects through CheckedBackend. Raises OSError (ssl.SSLError) for a bad certificate file."""
    context = ssl.create_default_context(cafile=ca_file or None)
    transport = httpx.HTTPTransport(verify=context, trust_env=False)
    transport._pool = httpcore.ConnectionPool(  # the only way to give httpx a network backend
        ssl_context=context,
        max_connections=4,
        keepalive_expiry=30.0,
        network_backend=CheckedBackend(allow_private, ask),
    )
    limits = httpx.Timeout(timeout, connect=connect_timeout)
    return httpx.Client(transport=transport, timeout=limits, follow_redirects=False, trust_env=False)


def post(made: httpx.Client, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> bytes:
    """Send it; the first 64 kB of the answer, which is one of success. Raises Unavailable, Rejected."""
    try:
        with made.stream(method, url, content=body, headers=dict(headers)) as answer:
            text = b""
            for piece in answer.iter_bytes():
                text += piece
                if len(text) > 65_536:
                    break
            judge(answer, text, url)
            return text
    except Forbidden as error:
        raise Unavailable(str(error)) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unavailable(f"{without_secrets(url)}: {type(error).__name__}: {error}") from None


def judge(answer: httpx.Response, text: bytes, url: str) -> None:
    """What an answer means; `text` is its beginning. Raises Unavailable, Rejected."""
    if answer.is_success:
        return
    words = f"{without_secrets(url)}: status {answer.status_code}"
    said = text[:300].decode("utf-8", "replace").strip()
    words += f": {' '.join(said.split())}" if said else ""
    if answer.is_redirect:
        raise Unavailable(f"{words}: redirects are not followed; correct the URL")
    if answer.is_server_error or answer.status_code in AGAIN:
        asked = retry_after(answer.headers.get("retry-after", ""), time.time())
        raise Unavailable(words, retry_after=asked, status=answer.status_code)
    raise Rejected(words)


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None without one."""
    if text.strip().isdigit():
        return float(text)
    try:
        return max(email.utils.parsedate_to_datetime(text).timestamp() - now, 0.0)
    except ValueError:
        return None
