"""Syslog, RFC 5424, over TCP (octet counting, RFC 6587), TLS (RFC 5425) or UDP (RFC 5426); JSON or CEF as the message.

Syslog has no answer: what a collector that dies had not read from the connection is lost, and nobody is told.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Any

import wireverdict
from sinks.base import INDEXED, Document, Kind, Refused, Sink, Unavailable
from wireverdict.settings import Settings
from wireverdict.sinking import SyslogSettings

LEVELS = {"critical": 2, "warning": 4, "info": 6}  # RFC 5424, 6.2.1
NOTICE = 5
LARGEST = 65_000
"""Bytes of a datagram."""


class Syslog(Sink):
    """One line for a document."""

    most = 500

    def __init__(self, settings: SyslogSettings) -> None:
        """Raises ValueError for an address that is none."""
        host, _, port = settings.address.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("sinks.syslog.address must be host:port")
        self._place = (host.strip("[]"), int(port))
        self.settings = settings
        self.wants = INDEXED if settings.connections else frozenset({Kind.VERDICT})
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """See Sink."""
        self.close()
        settings = self.settings
        try:
            if settings.transport == "udp":
                family, kind, number, _, place = socket.getaddrinfo(*self._place, type=socket.SOCK_DGRAM)[0]
                made = socket.socket(family, kind, number)
                made.connect(place)
            else:
                made = socket.create_connection(self._place, settings.timeout)
                made.settimeout(settings.timeout)
                if settings.transport == "tls":
                    context = ssl.create_default_context(cafile=settings.ca_file or None)
                    made = context.wrap_socket(made, server_hostname=self._place[0])
        except OSError as error:
            raise Unavailable(f"syslog {settings.address}: {error}") from None
        self._socket = made

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        if self._socket is None:
            self.open()
        assert self._socket is not None
        lines = [line(document, self.settings) for document in documents]
        try:
            if self.settings.transport == "udp":
                return self._datagrams(documents, lines)
            if closed(self._socket, self.settings.timeout):
                raise ConnectionResetError("the collector closed the connection")
            self._socket.sendall(b"".join(b"%d %b" % (len(each), each) for each in lines))
        except OSError as error:
            self.close()
            raise Unavailable(f"syslog {self.settings.address}: {error}") from None
        return []

    def _datagrams(self, documents: Sequence[Document], lines: Sequence[bytes]) -> list[Refused]:
        assert self._socket is not None
        refused = []
        for document, each in zip(documents, lines, strict=True):
            if len(each) > LARGEST:
                refused.append(Refused(document, f"{len(each)} bytes are too many for a datagram"))
            else:
                self._socket.send(each)
        return refused

    def close(self) -> None:
        """See Sink."""
        made, self._socket = self._socket, None
        if made is not None:
            made.close()


def closed(connection: socket.socket, timeout: float) -> bool:
    """Whether the other end has closed it. Raises OSError. With TLS, what can be read may be no data (RFC 8446, 4.6)."""
    connection.settimeout(0)
    try:
        return not connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        connection.settimeout(timeout)


def line(document: Document, settings: SyslogSettings) -> bytes:
    """A message of RFC 5424, section 6, in UTF-8; its id is the document's kind."""
    value = document.value()
    own = value["wireverdict"]
    level = LEVELS.get(str(own.get("severity")), NOTICE) if own.get("status") == "firing" else NOTICE
    host = printable(value.get("observer", {}).get("name", ""), 255)
    text = cef(value, level) if settings.format == "cef" else document.body.decode()
    head = f"<{settings.facility * 8 + level}>1 {stamp(value['@timestamp'])} {host} wireverdict - {document.kind} -"
    return f"{head} {text}".encode()


def stamp(text: str) -> str:
    """TIMESTAMP has at most six digits after the point."""
    whole, point, rest = text.removesuffix("Z").partition(".")
    return f"{whole}{point}{rest[:6]}Z"


def printable(text: str, most: int) -> str:
    """PRINTUSASCII of at most `most` characters, ``-`` for nothing."""
    return "".join(letter if "!" <= letter <= "~" else "_" for letter in text)[:most] or "-"


def cef(value: dict[str, Any], level: int) -> str:
    """Common Event Format, version 0."""

    def header(text: object) -> str:
        return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")

    def extension(text: object) -> str:
        return str(text).replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n")

    own, source, destination = value["wireverdict"], value.get("source", {}), value.get("destination", {})
    rule = value.get("rule", {"id": "connection", "name": "Connection"})
    fields = {
        "externalId": value["event"].get("id"),
        "dvchost": value.get("observer", {}).get("name"),
        "src": source.get("ip"),
        "spt": source.get("port"),
        "dst": destination.get("ip"),
        "dpt": destination.get("port"),
        "proto": value.get("network", {}).get("transport"),
        "act": own.get("status"),
        "msg": own.get("remedy"),
        "cs1Label": "incident" if own.get("incident") else None,
        "cs1": own.get("incident"),
    }
    said = " ".join(f"{name}={extension(text)}" for name, text in fields.items() if text not in (None, ""))
    names = ["CEF:0", "wireverdict", "wireverdict", wireverdict.__version__, rule["id"], rule["name"], 10 - level]
    return "|".join(map(header, names)) + f"|{said}"


def make(settings: Settings) -> Syslog:
    """The sink of the section sinks.syslog."""
    return Syslog(settings.sinks.syslog)
