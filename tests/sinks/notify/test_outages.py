"""From the verdicts topic to a pager that speaks PagerDuty's protocol, by the program as people run it."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import orjson
import pytest

from sinks.notify.store import read_memory
from tests.cli.program import DEMO, ROOT, command, environment, run
from tests.processes import ask
from tests.sinks.bus import committed, new_bus, send, send_verdicts, until
from tests.sinks.conformance import SECRET
from tests.sinks.made import SECOND, START, verdict
from tests.sinks.notify.test_loop import told
from tests.sinks.pager_desk import Desk
from wireverdict.bus import SCHEMA, BusSettings, Topic
from wireverdict.verdicts import Subject, Verdict

pytestmark = pytest.mark.services


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.front.close()


def variables(bus: BusSettings, desk: Desk, **notify: float) -> dict[str, str]:
    given: dict[str, Any] = {"WAIT": 0.5, "UPDATE": 0.5, "HOLD": 0.5} | {
        name.upper(): at for name, at in notify.items()
    }
    return {
        "WIREVERDICT_BUS__SERVERS": bus.servers,
        "WIREVERDICT_BUS__PREFIX": bus.prefix,
        "WIREVERDICT_SINKS__LINGER": "0.1",
        "WIREVERDICT_SINKS__BACKOFF_FIRST": "0.1",
        "WIREVERDICT_SINKS__PAGERDUTY__URL": f"{desk.front.url}/v2/enqueue",
        "WIREVERDICT_SINKS__PAGERDUTY__ROUTING_KEY": SECRET,
        **{f"WIREVERDICT_SINKS__NOTIFY__{name}": str(value) for name, value in given.items()},
    }


@contextmanager
def pager(given: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command("sink", "pagerduty"), env=environment(**given), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        ask(process)
        assert process.wait(60) in (0, -signal.SIGKILL)


@cache
def outage() -> list[dict[str, Any]]:
    """The verdicts of the demo's capture, as `analyze` tells them."""
    return run("analyze", "--json", DEMO).of("verdict")


def send_documents(bus: BusSettings, documents: Sequence[dict[str, Any]], **headers: str) -> None:
    """As the worker sends them."""
    messages = []
    for value in documents:
        given = {"wv-schema": str(SCHEMA), "wv-sensor": "gw", "wv-id": f"{value['event']['id']}-gw", **headers}
        body = orjson.dumps(value | {"observer": {"name": "gw"}})
        messages.append((value["wireverdict"]["fingerprint"].encode(), body, given))
    send(bus, Topic.VERDICTS, messages)


def test_the_dns_outage_is_one_page_updated_and_resolved(desk: Desk) -> None:
    bus = new_bus(4)
    fired = [value for value in outage() if value["wireverdict"]["status"] == "firing"]
    over = [value for value in outage() if value["wireverdict"]["status"] == "resolved"]
    assert {value["rule"]["id"] for value in fired} == {"dns-loss", "throttling-ratio"}
    send_documents(bus, outage(), **{"wv-replay": "yesterday"})  # what is only played again wakes nobody
    with pager(variables(bus, desk)):
        until(lambda: committed_by_notifier(bus))
        send_documents(bus, fired)
        until(lambda: desk.alerts == 1)
        (key,) = desk.lives
        assert desk.summaries[key].startswith("CRITICAL: DNS queries go unanswered: 2 subjects (dns)")
        assert "held back: 2 inhibited" in desk.details[key]
        send_documents(bus, [value for value in over if value["rule"]["id"] == "dns-loss"][:1])
        until(lambda: len(desk.lives[key]) == 2)
        send_documents(bus, over)
        until(lambda: desk.lives[key][-1] == "resolve")
    assert (desk.alerts, desk.open, desk.stray, len(desk.lives)) == (1, 0, 0, 1)
    assert desk.summaries[key].startswith("RESOLVED: ")


def committed_by_notifier(bus: BusSettings) -> bool:
    places = orjson.loads(read_memory(bus, "sink.pagerduty").get("places", b"{}"))
    return bool(sum(places.values()) == len(outage()))


def test_five_hundred_clients_are_one_page(desk: Desk) -> None:
    bus = new_bus(4)
    many = [
        verdict(number, subject=Subject(source_ip=f"10.0.{number // 250}.{number % 250}", destination_port=53))
        for number in range(500)
    ]
    with pager(variables(bus, desk, wait=2.0)):
        send_verdicts(bus, many)
        until(lambda: any("500 subjects" in summary for summary in desk.summaries.values()))
        assert (desk.alerts, len(desk.lives)) == (1, 1)


def flapping(turns: int) -> list[Verdict]:
    """A fault that comes and goes."""
    made = []
    for turn in range(turns):
        start = START + turn * 60 * SECOND
        made += [verdict(0, "fired", 6 * turn + 1, start=start), verdict(0, "resolved", 6 * turn + 4, start=start)]
    return made


def test_a_flapping_fault_does_not_flap_the_pager_and_kills_lose_and_double_nothing(desk: Desk) -> None:
    bus, seed = new_bus(4), random.randrange(1_000_000)
    print(f"seed {seed}")
    moments = random.Random(seed)
    given = variables(bus, desk, hold=8.0, hold_most=8.0, update=1.0, remind=0.0)
    steps = flapping(12)
    for turn in range(2):
        with pager(given) as process:
            for step in steps[12 * turn : 12 * turn + 12]:
                send_verdicts(bus, [step])
            until(lambda: bool(desk.lives))  # then at any moment
            time.sleep(moments.uniform(0, 1.5))
            process.kill()
    with pager(given):
        until(lambda: desk.open == 0 and told(bus, "sink.pagerduty")[-1:] == ["resolved"])
        until(lambda: committed(bus, "pagerduty", Topic.PAGES) > 0)
    steps_told = told(bus, "sink.pagerduty")
    assert steps_told.count("triggered") == steps_told.count("resolved")
    assert desk.stray == 0
    assert len(desk.lives) == steps_told.count("triggered")
    assert desk.alerts <= len(desk.lives) + 1  # an event that was delivered and not committed comes once more
    assert len(desk.lives) <= 3  # twelve times bad and good; kills make pauses that are longer than the hold
