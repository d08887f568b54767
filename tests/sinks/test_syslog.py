"""Syslog over TCP, TLS and UDP, to a collector that reads what the RFCs say."""

from __future__ import annotations

import json
import re
import socketserver
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sinks.base import Sink, Unavailable
from sinks.syslog import Syslog, cef, line, printable, stamp
from tests.sinks.bus import until
from tests.sinks.conformance import Conformance, Stage
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.sinking import SyslogSettings

HEAD = re.compile(rb"<(\d{1,3})>1 (\S+) (\S+) wireverdict - (\S+) - (.*)", re.S)


class Collector(Stage):
    """TCP, with TLS if it has a certificate: octets are counted (RFC 6587)."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.lines: list[bytes] = []
        collector = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while count := self.read_count():
                    collector.lines.append(self.rfile.read(count))

            def read_count(self) -> int:
                digits = b""
                while (letter := self.rfile.read(1)) not in (b" ", b""):
                    digits += letter
                return int(digits or 0)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self) -> Any:
                connection, address = super().get_request()
                return (context.wrap_socket(connection, server_side=True) if context else connection), address

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def sink(self) -> Sink:
        return Syslog(SyslogSettings(address=f"127.0.0.1:{self.port}", timeout=2.0))

    def arrived(self) -> Counter[str]:
        """By the id that the message holds, as whoever searches does; waits for what is on its way."""
        until(lambda: len(self.lines) > 0)
        names = {json.loads(HEAD.fullmatch(each)[5])["event"]["id"] for each in self.lines}  # type: ignore[index]
        return Counter(f"{name}-gw" for name in names)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stage() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


class TestSyslog(Conformance):
    def test_what_was_written_is_there_once(self, stage: Stage) -> None:
        sink = stage.sink()
        sink.open()
        made = [verdict_document(number) for number in range(3)]
        assert list(sink.write(made)) == []
        assert isinstance(stage, Collector)
        until(lambda: len(stage.lines) == 3)
        assert stage.arrived() == Counter(document.id for document in made)
        sink.close()

    def test_a_new_sink_goes_on_where_a_killed_one_stopped(self, stage: Stage) -> None:
        assert isinstance(stage, Collector)
        first, second = stage.sink(), stage.sink()
        first.open()
        second.open()
        first.write([verdict_document(0)])
        second.write([verdict_document(0), verdict_document(1)])
        until(lambda: len(stage.lines) == 3)
        assert stage.arrived() == Counter({verdict_document(0).id: 1, verdict_document(1).id: 1})
        second.close()
        first.close()


def test_a_message_is_that_of_rfc_5424() -> None:
    document = verdict_document()
    match = HEAD.fullmatch(line(document, SyslogSettings()))
    assert match is not None
    priority, time, host, name, text = match.groups()
    assert (int(priority), time, host, name) == (16 * 8 + 2, b"2023-11-14T22:13:30Z", b"gw", b"verdict")
    assert text == document.body
    resolved = HEAD.fullmatch(line(verdict_document(0, "resolved", 9), SyslogSettings(facility=1)))
    assert resolved is not None
    assert int(resolved[1]) == 8 + 5


def test_times_have_six_digits_at_most_and_names_no_spaces() -> None:
    assert stamp("2023-11-14T22:13:30.123456789Z") == "2023-11-14T22:13:30.123456Z"
    assert stamp("2023-11-14T22:13:30Z") == "2023-11-14T22:13:30Z"
    assert (printable("a b\n", 255), printable("", 255), printable("abc", 2)) == ("a_b_", "-", "ab")


def test_common_event_format() -> None:
    value = verdict_document(0, remedy="a=b\nc\\", name="x|y").value()
    told = cef(value, 2)
    head, _, extension = told.partition("|dns-loss|")
    assert head.startswith("CEF:0|wireverdict|wireverdict|")
    assert extension.startswith("x\\|y|8|externalId=")
    assert "src=192.0.2.1" in extension
    assert r"msg=a\=b\nc\\ cs1Label=incident" in extension
    (record,) = connection_documents(1)
    assert "|connection|Connection|5|" in cef(record.value(), 5)


def test_a_collector_that_is_gone(stage: Collector) -> None:
    sink = stage.sink()
    sink.open()
    sink.write([verdict_document(0)])
    until(lambda: len(stage.lines) == 1)
    gone = Syslog(SyslogSettings(address="127.0.0.1:1", timeout=1.0))
    with pytest.raises(Unavailable, match=r"syslog 127\.0\.0\.1:1: "):
        gone.open()
    sink.close()
    sink.write([verdict_document(1)])  # opens again by itself
    until(lambda: len(stage.lines) == 2)
    sink.close()


def test_tls_with_the_right_certificate_and_no_other(tmp_path: Path) -> None:
    files = {name: str(tmp_path / f"{name}.pem") for name in ("key", "certificate")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files["key"], "-out", files["certificate"]]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["certificate"], files["key"])
    collector = Collector(context)
    settings = SyslogSettings(f"127.0.0.1:{collector.port}", "tls", timeout=2.0, ca_file=files["certificate"])
    sink = Syslog(settings)
    sink.open()
    sink.write([verdict_document(0)])
    until(lambda: len(collector.lines) == 1)
    sink.close()
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        Syslog(SyslogSettings(f"127.0.0.1:{collector.port}", "tls", timeout=2.0)).open()
    collector.close()


def test_datagrams_and_those_that_are_too_large() -> None:
    received: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            received.append(self.request[0])

    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        sink = Syslog(SyslogSettings(f"127.0.0.1:{server.server_address[1]}", "udp"))
        sink.open()
        small, large = verdict_document(0), verdict_document(1, reason="x" * 70_000)
        (refused,) = sink.write([large, small])
        until(lambda: len(received) == 1)
        assert refused.document == large
        assert received == [line(small, sink.settings)]
        sink.close()
        server.shutdown()


@pytest.mark.parametrize("address", ["host", ":514", "host:x"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        Syslog(SyslogSettings(address=address))
