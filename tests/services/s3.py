"""A server that speaks the protocol of S3, on 127.0.0.1: moto's, which keeps buckets in memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.services.places import end, free_port, wait

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_EC2_METADATA_DISABLED": "true",  # nobody is to be asked for others
}
"""In the environment of whoever uses it."""


class S3Server:
    """An empty one. Its buckets are gone when it ends."""

    def __init__(self, directory: Path) -> None:
        """`directory`: for its log."""
        self.port, self._log = free_port(), directory / "s3.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. Raises RuntimeError."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | CREDENTIALS,
                start_new_session=True,
            )
        self._process = process
        wait(self._answers, lambda: process.poll() is not None, self._log)

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def bucket(self, name: str) -> str:
        """Make a bucket; how a directory in it is named to pyarrow, with {} for its name."""
        self._ask(f"/{name}", "PUT")
        return f"s3://{name}/{{}}?region=eu-central-1&scheme=http&endpoint_override=127.0.0.1:{self.port}"

    def _ask(self, path: str, method: str = "GET") -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        urllib.request.urlopen(request, timeout=10).close()

    def _answers(self) -> bool:
        try:
            self._ask("/moto-api/")
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running(directory: Path) -> Iterator[S3Server]:
    """A server, until the end of the block."""
    server = S3Server(directory)
    try:
        server.start()
        yield server
    finally:
        server.stop()
