"""``python -m benchmarks.stream``: the bus end to end on this machine, with a real broker.

Measures, and prints as JSON: headers/s and CPU seconds per million headers of one worker with all detectors on, on a topic
that was filled before; events/s of a naive Faust agent with one JSON event per packet in the same run, and how many times
as fast the worker is; what a checkpoint costs with many live connections; how long it takes from a kill until the next
header is applied; and how long from the message that closes a window until its verdict is on the topic.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Producer

from benchmarks import encode, generate
from tests.services.kafka import KafkaServer
from tests.streams.broker import Bus, read
from tests.streams.fleet import Lag, environment, worker
from tests.streams.publishing import Sent, header_batches, publication
from wireverdict.bus import Topic
from wireverdict.headers import HeaderBatch

ROOT = Path(__file__).resolve().parents[1]
LOOK = 0.1
"""s between looks at a worker's metrics: fifty looks a second took a twelfth of the two cores that are measured."""
NAIVE = """
import json, sys, faust
servers, prefix, directory = sys.argv[1:4]
del sys.argv[1:4]
app = faust.App(prefix, broker="kafka://" + servers, consumer_auto_offset_reset="earliest", web_enabled=False,
                topic_allow_declare=False, topic_disable_leader=True, value_serializer="raw", datadir=directory)
packets = {}
async def agent(stream):
    async for value in stream:
        event = json.loads(value)
        key = event["source"], event["destination"]
        packets[key] = packets.get(key, 0) + 1
app.agent(app.topic(prefix + ".headers", value_type=bytes))(agent)
app.main()
"""


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def captured(packets: int, *, live: int = 0) -> list[HeaderBatch]:
    """Header batches of a generated capture."""
    rows, events = generate.build(packets, 5, live=live)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "made.pcap"
        with path.open("wb") as file:
            encode.write(file, events, rows, generate.SNAP)
        return list(header_batches([path]))


def fill(bus: Bus, sent: Sequence[Sent]) -> None:
    """Put messages on the headers topic."""
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in sent))


