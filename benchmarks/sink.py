"""Documents per second into a real Elasticsearch: the sink beside the official client's own bulk helper, same documents.

usage: python -m benchmarks.sink [DOCUMENTS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from elasticsearch import Elasticsearch, helpers

from sinks.base import Kind, Origin
from sinks.messages import documents
from sinks.registry import make
from tests.services.places import once
from tests.sinks.made import sane_rows
from tests.sinks.searching import chosen, put_templates
from wireverdict.codec.connections import encode_connections

BATCH = 2_000


def messages(count: int, seed: int) -> list[bytes]:
    """Batches of records as they are on the topic."""
    made = []
    for number in range(count // BATCH):
        rows = sane_rows(BATCH, seed=seed * 1_000 + number)
        rows["first_ts"] += number * 10_000_000_000
        rows["last_ts"] += number * 10_000_000_000
        made.append(encode_connections(rows))
    return made


def ours(url: str, namespace: str, given: list[bytes]) -> None:
    """The sink."""
    elastic = {"urls": [url], "namespace": namespace, "timeout": 60.0, "setup": False}
    sink = make("elasticsearch", chosen(elasticsearch=elastic))
    sink.open()
    for number, value in enumerate(given):
        refused = sink.write(documents(Kind.CONNECTION, Origin("t", 0, number), b"gw", value, None))
        assert not refused
    sink.close()


def helper(url: str, namespace: str, given: list[bytes]) -> None:
    """elasticsearch.helpers.bulk, with a dictionary for each document."""

    def actions() -> Iterator[dict[str, Any]]:
        index = f"logs-wireverdict.connection-{namespace}"
        for number, value in enumerate(given):
            for document in documents(Kind.CONNECTION, Origin("t", 0, number), b"gw", value, None):
                yield {"_op_type": "create", "_index": index, "_id": document.id, "_source": document.value()}

    with Elasticsearch(url, request_timeout=60) as client:
        helpers.bulk(client, actions(), chunk_size=BATCH)


def main(count: int = 40_000) -> int:
    """Three rounds of each, in turns; the best of each."""
    url = once("elasticsearch")["url"]
    put_templates("elasticsearch", url)
    ways: dict[str, Callable[[str, str, list[bytes]], None]] = {"helper": helper, "sink": ours}
    best = dict.fromkeys(ways, (0.0, float("inf")))
    for number in range(3):
        given = messages(count, number)
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way(url, f"bench{number}{name}", given)
            rate = count / (time.perf_counter() - wall)
            each = (time.process_time() - cpu) / count * 1e6
            best[name] = max(best[name][0], rate), min(best[name][1], each)
    for name, (rate, each) in best.items():
        print(f"{name:8} {rate:10,.0f} documents/s   {each:6.1f} µs of the client's CPU for each")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
