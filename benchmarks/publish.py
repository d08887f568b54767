"""Header batches on the bus: ``python -m benchmarks.publish``: bytes a header, how fast the codec is, and how fast
``wireverdict capture`` fills a topic of a real broker; see docs/bus.md.

CPU seconds of this process (codec) and of the producer's process (capture), the least of several runs, since broker and
producer share the machine. Nothing is compared with anything else here.
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
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.analyze import capture
from producers.batching import Batcher
from producers.timeline import open_timeline
from tests.services.kafka import KafkaServer
from wireverdict.bus import BusSettings
from wireverdict.cluster import Cluster
from wireverdict.codec.headers import Workspace, decode_headers, encode_headers
from wireverdict.decode.decoder import Decoder
from wireverdict.headers import HeaderBatch
from wireverdict.partition import divided

ROOT = Path(__file__).resolve().parents[1]


class Coded(NamedTuple):
    """Of one capture and number of partitions."""

    headers: int
    size: float  # bytes a header
    encode: float  # M headers a CPU second
    decode: float


def messages(path: Path, partitions: int, most: int) -> list[HeaderBatch]:
    """The batches that a producer would send."""
    decoder, batcher = Decoder(), Batcher("s", "r", partitions, divided)
    sent = []
    count = 0
    for frames in open_timeline([path]):
        sent += [message for message in batcher.add(decoder.decode(frames)) if message.value]
        count += len(frames.frames)
        if count >= most:
            break
    sent += [message for message in batcher.end() if message.value]
    return [decode_headers(message.value)[0] for message in sent]


def best(work: Callable[[], object], runs: int) -> float:
    """The least CPU seconds."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def codec(batches: Sequence[HeaderBatch], runs: int) -> Coded:
    """Encode and decode all of them."""
    count = sum(len(batch.rows) for batch in batches)
    encoded = [encode_headers(batch) for batch in batches]
    encode = best(lambda: [encode_headers(batch) for batch in batches], runs)
    space = Workspace()
    decode = best(lambda: [decode_headers(data, space) for data in encoded], runs)
    return Coded(count, sum(map(len, encoded)) / count, count / encode / 1e6, count / decode / 1e6)


def publish(path: Path, servers: str, partitions: int) -> tuple[float, float, int]:
    """One `wireverdict capture`: s of wall and of CPU, start of the program included, and headers."""
    prefix = f"b{uuid.uuid4().hex[:10]}"
    cluster = Cluster(BusSettings(servers, prefix, partitions))
    cluster.create(cluster.wrong()[0])
    environment = {
        **os.environ,
        "WIREVERDICT_BUS__SERVERS": servers,
        "WIREVERDICT_BUS__PREFIX": prefix,
        "WIREVERDICT_BUS__PARTITIONS": str(partitions),
    }
    command = [sys.executable, "-m", "wireverdict", "capture", str(path), "--sensor", "s", "--log", "json"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(ended.stderr.splitlines()[-1])["wireverdict"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, int(told["headers"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure header batches and the producer.")
    parser.add_argument("--packets", type=int, default=3_000_000, help="of the generated capture (default 3000000)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-broker", action="store_true", help="the codec only")
    parser.add_argument("captures", nargs="*", type=Path, help="further captures to encode")
    given = parser.parse_args(arguments)
    path, _ = capture(f"mix-{given.packets}", given.packets)
    print("| capture | partitions | headers | bytes a header | encode, M/s | decode, M/s |\n|---|---|---|---|---|---|")
    for file, partitions in [(path, 1), (path, 4), (path, 16), *((each, 1) for each in given.captures)]:
        found = codec(messages(file, partitions, 400_000), given.runs)
        numbers = f"{found.headers:,} | {found.size:.2f} | {found.encode:.1f} | {found.decode:.1f}"
        print(f"| {file.name} | {partitions} | {numbers} |", flush=True)
    if given.no_broker:
        return
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory))
        server.start()
        try:
            print("\n| partitions | headers | wall, s | CPU, s | CPU a million headers, s |\n|---|---|---|---|---|")
            for partitions in (1, 4, 16):
                results = [publish(path, server.address, partitions) for _ in range(max(1, given.runs // 2))]
                wall, cpu, headers = min(results, key=lambda result: result[1])
                print(
                    f"| {partitions} | {headers:,} | {wall:.1f} | {cpu:.1f} | {cpu / headers * 1e6:.2f} |", flush=True
                )
        finally:
            server.stop()


if __name__ == "__main__":
    main()
