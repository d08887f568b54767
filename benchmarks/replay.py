"""``python -m benchmarks.replay``: how fast recorded headers run through the core again, from Kafka and from an archive.

A generated mix of connections and DNS is sent to the headers topic of a broker of its own, several times under later times,
and kept in an archive from there. Then both are replayed in process, by two processes, with all detectors on. Prints JSON:
headers, seconds, processor seconds (of the replay and, beside it, of the broker), and the ratio to real time at 100,000
headers a second. On a busy machine the processor seconds are what counts.
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

from benchmarks.stream import captured, cpu
from producers.batching import Batcher
from tests.services.kafka import KafkaServer
from tests.streams.broker import Bus
from wireverdict.bus import Topic
from wireverdict.headers import HeaderBatch
from wireverdict.partition import divide

ROOT = Path(__file__).resolve().parents[1]
RATE = 100_000
"""Headers a second that count as real time."""


def repeated(batches: list[HeaderBatch], times: int) -> Iterator[HeaderBatch]:
    """The same headers again and again, each time after the last."""
    first = int(batches[0].rows["ts"][0])
    length = int(batches[-1].rows["ts"].max()) - first + 1_000_000
    for number in range(times):
        for batch in batches:
            rows = batch.rows.copy()
            rows["ts"] += number * length
            yield batch._replace(rows=rows)


def run(*arguments: str, environment: dict[str, str]) -> dict[str, float]:
    """A command of ours; its seconds, and the processor seconds of all of its processes."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "wireverdict", *arguments], check=False, env=os.environ | environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.monotonic() - began, 2), "cpu_s": round(used, 2)}


def measured(headers: int, took: dict[str, float], start: float = 0.0) -> dict[str, Any]:
    """With what it makes of an hour at RATE on two cores. `start`: processor seconds that starting takes, however many headers
    there are."""
    per_million = (took["cpu_s"] - start) / headers * 1e6
    hour = 3_600 * RATE
    return took | {
        "cpu_s_per_million": round(per_million, 3),
        "million_headers_per_s": round(headers / took["seconds"] / 1e6, 3),
        "times_real_time": round(headers / RATE / took["seconds"], 1),
        "hour_in_s": round(hour / headers * took["seconds"], 1),
        "hour_in_s_on_two_idle_cores": round((hour / 1e6 * per_million + start) / 2, 1),
    }


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=2_000_000, help="in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    given = parser.parse_args()
    batches = captured(given.packets)
    headers = given.rounds * sum(len(batch.rows) for batch in batches)
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory))
        server.start()
        assert server.process is not None
        try:
            bus = Bus(partitions=given.partitions, servers=server.address)
            batcher = Batcher("edge", "run", given.partitions, divide)
            for batch in repeated(batches, given.rounds):
                bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in batcher.add(batch)))
            bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in batcher.end()))
            environment = {"WIREVERDICT_BUS__SERVERS": bus.servers, "WIREVERDICT_BUS__PREFIX": bus.prefix}
            where = f"{directory}/archive"
            took = run("archive", "write", where, "topic:", environment=environment)
            size = sum(path.stat().st_size for path in Path(where).rglob("*.parquet"))
            told = measured(headers, took) | {"headers": headers, "bytes_per_header": round(size / headers, 1)}
            print(json.dumps({"archive write": told}), flush=True)
            demo = str(ROOT / "demo" / "dns-outage.pcap.gz")
            output = ["--verdicts", f"{directory}/v.jsonl", "--processes", "2"]
            start = min(run("replay", demo, *output, environment=environment)["cpu_s"] for _ in range(3))
            print(json.dumps({"start": {"cpu_s": start}}), flush=True)
            for name, source in (("from the topic", "topic:"), ("from the archive", f"archive:{where}")):
                for _ in range(given.runs):
                    broker = cpu(server.process.pid)
                    told = measured(headers, run("replay", source, *output, environment=environment), start)
                    told["broker_cpu_s"] = round(cpu(server.process.pid) - broker, 2)
                    print(json.dumps({name: told}), flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
