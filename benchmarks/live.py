"""Live capture beside tcpdump: ``python -m benchmarks.live``; needs root, tcpdump and tcpreplay; see docs/live.md.

A veth pair between two namespaces that are made for the run. tcpreplay sends a generated capture in a loop as fast as it can;
at the other end one of three takes the packets: tcpdump, decoding alone, or ``wireverdict capture`` into a real Kafka, which
runs in that namespace too. They take turns, so that what disturbs the machine disturbs them alike. CPU seconds are those of
the capturing process from when it is ready, by the scheduler's clock, told per million packets; the least of several runs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.analyze import capture
from tests.lab.network import Namespace, network
from tests.producers.live.place import inside
from tests.services.kafka import KafkaServer, jars
from wireverdict.bus import BusSettings
from wireverdict.cluster import Cluster

ROOT = Path(__file__).resolve().parents[1]
SNAP = 128
DECODE = f"""
import json, signal, sys
from producers.live.source import LiveSource
from wireverdict import kernels
from wireverdict.decode.decoder import Decoder
from wireverdict.live import LiveSettings
source = LiveSource([sys.argv[1]], LiveSettings(snap={SNAP}, ring=int(sys.argv[2])))
decoder, rows, frames = Decoder(), 0, 0
signal.signal(signal.SIGINT, lambda *_: source.stop())
for kernel in kernels.NATIVE:
    kernel.load()
print("capturing", file=sys.stderr, flush=True)
for batch in source:
    frames += len(batch.frames)
    rows += len(decoder.decode(batch).rows)
print(json.dumps({{"wireverdict": {{"frames": frames, "dropped": source.counters().dropped}}}}), file=sys.stderr)
"""


class Taken(NamedTuple):
    """What one capturing process did."""

    name: str
    sent: int
    rate: float  # packets/s that were sent
    packets: int
    dropped: int
    cpu: float  # s

    @property
    def million(self) -> float:
        """CPU seconds per million packets."""
        return self.cpu / max(1, self.packets) * 1e6


def cpu(pid: int) -> float:
    """Seconds that a process has used, threads that have ended included: its CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


