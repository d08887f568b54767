"""A live capture for a long time: ``python -m benchmarks.live_soak [--seconds N]`` (make soak: 20 minutes); needs root.

Packets come at rates that change every few seconds, pauses among them. At the end everything must add up: packets sent are
packets taken and packets dropped, headers decoded are headers on the topic, and memory is what it was after the first fifth.
Exit status 1 if something does not.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.analyze import capture
from benchmarks.live import Bench, numbers, send
from tests.producers.live.place import inside
from tests.streams.broker import read
from wireverdict.bus import Envelope, Topic

RATES = (0, 100, 5_000, 40_000, 150_000)
"""Packets a second, about."""
GROWTH = 1.1
"""Times the memory of the first fifth that is borne at the end."""


class Soaked(NamedTuple):
    """What came of it. Bytes are of memory without what is mapped from files."""

    seconds: float
    sent: int
    frames: int
    dropped: int
    published: int
    early: int
    late: int

    def faults(self) -> list[str]:
        """What does not add up, in words."""
        found = []
        if self.frames + self.dropped != self.sent:
            found.append(f"{self.sent:,} packets were sent, {self.frames:,} taken and {self.dropped:,} dropped")
        if self.published != self.frames:
            found.append(f"{self.frames:,} packets were taken and {self.published:,} headers are on the topic")
        if self.late > GROWTH * self.early:
            found.append(f"memory grew from {self.early / 1e6:.1f} to {self.late / 1e6:.1f} MB")
        return found


def anonymous(pid: int) -> int:
    """Bytes of memory of a process that no file backs."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def soak(seconds: float, seed: int, packets: int = 20_000) -> Soaked:
    """One capture under changing load. Every packet of what is sent has a header."""
    path, _ = capture(f"mix-{packets}", packets)
    dice = random.Random(seed)
    with ExitStack() as stack:
        bench = Bench(stack, 64, broker=True)
        for where in (bench.sender, bench.taker):  # nothing on the wire but what is sent
            where.sysctl(ipv6__conf__all__disable_ipv6=1)
        one = bench.publishing()
        began, sent, memory = time.monotonic(), 0, []
        while (passed := time.monotonic() - began) < seconds:
            rate = dice.choice(RATES)
            spell = min(dice.uniform(1.0, 10.0), max(1.0, seconds - passed))
            if rate:
                sent += send(bench.sender, path, f"--pps={rate}", "--limit", str(round(rate * spell)))[0]
            else:
                time.sleep(spell)
            memory.append(anonymous(one.process.pid))
        time.sleep(1.0)
        frames, dropped = numbers(one.stop())
        with inside(bench.taker):
            messages = read(bench.bus.servers, bench.bus.topic(Topic.HEADERS))
        published = sum(Envelope.from_headers(message.headers()).headers for message in messages)
    return Soaked(passed, sent, frames, dropped, published, max(memory[: max(1, len(memory) // 5)]), memory[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Capture live for a long time, and count.")
    parser.add_argument("--seconds", type=float, default=1_200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16))
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", file=sys.stderr)
    done = soak(given.seconds, given.seed)
    print(
        f"{done.seconds:.0f} s: {done.sent:,} packets sent, {done.frames:,} taken, {done.dropped:,} dropped, "
        f"{done.published:,} headers on the topic; memory {done.early / 1e6:.1f} MB after a fifth, "
        f"{done.late / 1e6:.1f} MB at the end"
    )
    for fault in done.faults():
        print(fault, file=sys.stderr)
    return 1 if done.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
