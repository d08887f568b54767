"""`wireverdict sink` and `wireverdict dead-letters` as people run them, against the real servers."""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import ROOT, command, environment, run
from tests.processes import ask
from tests.services.places import once
from tests.services.search import SearchServer
from tests.sinks.bus import committed, new_bus, send, send_verdicts, until
from tests.sinks.front import Answer, Front, Request
from tests.sinks.made import sane_rows, verdict, verdict_body
from tests.sinks.searching import Search, fetch
from wireverdict.bus import SCHEMA, BusSettings, Topic
from wireverdict.codec.connections import encode_connections
from wireverdict.output.identity import record_ids

pytestmark = pytest.mark.services


@pytest.fixture
def stage() -> Iterator[Search]:
    made = Search("elasticsearch")
    yield made
    made.front.close()


def variables(bus: BusSettings, stage: Search, url: str = "") -> dict[str, Any]:
    return {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_SINKS__LINGER": "0.1",
        "WIREVERDICT_SINKS__BACKOFF_FIRST": "0.1",
        "WIREVERDICT_SINKS__BACKOFF_MOST": "0.5",
        "WIREVERDICT_SINKS__BREAKER_PAUSE": "0.5",
        "WIREVERDICT_SINKS__BATCH_DOCUMENTS": "200",
        "WIREVERDICT_SINKS__ELASTICSEARCH__URLS": url or stage.url,
        "WIREVERDICT_SINKS__ELASTICSEARCH__NAMESPACE": stage.namespace,
    }


