"""Watching an interface: packets of the loopback interface, as lines and on a screen."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
from typing import IO, Any

import pytest

from tests.cli.program import DEMO, command, environment
from tests.cli.test_watch import Terminal
from tests.producers.live.place import inside, udp, wire
from tests.services.places import free_port
from wireverdict.cli.analysis import Refusal
from wireverdict.cli.interrupts import Interrupts
from wireverdict.cli.watching import Options, Run, _Notices


def send(port: int, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(count):
            out.sendto(bytes(30), ("127.0.0.1", port))


def first_line(said: IO[str]) -> str:
    """Without what is said where nobody cannot read the program: see producers.live.privileges.drop."""
    line = said.readline()
    return said.readline() if line.startswith("staying root") else line


@pytest.mark.lab
def test_every_packet_of_an_interface_is_counted_until_ctrl_c() -> None:
    port = free_port()
    process = subprocess.Popen(
        command("watch", "-i", "lo", "--filter", f"udp dst port {port}"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert first_line(process.stderr) == "wireverdict: watching lo\n"
    send(port, 200)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1].startswith("end: 200 packets in ")
    assert err == ""


@pytest.mark.lab
def test_an_interface_on_a_screen() -> None:
    port = free_port()
    terminal = Terminal("-i", "lo", "--filter", f"udp dst port {port}")
    terminal.until("waiting for packets")
    send(port, 50)
    terminal.until("50 packets")
    terminal.until(f"127.0.0.1:{port} udp")
    terminal.press("p")
    terminal.until("paused")
    terminal.press("q")
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text


def test_the_source_tells_its_warnings_on_the_screen() -> None:
    class App:
        notice = ""

    app: Any = App()
    logger = logging.getLogger("wireverdict.test_watching")
    handler = _Notices(app)
    logger.addHandler(handler)
    try:
        logger.warning("the interface %s went down", "eth0")
    finally:
        logger.removeHandler(handler)
    assert app.notice == "the interface eth0 went down"


def test_either_files_or_interfaces() -> None:
    with Interrupts() as interrupts:
        for options in (Options(), Options(inputs=("a",), interfaces=("lo",))):
            with pytest.raises(Refusal, match="or an interface with -i"):
                Run(options, interrupts)


def test_the_status_is_that_of_what_fired(capsys: pytest.CaptureFixture[str]) -> None:
    with Interrupts() as interrupts:
        assert Run(Options(inputs=(str(DEMO),), rate="max", lines=True), interrupts).status() == 1
        healthy = Options(inputs=(str(DEMO),), rate="max", lines=True, expression="tcp")
        run = Run(healthy, interrupts)
        assert run.status() == 0
    assert run.watcher.verdicts() == []
    assert "CRITICAL fired" in capsys.readouterr().out


@pytest.mark.lab
def test_packets_both_ways_on_a_wire_until_sigterm() -> None:
    with wire() as net, inside(net.taker):
        process = subprocess.Popen(
            command("watch", "-i", "in0", "--lines"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert first_line(process.stderr) == "wireverdict: watching in0\n"
        net.send(*(udp(number) for number in range(20)))
        net.send(*(udp(number) for number in range(5)), device="in0")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert out.splitlines()[-1].startswith("end: 25 packets in ")
    assert err == ""
