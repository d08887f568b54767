"""The lab's DNS outage, shortened: the capture, the resolver's count and the gateway's counters agree."""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import dpkt
import pytest

from tests.lab import network
from tests.lab.dns_outage import dns_outage
from tests.lab.network import PREFIX, ROOT, run

pytestmark = pytest.mark.lab


def dns_packets(capture: bytes) -> tuple[int, int]:
    """(queries, answers) on port 53 in a pcap."""
    queries = answers = 0
    for _, frame in dpkt.pcap.Reader(io.BytesIO(capture)):
        packet = dpkt.ethernet.Ethernet(frame).data
        inner = getattr(packet, "data", None)
        if isinstance(inner, dpkt.udp.UDP):
            queries += inner.dport == 53
            answers += inner.sport == 53
    return queries, answers


def test_counts_agree_and_nothing_is_left_behind(tmp_path: Path) -> None:
    out = tmp_path / "short.pcap.gz"
    truth = dns_outage(out, before=2.0, outage=3.0, after=2.0, rate=40.0, answers=5, seed=3)
    queries, answers = dns_packets(gzip.decompress(out.read_bytes()))
    gateway = truth["gateway"]
    assert queries == truth["attempts"] == gateway["dns_queries"]
    assert answers == truth["answered"] == gateway["dns_answers_passed"]
    assert gateway["dns_answers"] == gateway["dns_answers_passed"] + gateway["dns_answers_dropped"]
    outage = truth["phases"]["outage"]
    assert outage["attempts"] > 4 * outage["answered"] > 0
    assert truth["phases"]["after"]["unanswered"] == 0
    assert truth["web"]["pages"] == truth["web"]["connections"] - 1
    assert f"{PREFIX}-{os.getpid()}-" not in run("ip", "netns", "list")


def test_a_stopped_run_cleans_up(tmp_path: Path) -> None:
    process = subprocess.Popen(
        (sys.executable, "-m", "tests.lab.dns_outage", str(tmp_path / "never.pcap.gz")),
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    mine = f"{PREFIX}-{process.pid}-"
    for _ in range(100):
        if run("ip", "netns", "list").count(mine) == 3:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the lab never came up")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert mine not in run("ip", "netns", "list")
    assert not (tmp_path / "never.pcap.gz").exists()


def test_a_signal_amid_the_making_of_a_namespace_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*command: str, stdin: str | None = None) -> str:
        run(*command, stdin=stdin)
        if command[:3] == ("ip", "netns", "add"):
            os.kill(os.getpid(), signal.SIGTERM)
        return ""

    monkeypatch.setattr(network, "run", stopped)
    with pytest.raises(SystemExit), network.network() as net:
        net.namespace("half")
    assert f"{PREFIX}-{os.getpid()}-half" not in run("ip", "netns", "list")


def test_reserved_addresses_only() -> None:
    from tests.lab import dns_outage as scenario

    for address in (*scenario.ROOTS4, scenario.RESOLVER4):
        assert socket.inet_aton(address)[0] == 198
        assert socket.inet_aton(address)[1] in (18, 19)
    assert len(set(scenario.ROOTS4)) == len(set(scenario.ROOTS6)) == 13
