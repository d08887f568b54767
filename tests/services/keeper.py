"""Keeps one server for a test run: starts it, says where it is, and ends it when the run has ended.

usage: python -m tests.services.keeper PID KIND DIRECTORY

PID is the test run's process. It is watched with a pidfd, so a run that was killed leaves nothing behind either.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import sys
from pathlib import Path
from typing import Any, Protocol


class Server(Protocol):
    """What can be kept."""

    def start(self) -> None:
        """Returns when it answers; raises RuntimeError."""

    def stop(self) -> None:
        """Returns when it has ended."""

    def told(self) -> dict[str, Any]:
        """Where it is: JSON values for the tests."""


def make(kind: str, directory: Path) -> Server:
    """The server of that kind, with its data in `directory`."""
    from tests.services.kafka import KafkaServer
    from tests.services.search import PRODUCTS, SearchServer

    if kind == "kafka":
        return KafkaServer(directory)
    if kind in PRODUCTS:
        return SearchServer(kind, directory)
    raise ValueError(f"no server of kind {kind}")


def main(pid: int, kind: str, directory: Path) -> None:
    """Until the process has ended."""
    watched = os.pidfd_open(pid)
    server = make(kind, directory)
    try:
        server.start()  # if that fails, the directory stays, with the logs
        told = directory / "server.json"
        told.with_suffix(".new").write_text(json.dumps(server.told()), encoding="utf-8")
        told.with_suffix(".new").rename(told)
        select.select([watched], [], [])
    finally:
        server.stop()
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
