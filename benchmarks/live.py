"""Live capture beside tcpdump: ``python -m benchmarks.live``; needs root; see docs/live.md.

A veth pair between two namespaces that are made for the run. tcpreplay sends generated packets as fast as it can; at the
other end tcpdump and we capture the same packets at the same time, or one after the other (--alone). CPU seconds are those
of each capturing process after it had started up, by /proc, and are told per million packets that it took.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.analyze import capture
from tests.lab.network import Namespace, network

ROOT = Path(__file__).resolve().parents[1]
SNAP = 128
_TICKS = os.sysconf("SC_CLK_TCK")

DECODE = f"""
import sys, time, json, signal
from producers.live.source import LiveSource
from wireverdict.decode.decoder import Decoder
from wireverdict.live import LiveSettings
source = LiveSource([sys.argv[1]], LiveSettings(snap={SNAP}, ring=int(sys.argv[2])))
decoder, rows, frames = Decoder(), 0, 0
signal.signal(signal.SIGINT, lambda *_: source.stop())
print("ready", flush=True)
for batch in source:
    frames += len(batch.frames)
    rows += len(decoder.decode(batch).rows)
counted = source.counters()
print(json.dumps({{"packets": frames, "rows": rows, "dropped": counted.dropped}}), flush=True)
"""


class Taken(NamedTuple):
    """What one capturing process did."""

    name: str
    packets: int
    dropped: int
    cpu: float  # s


def cpu(pid: int) -> float:
    """Seconds that a process and its threads have used; by the scheduler's clock, in ns."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


class Capturing:
    """A process that captures: its CPU time from when it is ready."""

    def __init__(self, name: str, where: Namespace, command: Sequence[str], environment: dict[str, str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            ("ip", "netns", "exec", where.name, *command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
        )
        stream = self.process.stdout if name != "tcpdump" else self.process.stderr
        assert stream is not None
        said = ""
        while "ready" not in said and "listening" not in said:
            line = stream.readline()
            if not line:
                raise RuntimeError(f"{name} ended at once: {said}{self.process.communicate()}")
            said += line
        time.sleep(0.5)
        self.before = cpu(self.process.pid)

    def used(self) -> float:
        """CPU seconds so far; read before the process ends."""
        return cpu(self.process.pid) - self.before

    def stop(self) -> str:
        """SIGINT; what it said."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        return out + err


def tcpdump(where: Namespace, ring: int) -> Capturing:
    command = ["tcpdump", "-i", "in0", "-n", "-s", str(SNAP), "-B", str(ring * 1000), "-w", "/dev/null", "-Z", "root"]
    return Capturing("tcpdump", where, command, {})


def decode_only(where: Namespace, ring: int) -> Capturing:
    return Capturing("decode only", where, [sys.executable, "-c", DECODE, "in0", str(ring)], {})


def counted(one: Capturing, used: float, said: str) -> Taken:
    if one.name == "tcpdump":
        numbers = {
            " ".join(words[1:]): int(words[0])
            for words in map(str.split, said.splitlines())
            if words[:1] and words[0].isdigit()
        }
        return Taken(one.name, numbers["packets captured"], numbers["packets dropped by kernel"], used)
    told: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return Taken(one.name, told["packets"], told["dropped"], used)


def send(where: Namespace, path: Path, seconds: float) -> tuple[int, float]:
    """Send a capture again and again at full speed: packets, and how many a second."""
    done = where.run(
        "tcpreplay",
        "-i",
        "out0",
        "--topspeed",
        "--preload-pcap",
        "--loop",
        "0",
        "--duration",
        str(round(seconds)),
        str(path),
    )
    for line in done.splitlines():
        if line.startswith("Actual:"):
            packets = int(line.split()[1])
        if line.startswith("Rated:"):
            rate = float(line.split()[-2])
    return packets, rate


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure live capture beside tcpdump.")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ring", type=int, default=64, help="MB, of both")
    parser.add_argument("--packets", type=int, default=100_000, help="of the generated capture that is sent in a loop")
    given = parser.parse_args(arguments)
    path, _ = capture(f"mix-{given.packets}", given.packets)
    with network() as net:
        left, right = net.namespace("sender"), net.namespace("taker")
        net.wire(left, "out0", right, "in0")
        for _ in range(given.runs):
            for made in (tcpdump, decode_only):
                one = made(right, given.ring)
                sent, rate = send(left, path, given.seconds)
                time.sleep(1)
                used = one.used()
                took = counted(one, used, one.stop())
                print(
                    took.name,
                    sent,
                    f"{rate:,.0f}/s",
                    took.packets,
                    took.dropped,
                    f"{took.cpu / took.packets * 1e6:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
