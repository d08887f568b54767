"""The questions people ask first, each asked of real servers that hold what real captures gave."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from producers.timeline import open_timeline
from sinks.base import Document, Kind, Origin
from sinks.registry import make
from sinks.sample import verdict_document
from tests.services.places import ROOT, once
from tests.sinks.searching import chosen, fetch
from wireverdict.compose import pipeline
from wireverdict.output.identity import record_ids
from wireverdict.output.json_records import sensor_lines
from wireverdict.settings import Settings

pytestmark = pytest.mark.services

QUERIES = sorted((ROOT / "config" / "elasticsearch" / "queries").glob("*.json"))
LAB = ROOT / "tests" / "lab" / "captures"
CAPTURES = {
    "demo": ROOT / "demo" / "dns-outage.pcap.gz",
    "policed": LAB / "policed-down-big-burst.server.pcap.xz",
    "bloat": LAB / "bufferbloat-down.server.pcap.xz",
    "loss": LAB / "heavy-loss.server.pcap.xz",
    "refused": LAB / "flow-table-full.client.pcap.xz",
    "dead": LAB / "dns-one-dead.client.pcap.xz",
}


def analysed(sensor: str, path: Path) -> list[Document]:
    """Everything that a capture gives, as documents."""
    made = pipeline(Settings())
    for batch in open_timeline([str(path)]):
        made.feed(batch)
    made.finish()
    rows, verdicts = made.take_connections(), made.take_verdicts()
    ids = record_ids(rows, sensor)
    lines = b"".join(bytes(piece) for piece in sensor_lines(rows, ids, sensor)).splitlines()
    origin = Origin("test", 0, 0)
    connections = [
        Document(Kind.CONNECTION, bytes(name).decode(), line, origin) for name, line in zip(ids, lines, strict=True)
    ]
    return [*connections, *(verdict_document(verdict, sensor) for verdict in verdicts)]


@pytest.fixture(scope="module", params=["elasticsearch", "opensearch"])
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Product and URL; what the captures gave is in a namespace of its own, and not one document was refused."""
    product = request.param
    url = once(product)["url"]
    given = {"urls": [url], "namespace": f"queries-{os.getpid()}", "refresh": True, "timeout": 60.0}
    sink = make(product, chosen(**{product: given}))
    sink.open()
    for sensor, path in CAPTURES.items():
        documents = analysed(sensor, path)
        for at in range(0, len(documents), 2_000):
            assert list(sink.write(documents[at : at + 2_000])) == []
    sink.close()
    return product, url


def asked(server: tuple[str, str], number: int) -> Any:
    """The answer to a question, of this test's namespace."""
    (file,) = [path for path in QUERIES if path.name.startswith(f"{number:02d}-")]
    query = json.loads(file.read_text(encoding="utf-8"))
    assert query["question"].endswith("?")
    index = query["index"].replace("-*", f"-queries-{os.getpid()}")
    return fetch(f"{server[1]}/{index}/_search", "POST", query["body"])


def buckets(answer: Any, name: str) -> list[Any]:
    found: list[Any] = answer["aggregations"][name]["buckets"]
    return found


def test_there_are_ten() -> None:
    assert [path.name[:2] for path in QUERIES] == [f"{number:02d}" for number in range(1, 11)]


def test_what_is_wrong_now(server: tuple[str, str]) -> None:
    """Captures that ended: all is resolved by their end."""
    assert asked(server, 1)["hits"]["total"]["value"] == 0


def test_which_resolver_loses(server: tuple[str, str]) -> None:
    found = {each["key"]: each for each in buckets(asked(server, 2), "whom")}
    worst = found["198.18.0.2 > port 53"]
    assert worst["unanswered"]["value"] == 778
    assert worst["attempts"]["value"] >= 837
    assert [sensor["key"] for sensor in worst["sensors"]["buckets"]] == ["demo", "refused"]


def test_which_hosts_are_policed(server: tuple[str, str]) -> None:
    (policed, *_) = buckets(asked(server, 3), "subject")
    truth = json.loads((LAB / "policed-down-big-burst.truth.json").read_text(encoding="utf-8"))
    assert policed["rate"]["value"] > 0
    assert 0 < policed["lost_share"]["value"] < 1
    assert truth


def test_worst_queueing_delay(server: tuple[str, str]) -> None:
    hits = asked(server, 4)["hits"]["hits"]
    delays = [hit["_source"]["wireverdict"]["evidence"]["queue_delay_ms"] for hit in hits]
    assert delays
    assert delays == sorted(delays, reverse=True)
    assert delays[0] >= 100


def test_slowest_round_trips(server: tuple[str, str]) -> None:
    hits = asked(server, 5)["hits"]["hits"]
    times = [hit["_source"]["wireverdict"]["destination"]["rtt"]["p95_ms"] for hit in hits]
    assert len(times) >= 5
    assert times == sorted(times, reverse=True)
    assert times[0] >= 100  # the bloated one


def test_who_sends_again(server: tuple[str, str]) -> None:
    answer = asked(server, 6)
    for side in ("originators", "responders"):
        again = [each["again"]["value"] for each in buckets(answer, side)]
        assert again == sorted(again, reverse=True)
    first = buckets(answer, "responders")[0]
    assert first["packets"]["value"] > first["again"]["value"] > 100


def test_who_refuses(server: tuple[str, str]) -> None:
    ports = [port for host in buckets(asked(server, 7), "host") for port in host["port"]["buckets"]]
    for port in ports:
        assert {state["key"] for state in port["state"]["buckets"]} <= {"S0", "REJ", "RSTOS0"}
        assert port["clients"]["value"] >= 1
    assert ports


def test_busiest_peers(server: tuple[str, str]) -> None:
    found = buckets(asked(server, 8), "source")
    sums = [each["bytes"]["value"] for each in found]
    assert len(sums) >= 3
    assert sums == sorted(sums, reverse=True)
    assert all(each["peers"]["buckets"][0]["bytes"]["value"] <= each["bytes"]["value"] for each in found)


def test_how_good_the_capture_is(server: tuple[str, str]) -> None:
    found = {each["key"]: each for each in buckets(asked(server, 9), "sensor")}
    assert set(found) == set(CAPTURES)
    assert found["demo"]["doc_count"] == 8_266
    assert found["demo"]["one_sided"]["doc_count"] == 4_737
    assert found["demo"]["from"]["value_as_string"].startswith("2026-11-23T07:01:21")


def test_history_of_troubles(server: tuple[str, str]) -> None:
    rules = {rule["key"] for hour in buckets(asked(server, 10), "hours") for rule in hour["rule"]["buckets"]}
    assert {"dns-loss", "policing", "bufferbloat"} <= rules
