"""A door before a destination that speaks HTTP: passes requests on, and acts up when it is told to. Only faults are made
here; what is behind the door is the real server wherever there is one."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}


HANG = "hang"  # take the request and say nothing
RESET = "reset"  # break the connection in the middle of the answer
SLOW = "slow"  # pass the request on, and answer a few bytes at a time
LOST = "lost"  # pass the request on, and break the connection instead of answering: was it done or not?


PIECES = 6
"""Of a slow answer."""


class Front:
    """`faults` are used up one a request; then requests go to `upstream`."""

    def __init__(
        self, upstream: Callable[[Request], Answer], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.upstream = upstream
        self.faults: list[Answer | str] = []
        self.requests: list[Request] = []
        self._free = threading.Event()
        self._lock = threading.Lock()
        self._tls, self._host = tls, host
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def up(self) -> None:
        """Listen, at the same port as before."""
        server = ThreadingHTTPServer((self._host, self.port), self._handler(), bind_and_activate=False)
        server.daemon_threads, server.allow_reuse_address = True, True
        server.server_bind()
        server.server_activate()
        self.port = server.server_address[1]
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def down(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def close(self) -> None:
        """End, hanging requests too."""
        self._free.set()
        self.down()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # whoever called has gone
                    self.close_connection = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = Request(self.command, self.path, dict(self.headers.items()), body)
                with front._lock:
                    front.requests.append(request)
                    fault = front.faults.pop(0) if front.faults else None
                if fault == HANG:
                    front._free.wait(60)
                    self.close_connection = True
                elif fault in (RESET, LOST):
                    if fault == LOST:
                        front.upstream(request)
                    else:
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                elif fault == SLOW:
                    whole, self.wfile = self.wfile, io.BytesIO()
                    self.send(front.upstream(request))
                    text, self.wfile = self.wfile.getvalue(), whole
                    step = len(text) // PIECES + 1
                    for start in range(0, len(text), step):
                        front._free.wait(0.05)
                        self.wfile.write(text[start : start + step])
                else:
                    self.send(fault if isinstance(fault, Answer) else front.upstream(request))

            def send(self, told: Answer) -> None:
                self.send_response(told.status)
                for name, value in {
                    "Content-Length": str(len(told.body)),
                    "Content-Type": "text/plain",
                    **_titled(told.headers),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(told.body)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _titled(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.title(): value for name, value in headers.items()}


def certified(directory: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> tuple[ssl.SSLContext, str]:
    """What a server with a certificate of its own needs, and the file of the certificate."""
    key, certificate = str(directory / "key.pem"), str(directory / "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", f"subjectAltName={names}", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def forward(url: str) -> Callable[[Request], Answer]:
    """To the real server at `url`."""
    parts = urlsplit(url)

    def upstream(request: Request) -> Answer:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            kept = {
                name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")
            }
            connection.request(request.method, request.path, request.body, kept)
            answer = connection.getresponse()
            body = answer.read()
            chosen = ("content-type", "x-elastic-product", "content-encoding")
            headers = {name: value for name, value in answer.getheaders() if name.lower() in chosen}
            return Answer(answer.status, body, headers)
        finally:
            connection.close()

    return upstream