class Capturing:
    """A process that captures; made when it is ready."""

    def __init__(self, where: Namespace, command: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ("ip", "netns", "exec", where.name, *command),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )
        assert self.process.stderr is not None
        said = ""
        while "capturing" not in said and "listening" not in said:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError(f"{command} ended at once: {said}")
            said += line
        time.sleep(0.5)
        self.before = cpu(self.process.pid)

    def used(self) -> float:
        """CPU seconds so far."""
        return cpu(self.process.pid) - self.before

    def stop(self) -> str:
        """SIGINT; what it said."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=90)[1]


def numbers(said: str) -> tuple[int, int]:
    """Packets taken and dropped, by what tcpdump or one of ours said at its end."""
    lines = said.strip().splitlines()
    if lines[-1].startswith("{"):
        told: dict[str, Any] = json.loads(lines[-1])["wireverdict"]
        return int(told["frames"]), int(told["dropped"])
    found = {" ".join(words[1:]): int(words[0]) for words in map(str.split, lines) if words and words[0].isdigit()}
    return found["packets captured"], found["packets dropped by kernel"]


def send(where: Namespace, path: Path, rate: str, *until: str) -> tuple[int, float]:
    """Send a capture again and again: packets, and how many a second. `until`: an option, such as --duration SECONDS."""
    options = ("-i", "out0", rate, "--preload-pcap", "--loop", "0", *until)
    words = {line.split()[0]: line.split() for line in where.run("tcpreplay", *options, str(path)).splitlines() if line}
    return int(words["Actual:"][1]), float(words["Rated:"][-2])


class Bench:
    """The namespaces, the broker, and how each contender is started."""

    def __init__(self, stack: ExitStack, ring: int, broker: bool) -> None:
        net = stack.enter_context(network())
        self.sender, self.taker = net.namespace("sender"), net.namespace("taker")
        net.wire(self.sender, "out0", self.taker, "in0")
        self.taker.ip("addr", "add", "192.0.2.1/32", "dev", "lo")  # librdkafka resolves nothing where all is loopback
        self.ring = ring
        self.bus = BusSettings()
        if broker:
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            jars()  # there is nothing to download from in a namespace
            with inside(self.taker):
                server = KafkaServer(Path(directory))
                server.start()
                stack.callback(server.stop)
                self.bus = BusSettings(server.address, "live", 4)
                cluster = Cluster(self.bus)
                cluster.create(cluster.wrong()[0])

    def tcpdump(self) -> Capturing:
        """Writes 128 bytes of each packet to nowhere."""
        command = ("tcpdump", "-i", "in0", "-n", "-s", str(SNAP), "-B", str(self.ring * 1000), "-w", "/dev/null")
        return Capturing(self.taker, (*command, "-Z", "root"), {})

    def decoding(self) -> Capturing:
        """The ring, and headers of it."""
        return Capturing(self.taker, (sys.executable, "-c", DECODE, "in0", str(self.ring)), {})

    def publishing(self, **more: str) -> Capturing:
        """``wireverdict capture``, as it is run, without sampling: all packets are to be sent."""
        command = (sys.executable, "-m", "wireverdict", "capture", "-i", "in0", "--sensor", "s", "--log", "json")
        environment = {
            "WIREVERDICT_BUS__SERVERS": self.bus.servers,
            "WIREVERDICT_BUS__PREFIX": self.bus.prefix,
            "WIREVERDICT_BUS__PARTITIONS": str(self.bus.partitions),
            "WIREVERDICT_LIVE__SNAP": str(SNAP),
            "WIREVERDICT_LIVE__RING": str(self.ring),
            "WIREVERDICT_LIVE__LEAST_SHARE": "1",
        }
        return Capturing(self.taker, (*command, "--user", ""), environment | more)

    def run(self, name: str, start: Callable[[], Capturing], path: Path, seconds: float, rate: str) -> Taken:
        """One turn."""
        one = start()
        sent, speed = send(self.sender, path, rate, "--duration", str(round(seconds)))
        time.sleep(1.0)
        used = one.used()
        return Taken(name, sent, speed, *numbers(one.stop()), used)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure live capture beside tcpdump.")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--ring", type=int, default=64, help="MB, of each (default 64)")
    parser.add_argument("--packets", type=int, default=100_000, help="of the generated capture that is sent in a loop")
    parser.add_argument("--rate", help="packets/s (default: as fast as can be)")
    given = parser.parse_args(arguments)
    path, _ = capture(f"mix-{given.packets}", given.packets)
    with ExitStack() as stack:
        bench = Bench(stack, given.ring, broker=True)
        contenders = (("tcpdump", bench.tcpdump), ("decode", bench.decoding), ("publish", bench.publishing))
        rate = f"--pps={given.rate}" if given.rate else "--topspeed"
        taken = [
            bench.run(name, start, path, given.seconds, rate) for _ in range(given.runs) for name, start in contenders
        ]
    print(
        "| | packets/s sent | sent | taken | dropped | CPU s a million packets | of tcpdump's |\n|---|---|---|---|---|---|---|"
    )
    least = {
        name: min((each for each in taken if each.name == name), key=lambda each: each.million)
        for name, _ in contenders
    }
    for each in least.values():
        share = each.million / least["tcpdump"].million
        row = (
            f"{each.rate:,.0f} | {each.sent:,} | {each.packets:,} | {each.dropped:,} | {each.million:.3f} | {share:.2f}"
        )
        print(f"| {each.name} | {row} |")
    for each in taken:
        print(f"{each.name}: {each.million:.3f}, dropped {each.dropped:,}", file=sys.stderr)


if __name__ == "__main__":
    main()
