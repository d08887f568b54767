"""Kafka and Elasticsearch on this machine without Docker, to try things with: until Ctrl-C, then everything is gone.

usage: python -m tests.services.up [KAFKA-PORT] [ELASTICSEARCH-PORT]     (make up; 9092 and 9200)
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.services.kafka import KafkaServer
from tests.services.keeper import Server
from tests.services.places import workshop
from tests.services.search import SearchServer


def main(kafka_port: int = 9092, search_port: int = 9200) -> int:
    """Until a signal."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    directory = Path(tempfile.mkdtemp(prefix="up-", dir=workshop()))
    directory.chmod(0o755)
    for name in ("kafka", "elasticsearch"):
        (directory / name).mkdir()
    print("starting; the first time, 140 MB are downloaded", flush=True)
    servers: list[Server] = [
        KafkaServer(directory / "kafka", port=kafka_port),
        SearchServer("elasticsearch", directory / "elasticsearch", port=search_port),
    ]
    try:
        for server in servers:
            server.start()
        print(
            f"Kafka {servers[0].told()['servers']}, Elasticsearch {servers[1].told()['url']}; Ctrl-C ends them",
            flush=True,
        )
        stop.wait()
    finally:
        for server in servers:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
