"""``wireverdict capture -i`` as people run it: packets of the loopback interface to a real broker."""

from __future__ import annotations

import json
import pwd
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from producers.live.privileges import can_read
from tests.cli.program import command, environment, run
from tests.cli.test_capture import received, rows_of, settings_of
from tests.services.places import free_port
from tests.streams.broker import Bus
from wireverdict.bus import Kind
from wireverdict.cli.live import addresses, servers, undecoded

pytestmark = [pytest.mark.services, pytest.mark.lab]


class Captured:
    """A capture of UDP packets to one port of 127.0.0.1, which nobody else uses."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sent = 0

    def send(self, count: int, size: int = 20) -> None:
        for _ in range(count):
            self.socket.sendto(bytes(size), ("127.0.0.1", self.port))
        self.sent += count

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, Any]]]:
        """Exit status, and the lines that it logged."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in said.splitlines() if line.startswith("{")]


@contextmanager
def capturing(bus: Bus, *more: str, **variables: str) -> Iterator[Captured]:
    """Running and ready."""
    port = free_port()
    options = ["-i", "lo", "--filter", f"udp dst port {port}", "--sensor", "one", "--log", "json", *more]
    process = subprocess.Popen(
        command("capture", *options),
        env=environment(**settings_of(bus), **variables),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    taken = Captured(process, port)
    try:
        line = process.stderr.readline()
        while "capturing" not in line:
            assert line, f"ended at once: {process.wait()}"
            line = process.stderr.readline()
        yield taken
    finally:
        taken.socket.close()
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.05)


def test_every_packet_of_an_interface_arrives_until_sigterm() -> None:
    bus = Bus(partitions=2)
    with capturing(bus) as live:
        live.send(1_000)
        until(
            lambda: any(value for messages in received(bus) for _, value in messages)
        )  # goes out without more packets
        live.send(500)
        status, said = live.stop()
    assert status == 128 + signal.SIGTERM
    told = said[-1]["wireverdict"]
    assert (told["headers"], told["dropped"]) == (1_500, 0)
    messages = received(bus)
    assert [each[-1][0].kind for each in messages] == [Kind.END, Kind.END]
    rows = [rows_of(each).rows for each in messages]
    assert sorted(len(each) for each in rows) == [0, 1_500]
    (found,) = [each for each in rows if len(each)]
    assert set(found["dport"].tolist()) == {live.port}
    assert (found["ts"][1:] >= found["ts"][:-1]).all()


def test_the_process_gives_up_its_rights() -> None:
    bus = Bus(partitions=1)
    with capturing(bus) as live:
        status = Path(f"/proc/{live.process.pid}/status").read_text()
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        reads = can_read(pwd.getpwnam("nobody"), ("wireverdict", "producers", "numpy"))
        assert lines["Uid"].split() == ["65534" if reads else "0"] * 4  # see producers.live.privileges.drop
        assert int(lines["CapEff"], 16) == int(lines["CapPrm"], 16) == 0
        assert lines["NoNewPrivs"] == "1"
        live.send(10)
        assert live.stop()[1][-1]["wireverdict"]["headers"] == 10


def test_what_goes_to_kafka_is_not_captured() -> None:
    """Else each message would make the next one."""
    bus = Bus(partitions=1)
    port = int(bus.servers.rpartition(":")[2])
    with capturing(bus, "--filter", f"tcp port {port}") as live:
        live.send(10)
        assert live.stop()[1][-1]["wireverdict"]["frames"] == 0
    with capturing(bus, "--filter", f"tcp port {port}", WIREVERDICT_LIVE__EXCLUDE_BUS="false") as live:
        assert live.stop()[1][-1]["wireverdict"]["frames"] > 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-i", "nosuch0"], "there is no network interface 'nosuch0'"),
        (["-i", "lo", "--filter", "udp and"], "--filter 'udp and'"),
        (["-i", "lo", "--user", "nosuchuser"], "there is no user 'nosuchuser'"),
        (["-i", "lo", "some.pcap"], "and not both"),
        ([], "give either captures"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(options: list[str], reason: str) -> None:
    ended = run("capture", *options, WIREVERDICT_LIVE__RING="2")
    assert ended.status == 2
    assert reason in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert "should not happen" not in ended.err


def test_without_the_right_to_capture() -> None:
    ended = subprocess.run(
        ["setpriv", "--bounding-set", "-net_raw", *command("capture", "-i", "lo")],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "CAP_NET_RAW" in ended.stderr


def test_what_the_decoder_could_make_nothing_of() -> None:
    assert undecoded({"arp": 3, "not_ip": 4}) == {}
    assert undecoded({"arp": 3, "ip_cut": 4, "link_cut": 1}) == {"undecoded": 5}


def test_servers_of_the_settings() -> None:
    bus = Bus.__new__(Bus)
    bus.servers, bus.prefix, bus.partitions = "127.0.0.1:9092, SSL://[::1]:9093,bad", "p", 1
    assert servers(bus.settings) == [("127.0.0.1", 9_092), ("::1", 9_093)]
    assert addresses(servers(bus.settings)) == [("127.0.0.1", 9_092), ("::1", 9_093)]
