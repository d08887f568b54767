"""Backtests of sources that are not whole: what is missing is said, counted, and costs nothing else."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import open_source
from producers.recorded.store import HOUR, Store
from tests.cli.program import DEMO, run
from tests.streams.broker import Bus
from tests.streams.publishing import Sent, header_batches, publication
from wireverdict.bus import SCHEMA, Topic
from wireverdict.settings import Settings


@cache
def whole() -> dict[str, object]:
    """What the capture itself says."""
    found: dict[str, object] = json.loads(run("backtest", "--json", DEMO).out)
    return found


def incidents(document: dict[str, object]) -> list[object]:
    (config,) = document["configs"]  # type: ignore[misc]
    return [{key: value for key, value in one.items() if key != "place"} for one in config["incidents"]]  # type: ignore[has-type]


def topic(messages: list[Sent]) -> Bus:
    bus = Bus(partitions=3)
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in messages))
    return bus


def backtest(bus: Bus, *more: str) -> tuple[dict[str, object], str]:
    """The JSON document, and the page for people."""
    variables = {"WIREVERDICT_BUS__SERVERS": bus.servers, "WIREVERDICT_BUS__PREFIX": bus.prefix}
    told = [run("backtest", *more, *option, "topic:", data=None, **variables) for option in (["--json"], [])]
    assert [(ended.status, ended.err) for ended in told] == [(0, "")] * 2
    return json.loads(told[0].out), told[1].out


@pytest.mark.services
def test_a_topic_that_is_whole_says_what_the_capture_says() -> None:
    document, page = backtest(topic(publication(list(header_batches([DEMO])), "edge", 3)))
    assert incidents(document) == incidents(whole())
    assert document["source"]["missing"] == []  # type: ignore[index]
    assert [place["name"] for place in document["source"]["places"]] == ["edge"]  # type: ignore[index]
    assert document["source"]["places"][0]["headers"] == 16_988  # type: ignore[index]
    assert "Missing" not in page


@pytest.mark.services
def test_retention_holes_and_two_versions_of_the_schema(tmp_path: Path) -> None:
    sent = publication(list(header_batches([DEMO])), "edge", 3)
    newer = [("wv-schema", str(SCHEMA + 1).encode()), sent[0].headers[1]]
    mine = [number for number, message in enumerate(sent) if message.partition == 1]
    hole = set(mine[40:45])
    bus = topic(
        [Sent(2, b"edge", sent[0].value, newer)] * 3 + [m for number, m in enumerate(sent) if number not in hole]
    )
    place = TopicPartition(bus.name(Topic.HEADERS), 0, 40)
    admin = AdminClient(dict(bus.options))  # its futures end only while it lives
    for result in admin.delete_records([place]).values():
        result.result()
    report = tmp_path / "report.html"
    document, page = backtest(bus, "--html", str(report), "--processes", "2")
    told = {(one["kind"], one["many"]) for one in document["source"]["missing"]}  # type: ignore[index]
    assert told >= {("retention", 40), ("schema", 3)}
    assert any(kind == "hole" and many >= 5 for kind, many in told)
    counts = document["source"]["counts"]  # type: ignore[index]
    assert counts[f"schema_{SCHEMA + 1}"] == 3
    assert page.count("Missing: ") == len(told)
    text = report.read_text(encoding="utf-8")
    for sentence in (f"3 of version {SCHEMA + 1}", "What is missing", "retention: edge, partition 0: 40 "):
        assert sentence in text or sentence in page
        assert sentence in text


def test_an_archive_says_what_the_capture_says_and_what_it_lacks(tmp_path: Path) -> None:
    where = tmp_path / "archive"
    archiver = Archiver(Store(str(where), write=True), 5_000)
    for _ in archive(open_source([str(DEMO)], Settings(), sensor="edge", partitions=3), archiver):
        pass
    archiver.store.close()
    found = run("backtest", "--json", f"archive:{where}")
    assert incidents(json.loads(found.out)) == incidents(whole())
    files = sorted(where.rglob("*.parquet"))
    files[len(files) // 2].write_bytes(b"no longer a file of that kind")
    ended = run("backtest", "--json", "--processes", "1", f"archive:{where}")
    assert ended.status == 2
    assert files[len(files) // 2].name in ended.err
    assert "Traceback" not in ended.err
    store = Store(str(where), write=True)
    store.retain(store.entries()[0].hour + HOUR)
    store.close()
    (missing,) = json.loads(run("backtest", "--json", f"archive:{where}").out)["source"]["missing"]
    assert (missing["kind"], missing["where"]) == ("retention", "edge")
