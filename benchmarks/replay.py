"""``python -m benchmarks.replay``: how fast recorded headers run through the core again, from Kafka and from an archive.

A generated mix of connections and DNS, about 100,000 packets in each second of its time, is sent to the headers topic of a
broker of its own, several times under later times, and kept in an archive from there. Then both are replayed in process, by
two processes, with all detectors on: the first round of it, and all; what lies between the two is what headers cost, without
what starting does. Prints JSON, the least of several runs each: processor seconds (of the replay and, beside it, of the
broker), seconds, and what they make of an hour at 100,000 headers a second. On a busy machine the seconds say little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import encode, generate
from benchmarks.stream import cpu
from producers.batching import Batcher
from tests.services.kafka import KafkaServer
from tests.streams.broker import Bus
from tests.streams.publishing import header_batches
from wireverdict.bus import Topic
from wireverdict.headers import HeaderBatch
from wireverdict.partition import divided
from wireverdict.verdicts import timestamp

ROOT = Path(__file__).resolve().parents[1]
RATE = 100_000
"""Headers a second that count as real time."""


def made(packets: int) -> list[HeaderBatch]:
    """Header batches of a generated capture as dense as RATE."""
    rows, events = generate.build(
        packets, 5, pace=round(1.36 * RATE)
    )  # connections that begin so often: some last long
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "made.pcap"
        with path.open("wb") as file:
            encode.write(file, events, rows, generate.SNAP)
        return list(header_batches([path]))


def length(batches: list[HeaderBatch]) -> int:
    """ns that a round takes."""
    return int(batches[-1].rows["ts"].max()) - int(batches[0].rows["ts"][0]) + 1_000_000


def repeated(batches: list[HeaderBatch], first: int, after: int) -> Iterator[HeaderBatch]:
    """The same headers again and again, each time after the last: rounds `first` to before `after`."""
    for number in range(first, after):
        for batch in batches:
            rows = batch.rows.copy()
            rows["ts"] += number * length(batches)
            yield batch._replace(rows=rows)


def run(*arguments: str, environment: dict[str, str]) -> dict[str, float]:
    """A command of ours; its seconds, and the processor seconds of all of its processes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "wireverdict", *arguments]
    done = subprocess.run(command, check=False, env=os.environ | environment, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.monotonic() - began, "cpu_s": used}


def least(some: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure."""
    return {name: min(one[name] for one in some) for name in some[0]}


def measured(
    headers: int, whole: dict[str, float], part: dict[str, float] | None = None, of: int = 0
) -> dict[str, Any]:
    """With what it makes of an hour at RATE on two cores. `part`: what the first `of` headers took."""
    part = part or dict.fromkeys(whole, 0.0)
    million = max(headers - of, 1) / 1e6
    cpu_s, seconds = ((whole[name] - part[name]) / million for name in ("cpu_s", "seconds"))
    hour = 3_600 * RATE / 1e6
    return {name: round(value, 2) for name, value in whole.items()} | {
        "cpu_s_per_million": round(cpu_s, 3),
        "million_headers_per_s": round(1 / seconds, 3),
        "hour_in_s": round(hour * seconds, 1),
        "hour_in_s_on_two_idle_cores": round(hour * cpu_s / 2, 1),
        "times_real_time": round(3_600 / (hour * cpu_s / 2), 1),
    }


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=2_000_000, help="in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    batches = made(given.packets)
    once = sum(len(batch.rows) for batch in batches)
    headers = given.rounds * once
    cut = timestamp(int(batches[0].rows["ts"][0]) + length(batches))
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory))
        server.start()
        assert server.process is not None
        try:
            bus = Bus(partitions=given.partitions, servers=server.address)
            batcher, size = Batcher("edge", "run", given.partitions, divided), 0
            for number in range(given.rounds):
                messages = [m for batch in repeated(batches, number, number + 1) for m in batcher.add(batch)]
                messages += batcher.end() if number == given.rounds - 1 else []
                size += sum(len(message.value) for message in messages)
                bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in messages))
            environment = {"WIREVERDICT_BUS__SERVERS": bus.servers, "WIREVERDICT_BUS__PREFIX": bus.prefix}
            where = f"{directory}/archive"
            about = {"headers": headers, "packet_time_s": round(given.rounds * length(batches) / 1e9, 1)}
            print(json.dumps({"source": about | {"bytes_per_header": round(size / headers, 2)}}), flush=True)
            told = measured(headers, run("archive", "write", where, "topic:", environment=environment))
            size = sum(path.stat().st_size for path in Path(where).rglob("*.parquet"))
            print(json.dumps({"archive write": told | {"bytes_per_header": round(size / headers, 2)}}), flush=True)
            output = ["--verdicts", f"{directory}/v.jsonl", "--processes", "2"]
            for name, source in (("from the topic", "topic:"), ("from the archive", f"archive:{where}")):
                part, whole, broker = [], [], []
                for _ in range(given.runs):
                    part.append(run("replay", source, "--to", cut, *output, environment=environment))
                    before = cpu(server.process.pid)
                    whole.append(run("replay", source, *output, environment=environment))
                    broker.append(cpu(server.process.pid) - before)
                told = measured(headers, least(whole), least(part), once) | {"broker_cpu_s": round(min(broker), 2)}
                print(json.dumps({name: told}), flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
