"""What `make up` starts."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest
from confluent_kafka.admin import AdminClient

from tests.services.places import ROOT, free_port, workshop

pytestmark = pytest.mark.services


def test_both_servers_until_a_signal() -> None:
    kafka, search = free_port(), free_port()
    command = [sys.executable, "-m", "tests.services.up", str(kafka), str(search)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("starting")
        told = process.stdout.readline()
        assert f"Kafka 127.0.0.1:{kafka}, Elasticsearch http://127.0.0.1:{search};" in told
        assert AdminClient({"bootstrap.servers": f"127.0.0.1:{kafka}"}).list_topics(timeout=30).brokers
        urllib.request.urlopen(f"http://127.0.0.1:{search}/_cluster/health", timeout=10).close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert not list(workshop().glob("up-*"))