@contextmanager
def running(command: Sequence[str], given: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, killed at the end; what it says goes to benchmarks/out."""
    with (ROOT / "benchmarks" / "out" / "stream.log").open("ab") as log:
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        chosen = os.environ | {"PYTHONPATH": path} | (given or {})
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=chosen, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(condition: Any, patience: float = 600.0, pause: float = 0.02) -> float:
    """Wait for a condition, looking every `pause` s; when it was met."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("see benchmarks/out/stream.log")
        time.sleep(pause)
    return time.monotonic()


def throughput(
    server: KafkaServer, batches: Sequence[HeaderBatch], partitions: int, sensors: int, workers: int = 1
) -> dict[str, Any]:
    """Workers on a filled topic, from the first header tracked to the last, and of that the second half: memory that a process
    has had before need not be cleared for it. CPU: until all is behind a checkpoint.

    Other sensors see the same packets, and send them at the same time; a batch is encoded once for each.
    """
    bus = Bus(partitions=partitions, servers=server.address)
    each = [publication(batches, f"sensor-{sensor}", partitions) for sensor in range(sensors)]
    headers = sensors * sum(len(batch.rows) for batch in batches)
    size = sum(len(message.value) for sent in each for message in sent)
    fill(bus, [message for messages in zip(*each, strict=True) for message in messages])
    assert server.process is not None
    lag, ports = Lag(bus), [19_470 + number for number in range(workers)]

    def tracked() -> float:
        return sum(scraped(port).get("wireverdict_stream_headers_total", 0) for port in ports)

    with ExitStack() as stack:
        processes = [
            stack.enter_context(running(worker(number), environment(bus, checkpoint_interval=5.0, metrics_port=port)))
            for number, port in enumerate(ports)
        ]
        begun = until(lambda: tracked() > 0)
        first = tracked()
        used, broker = [cpu(process.pid) for process in processes], cpu(server.process.pid)
        half = until(lambda: tracked() >= headers / 2, pause=LOOK)
        more = headers - tracked()
        ended = until(lambda: tracked() >= headers, pause=LOOK)
        until(lambda: lag() == 0, pause=LOOK)
        used = [cpu(process.pid) - before for process, before in zip(processes, used, strict=True)]
        broker = cpu(server.process.pid) - broker
    return {
        "headers": headers,
        "partitions": partitions,
        "sensors": sensors,
        "workers": workers,
        "bytes_per_header": round(size / headers, 1),
        "seconds": round(ended - begun, 2),
        "million_headers_per_s": round((headers - first) / (ended - begun) / 1e6, 3),
        "second_half": round(more / (ended - half) / 1e6, 3),
        "worker_cpu_s_per_million": round(sum(used) / (headers - first) * 1e6, 3),
        "broker_cpu_s_per_million": round(broker / (headers - first) * 1e6, 3),
    }


def growth(server: KafkaServer, batches: Sequence[HeaderBatch], sensors: int) -> list[dict[str, Any]]:
    """How throughput grows with partitions and workers."""
    return [
        throughput(server, batches, partitions, sensors, workers)
        for partitions, workers in ((1, 1), (2, 1), (4, 1), (16, 1), (4, 2), (16, 2))
    ]


def naive(server: KafkaServer, events: int) -> dict[str, Any]:
    """A Faust agent as one would write it first: one JSON event per packet."""
    bus = Bus(partitions=4, servers=server.address)
    producer = Producer(bus.options | {"linger.ms": 20, "queue.buffering.max.messages": 2_000_000})
    for number in range(events):
        event = {"timestamp": number, "source": f"192.0.2.{number % 250}", "destination": "198.51.100.1", "length": 60}
        producer.produce(bus.name(Topic.HEADERS), value=json.dumps(event).encode(), partition=number % 4)
    producer.flush()
    with tempfile.TemporaryDirectory() as directory:
        code = ["-c", NAIVE, bus.servers, bus.prefix, directory, "worker", "-l", "error"]
        with running(code) as process:
            lag = Lag(bus, group=bus.prefix, topics=(Topic.HEADERS,))
            begun = until(lambda: lag() < events)
            first, used = lag(), cpu(process.pid)
            ended = until(lambda: lag() == 0)
            used = cpu(process.pid) - used
    return {
        "events": first,
        "events_per_s": round(first / (ended - begun)),
        "cpu_s_per_million": round(used / first * 1e6, 1),
    }


def checkpoints(server: KafkaServer, live: int) -> dict[str, Any]:
    """With many connections open: size, time to save and to restore, and recovery after a kill."""
    bus = Bus(partitions=1, servers=server.address)
    sent = publication(captured(0, live=live), "edge", 1)[:-1]  # no end: they stay open
    fill(bus, sent[:-20])
    lag = Lag(bus)
    with tempfile.TemporaryDirectory(), running(worker(0), environment(bus, metrics_port=19_464)) as process:
        until(lambda: lag() == 0)
        gauges = scraped(19_464)
        process.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    fill(bus, sent[-20:])
    with running(worker(0), environment(bus, metrics_port=19_464)):
        applied = until(lambda: scraped(19_464).get("wireverdict_stream_headers_total", 0) > 0)
        after = scraped(19_464)
    label = '{topic="headers"}'
    count = gauges[f"wireverdict_stream_checkpoint_seconds_count{label}"]
    return {
        "open_connections": gauges['wireverdict_stream_open_connections{partition="0"}'],
        "checkpoint_bytes": gauges['wireverdict_stream_checkpoint_bytes{partition="0",topic="headers"}'],
        "copy_s_mean": round(gauges[f"wireverdict_stream_checkpoint_copy_seconds_sum{label}"] / count, 3),
        "checkpoint_s_mean": round(gauges[f"wireverdict_stream_checkpoint_seconds_sum{label}"] / count, 3),
        "restore_s": round(after[f"wireverdict_stream_restore_seconds_sum{label}"], 3),
        "kill_to_first_header_s": round(applied - killed, 2),
    }


def scraped(port: int) -> dict[str, float]:
    """A worker's metrics; none while it does not answer."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def recovery(server: KafkaServer, batches: Sequence[HeaderBatch]) -> dict[str, Any]:
    """From a kill and a start at once until the next header is applied, with little state."""
    bus = Bus(partitions=4, servers=server.address)
    sent = publication(batches, "edge", 4)
    half, some = len(sent) // 2, len(sent) // 8
    fill(bus, sent[:half])
    lag = Lag(bus)
    took = []
    with running(worker(0), environment(bus)):
        until(lambda: lag() == 0)
    for number in range(3):
        fill(bus, sent[half + some * number : half + some * (number + 1)])
        begun = time.monotonic()
        with running(worker(0), environment(bus, metrics_port=19_465)):
            took.append(until(lambda: scraped(19_465).get("wireverdict_stream_headers_total", 0) > 0) - begun)
            until(lambda: lag() == 0)
    return {"start_to_first_header_s": [round(value, 2) for value in took]}


def latency(server: KafkaServer, seconds: int) -> dict[str, Any]:
    """From the broker's time of the message that closes a window to that of its verdicts, at a steady pace."""
    bus = Bus(partitions=4, servers=server.address)
    demo = list(header_batches([ROOT / "demo" / "dns-outage.pcap.gz"], 200))
    sensors = [publication(demo, f"edge-{number}", 4) for number in range(20)]
    sent = [message for messages in zip(*sensors, strict=True) for message in messages]
    lag, delays = Lag(bus), []
    with running(worker(0), environment(bus, checkpoint_interval=10.0)):
        fill(bus, publication(demo[:1], "first", 4))
        until(lambda: lag() == 0)
        producer = Producer(bus.options | {"enable.idempotence": True, "linger.ms": 2})
        for message in sent:
            producer.produce(
                bus.name(Topic.HEADERS), message.value, message.key, message.partition, headers=list(message.headers)
            )
            producer.poll(seconds / len(sent))
        producer.flush()
        until(lambda: lag() == 0)
    stamps = {(m.partition(), m.offset()): m.timestamp()[1] for m in read(bus.servers, bus.name(Topic.HEADERS))}
    windows: dict[Any, list[int]] = {}
    for m in read(bus.servers, bus.name(Topic.WINDOWS)):
        headers = dict(m.headers() or ())
        partition, offset, _ = headers["wv-origin"].split(b":")  # type: ignore[union-attr, arg-type]
        delays.append(m.timestamp()[1] - stamps[int(partition), int(offset)])
        windows.setdefault(headers["wv-sensor"], []).append(m.timestamp()[1])
    verdicts = []
    for m in read(bus.servers, bus.name(Topic.VERDICTS)):
        times = np.sort(windows[dict(m.headers() or ())["wv-sensor"]])
        at = m.timestamp()[1]
        verdicts.append(at - times[max(int(np.searchsorted(times, at, side="right")) - 1, 0)])
    return {
        "header_to_window_ms": [round(float(np.percentile(delays, q)), 1) for q in (50, 99)],
        "window_to_verdict_ms": [round(float(np.percentile(verdicts, q)), 1) for q in (50, 99)],
        "verdicts": len(verdicts),
    }


def main() -> None:
    """All of it, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--packets", type=int, default=2_000_000)
    parser.add_argument("--live", type=int, default=1_000_000)
    parser.add_argument("--sensors", type=int, default=4)
    parser.add_argument(
        "--only", choices=["throughput", "naive", "growth", "checkpoints", "recovery", "latency"], action="append"
    )
    given = parser.parse_args()
    wanted = given.only or ["throughput", "naive", "growth", "checkpoints", "recovery", "latency"]
    (ROOT / "benchmarks" / "out").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory))
        server.start()
        try:
            batches = captured(given.packets) if {"throughput", "growth", "recovery"} & set(wanted) else []
            fastest = slowest = 0.0
            for name in wanted:
                made: dict[str, Callable[[], Any]] = {
                    "throughput": lambda: [throughput(server, batches, count, given.sensors) for count in (1, 4)],
                    "growth": lambda: growth(server, batches, given.sensors),
                    "naive": lambda: naive(server, 50_000),
                    "checkpoints": lambda: checkpoints(server, given.live),
                    "recovery": lambda: recovery(server, batches),
                    "latency": lambda: latency(server, 30),
                }
                found = made[name]()
                print(json.dumps({name: found}), flush=True)
                if name in ("throughput", "growth"):
                    fastest = max([fastest, *(each["million_headers_per_s"] * 1e6 for each in found)])
                elif name == "naive":
                    slowest = found["events_per_s"]
            if fastest and slowest:
                print(json.dumps({"times_the_naive_agent": round(fastest / slowest)}), flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