def start(given: dict[str, str], *names: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("sink", *names), env=environment(**given), cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def send_connections(bus: BusSettings, batches: int, size: int) -> list[str]:
    """Batches as the worker sends them; the ids of their records."""
    names: list[str] = []
    messages = []
    for number in range(batches):
        rows = sane_rows(size, seed=number)
        rows["first_ts"] += number * 1_000_000_000_000
        rows["last_ts"] += number * 1_000_000_000_000
        messages.append((b"gw", encode_connections(rows), {"wv-schema": str(SCHEMA), "wv-sensor": "gw"}))
        names += [bytes(name).decode() for name in record_ids(rows, "gw")]
    send(bus, Topic.CONNECTIONS, messages)
    return names


def stop(process: subprocess.Popen[bytes]) -> int:
    ask(process)
    return process.wait(60)


def test_kill_and_start_again_loses_and_doubles_nothing(stage: Search) -> None:
    bus = new_bus(2)
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    moments = random.Random(seed)
    expected = Counter(send_connections(bus, 30, 300))
    expected.update(send_verdicts(bus, [verdict(number) for number in range(500)]))
    given = variables(bus, stage)
    for _ in range(4):
        process = start(given, "elasticsearch")
        before = committed(bus, "elasticsearch", Topic.CONNECTIONS) + committed(bus, "elasticsearch")
        try:  # Wait for the first sign of delivery, then for a random while: that is the point of it.
            until(lambda: _count(stage) > 0)
            time.sleep(moments.uniform(0, 1.5))
        finally:
            process.kill()
            process.wait()
        assert before <= committed(bus, "elasticsearch", Topic.CONNECTIONS) + committed(bus, "elasticsearch") + 2
    process = start(given, "elasticsearch")
    try:
        until(lambda: committed(bus, "elasticsearch") == 500)
        until(lambda: committed(bus, "elasticsearch", Topic.CONNECTIONS) == 30)
        assert stop(process) == 0
    finally:
        process.kill()
        process.wait()
    assert stage.arrived() == expected


def _count(stage: Search) -> int:
    try:
        return int(fetch(f"{stage.url}/logs-wireverdict.*-{stage.namespace}*/_count")["count"])
    except urllib.error.HTTPError:  # an index that is just being made
        return 0


def test_a_search_engine_that_stops_and_comes_back(stage: Search, tmp_path: Path) -> None:
    directory = Path(once("elasticsearch")["directory"]) / f"own-{stage.namespace}"
    directory.mkdir()
    server = SearchServer("elasticsearch", directory)
    server.start()
    bus = new_bus(2)
    expected = Counter(send_verdicts(bus, [verdict(number) for number in range(300)]))
    stage.url = server.url
    process = start(variables(bus, stage, server.url), "elasticsearch")
    try:
        until(lambda: committed(bus, "elasticsearch") > 0)
        server.kill()
        expected.update(send_verdicts(bus, [verdict(number) for number in range(300, 600)]))
        expected.update(send_connections(bus, 5, 100))
        server.start()
        until(lambda: committed(bus, "elasticsearch") == 600)
        until(lambda: committed(bus, "elasticsearch", Topic.CONNECTIONS) == 5)
        assert stop(process) == 0
        assert stage.arrived() == expected
    finally:
        process.kill()
        process.wait()
        server.stop()


def test_trying_a_sink_out(stage: Search) -> None:
    bus = BusSettings()
    good = run("sink", "test", "elasticsearch", **variables(bus, stage))
    assert (good.status, good.out.split(" in ")[0]) == (0, "elasticsearch: delivered 3 documents")
    gone = run("sink", "test", "elasticsearch", **variables(bus, stage, "http://127.0.0.1:1"))
    assert gone.status == 2
    assert gone.out.startswith("elasticsearch: not delivered: ConnectionError")


def test_putting_templates(stage: Search) -> None:
    done = run("sink", "setup", "elasticsearch", **variables(BusSettings(), stage))
    assert done.status == 0
    assert "elasticsearch: put /_index_template/wireverdict-verdict\n" in done.out


def test_names() -> None:
    assert {"elasticsearch", "opensearch", "webhook"} <= set(run("sink", "list").out.split())
    unknown = run("sink", "nosuch")
    assert (unknown.status, "there is no sink 'nosuch'" in unknown.err) == (2, True)
    assert run("sink", "webhook").err.startswith("Error: webhook: sinks.webhook.url must be")
    assert run("sink", "test").status == 2


def test_letters_are_listed_shown_and_delivered_again() -> None:
    bus = new_bus()
    angry = True

    def upstream(request: Request) -> Answer:
        return Answer(422 if angry else 204, b"no such field")

    front = Front(upstream)
    given: dict[str, Any] = {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_SINKS__WEBHOOK__URL": front.url,
        "WIREVERDICT_SINKS__WEBHOOK__ALLOW_HTTP": "true",
        "WIREVERDICT_SINKS__WEBHOOK__ALLOW_PRIVATE": "true",
    }
    names = send_verdicts(bus, [verdict(number) for number in range(2)])
    send(bus, Topic.VERDICTS, [(b"k", b"garbage", {})])
    process = start(given, "webhook")
    until(lambda: committed(bus, "webhook") == 3)
    assert stop(process) == 0
    listed = run("dead-letters", "list", **given)
    assert listed.status == 0
    assert listed.out.count("webhook") >= 3
    assert "no such field" in listed.out
    letters = [json.loads(line) for line in run("dead-letters", "list", "--json", **given).out.splitlines()]
    places = {letter["document"]: letter["place"] for letter in letters}
    assert set(places) == {*names, None}
    shown = json.loads(run("dead-letters", "show", places[names[0]], **given).out)
    assert shown["value"] == json.loads(verdict_body(verdict(0)))
    assert shown["headers"]["wv-sink"] == "webhook"
    again = run("dead-letters", "retry", "--all", **given)
    assert again.status == 2
    assert again.out.count("refused again: ") == 2
    assert again.out.count("still cannot be read: ") == 1
    angry = False
    first = run("dead-letters", "retry", places[names[0]], **given)
    assert (first.status, first.out) == (0, f"{places[names[0]]}: delivered to webhook\n")
    left = [json.loads(line)["document"] for line in run("dead-letters", "list", "--json", **given).out.splitlines()]
    assert sorted(left, key=str) == sorted([names[1], None], key=str)
    assert run("dead-letters", "show", places[names[0]], **given).status == 2
    front.close()


def test_without_a_broker_there_is_a_sentence() -> None:
    ended = run("dead-letters", "list", WIREVERDICT_BUS__SERVERS="127.0.0.1:1")
    assert ended.status == 2
    assert "cannot read the dead letters from 127.0.0.1:1" in ended.err
