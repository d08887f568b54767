"""Verdicts and connection records through Kafka into a real Elasticsearch, while the sink is killed again and again: none
may be lost, none doubled. The official client's bulk helper writes some of the same kind in the same run, for comparison.

usage: python -m benchmarks.sink_soak [--records N] [--verdicts N] [--kills N] [--compared N] [--seed N]   (make sink-soak)
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import sink as short
from tests.cli.program import ROOT, command, environment
from tests.services.places import once
from tests.sinks.bus import committed, new_bus, send
from tests.sinks.made import sane_rows, verdict, verdict_body
from tests.sinks.searching import fetch, put_templates
from wireverdict.bus import SCHEMA, BusSettings, Topic
from wireverdict.codec.connections import encode_connections
from wireverdict.output.identity import record_ids

BATCH = 2_000
PARTITIONS = 4
ASKED = 10_000
"""Ids that the server is asked for at a time."""


class Soak(NamedTuple):
    """What came of it. Rates in documents/s; `rate` is that of the whole run, kills and starts included."""

    documents: int
    missing: int
    others: int
    kills: int
    seconds: float
    rate: float
    helper: float
    sink: float


def send_records(bus: BusSettings, count: int) -> list[NDArray[Any]]:
    """Batches as the worker sends them; the ids of their records."""
    ids: list[NDArray[Any]] = []

    def messages() -> Iterator[tuple[bytes, bytes, dict[str, str]]]:
        for number, first in enumerate(range(0, count, BATCH)):
            rows = sane_rows(min(BATCH, count - first), seed=number)
            rows["first_ts"] += number * 10_000_000_000
            rows["last_ts"] += number * 10_000_000_000
            sensor = f"host-{number % 16}"
            ids.append(record_ids(rows, sensor))
            yield sensor.encode(), encode_connections(rows), {"wv-schema": str(SCHEMA), "wv-sensor": sensor}

    send(bus, Topic.CONNECTIONS, messages())
    return ids


def send_verdicts(bus: BusSettings, count: int) -> list[str]:
    """Their ids."""
    names: list[str] = []

    def messages() -> Iterator[tuple[bytes, bytes, dict[str, str]]]:
        for number in range(count):
            made = verdict(number % 50_000, at=1 + number // 50_000)
            names.append(f"{made.id}-gw")
            headers = {"wv-schema": str(SCHEMA), "wv-sensor": "gw", "wv-id": names[-1]}
            yield made.fingerprint.encode(), verdict_body(made), headers

    send(bus, Topic.VERDICTS, messages())
    return names


def progress(bus: BusSettings) -> int:
    """Documents that the sink is done with; a batch that is not full counts as one that is."""
    records, verdicts = (
        max(committed(bus, "elasticsearch", topic), 0) for topic in (Topic.CONNECTIONS, Topic.VERDICTS)
    )
    return records * BATCH + verdicts


def soak(bus: BusSettings, url: str, namespace: str, documents: int, kills: int, seed: int) -> float:
    """Run the sink until all is committed, and kill it on the way; s that it took."""
    moments = random.Random(seed)
    variables = {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_SINKS__LINGER": "0.1",
        "WIREVERDICT_SINKS__BACKOFF_FIRST": "0.1",
        "WIREVERDICT_SINKS__ELASTICSEARCH__URLS": url,
        "WIREVERDICT_SINKS__ELASTICSEARCH__NAMESPACE": namespace,
        "WIREVERDICT_SINKS__ELASTICSEARCH__TIMEOUT": "60",
    }
    started = time.monotonic()
    for turn in range(kills + 1):
        process = subprocess.Popen(
            command("sink", "elasticsearch"), env=environment(**variables), cwd=ROOT, stderr=subprocess.DEVNULL
        )
        try:
            goal = documents if turn == kills else round(documents * (turn + moments.random()) / (kills + 1))
            while progress(bus) < goal:
                if process.poll() is not None:
                    raise RuntimeError(f"the sink ended by itself, with {process.returncode}")
                time.sleep(0.05)
            if turn < kills:
                time.sleep(moments.uniform(0, 0.5))  # not just behind a commit
        finally:
            process.kill()
            process.wait()
    return time.monotonic() - started


def found(url: str, index: str, ids: Sequence[str]) -> tuple[int, int]:
    """How many of these documents are there, and how many documents there are."""
    fetch(f"{url}/{index}/_refresh", "POST")
    total = int(fetch(f"{url}/{index}/_count")["count"])
    there = 0
    for first in range(0, len(ids), ASKED):
        query = {"query": {"ids": {"values": ids[first : first + ASKED]}}}
        there += int(fetch(f"{url}/{index}/_count", "POST", query)["count"])
    return there, total


def run(records: int, verdicts: int, kills: int, compared: int, seed: int) -> Soak:
    """All of it. Raises RuntimeError if the sink ends by itself."""
    url, namespace = once("elasticsearch")["url"], f"soak{time.time_ns()}"
    put_templates("elasticsearch", url)
    bus = new_bus(PARTITIONS)
    record_names = [bytes(name).decode() for name in np.concatenate(send_records(bus, records))]
    verdict_names = send_verdicts(bus, verdicts)
    given = short.messages(compared, seed)
    rates = {}
    for name, way in (("helper", short.helper), ("sink", short.ours)):
        begun = time.perf_counter()
        way(url, f"{namespace}{name}", given)
        rates[name] = len(given) * short.BATCH / (time.perf_counter() - begun)
    seconds = soak(bus, url, namespace, -(-records // BATCH) * BATCH + verdicts, kills, seed)
    missing = others = 0
    for kind, names in (("connection", record_names), ("verdict", verdict_names)):
        there, total = found(url, f"logs-wireverdict.{kind}-{namespace}", names)
        missing += len(set(names)) - there
        others += total - there
    count = records + verdicts
    return Soak(count, missing, others, kills, seconds, count / seconds, rates["helper"], rates["sink"])


def main(arguments: Sequence[str]) -> int:
    """0 if nothing was lost or doubled."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    for name, default in (("records", 5_000_000), ("verdicts", 100_000), ("kills", 20), ("compared", 40_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    chosen = parser.parse_args(arguments)
    print(f"seed {chosen.seed}", flush=True)
    made = run(chosen.records, chosen.verdicts, chosen.kills, chosen.compared, chosen.seed)
    print(f"{made.documents:,} documents, {made.kills} kills: {made.missing} missing, {made.others} too many")
    print(f"whole run  {made.seconds:8,.0f} s  {made.rate:8,.0f} documents/s, kills and starts included")
    print(f"compared   {made.sink:8,.0f} documents/s by the sink, {made.helper:8,.0f} by the client's bulk helper")
    return 1 if made.missing or made.others else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
