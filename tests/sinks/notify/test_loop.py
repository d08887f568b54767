"""The notifier on a real broker: who leads, what is written, and what a restart finds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import orjson
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from sinks.dead_letters import read_letters
from sinks.metrics import Metrics
from sinks.notify import loop
from sinks.notify.loop import Loop
from sinks.notify.silences import Silence
from sinks.notify.store import read_memory, write_silence
from sinks.whole import messages
from tests.sinks.bus import DEADLINE, QUICK, new_bus, send, send_verdicts, until
from tests.sinks.made import verdict, verdict_body
from wireverdict.bus import BusSettings, Topic, librdkafka
from wireverdict.notifying import Labels, NotifySettings, Route, Selection
from wireverdict.sinking import SinkSettings

pytestmark = pytest.mark.services
EAGER = msgspec.structs.replace(QUICK, notify=NotifySettings(wait=0.5, update=0.5, hold=0.5))


class Running:
    """A loop in a thread."""

    def __init__(self, bus: BusSettings, settings: SinkSettings = EAGER) -> None:
        self.stop, self.metrics, self.error = threading.Event(), Metrics(), ""
        self.loop = Loop("pager", bus, settings, self.metrics, self.stop)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.loop.run()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.error = repr(error)

    def leads(self) -> bool:
        return bool(self.metrics.leads.labels("pager")._value.get())

    def end(self) -> None:
        self.stop.set()
        self.thread.join(DEADLINE)
        assert (self.thread.is_alive(), self.error) == (False, "")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOOK", 0.2)


@contextmanager
def running(bus: BusSettings, settings: SinkSettings = EAGER) -> Iterator[Running]:
    made = Running(bus, settings)
    try:
        yield made
    finally:
        made.end()


def pages(bus: BusSettings, name: str = "sink.pager") -> list[dict[str, Any]]:
    """What was told, in order."""
    found = [message for message in messages(bus, Topic.PAGES) if message.key() == name.encode()]
    return [orjson.loads(message.value() or b"") for message in found]


def told(bus: BusSettings, name: str = "sink.pager") -> list[str]:
    return [page["wireverdict"]["step"] for page in pages(bus, name)]


def test_an_outage_is_one_page_and_a_restart_goes_on_with_it() -> None:
    bus = new_bus(3)
    both = [verdict(number, rule=rule) for number in (0, 1) for rule in ("dns-loss", "throttling-ratio")]
    send_verdicts(bus, both)
    with running(bus):
        until(lambda: told(bus) == ["triggered"])
    send_verdicts(bus, [verdict(number, "resolved", 9, rule=each.rule) for number in (0, 1) for each in both[:2]])
    with running(bus):
        until(lambda: "resolved" in told(bus))
    first, *_, last = pages(bus)
    assert first["wireverdict"]["page"]["held_back"] == {"inhibited": 2}
    assert first["wireverdict"]["fingerprint"] == last["wireverdict"]["fingerprint"]
    assert told(bus)[0] == "triggered"
    assert told(bus).count("triggered") == told(bus).count("resolved") == 1
    assert not [name for name in read_memory(bus, "sink.pager") if name.startswith("page ")]


def test_one_leads_and_another_takes_over() -> None:
    bus = new_bus()
    first = Running(bus)
    until(first.leads)
    second = Running(bus)
    send_verdicts(bus, [verdict(0)])
    until(lambda: told(bus) == ["triggered"])
    assert not second.leads()
    first.end()
    send_verdicts(bus, [verdict(0, "resolved", 9)])
    until(lambda: told(bus) == ["triggered", "resolved"])
    assert second.leads()
    second.end()


def test_one_that_was_thought_dead_can_write_no_more() -> None:
    bus = new_bus()
    with running(bus) as first:
        until(first.leads)
        intruder = Loop("pager", bus, EAGER, Metrics(), threading.Event())
        intruder._ready()  # as another process that leads does
        send_verdicts(bus, [verdict(0)])
        until(lambda: told(bus) == ["triggered"])  # fenced, it begins again, and tells it once
    assert told(bus) == ["triggered"]


def test_recordings_wake_nobody_and_what_is_no_verdict_is_a_dead_letter() -> None:
    bus = new_bus()
    replayed = {"wv-schema": "1", "wv-sensor": "gw", "wv-replay": "last-week"}
    send(bus, Topic.VERDICTS, [(b"k", verdict_body(verdict(0)), replayed), (b"k", b"{}", {}), (b"k", b"\x00", {})])
    send_verdicts(bus, [verdict(1)])
    with running(bus) as run:
        until(lambda: bool(told(bus)))
    (page,) = pages(bus)
    assert (
        page["source"]["ip"] == "192.0.2.2"
        if "source" in page
        else page["wireverdict"]["subject"].startswith("192.0.2.2")
    )
    assert run.metrics.skipped.labels("pager", "replay")._value.get() == 1
    assert {letter.origin.offset for letter in read_letters(bus)} == {1, 2}


def test_silences_are_heard_by_all_and_routes_and_labels_hold() -> None:
    bus = new_bus()
    label = Labels(sensors=("gw",), set={"site": "fra"})
    settings = msgspec.structs.replace(
        EAGER, routes=(Route(sinks=("pager",), labels={"site": "fra"}, rules=("dns-*",)),), labels=(label,)
    )
    write_silence(bus, Silence("s", Selection(labels={"site": "fra"}), 0.0, comment="known"))
    send_verdicts(bus, [verdict(0), verdict(1, rule="policing")])
    with running(bus, settings) as run:
        until(lambda: run.metrics.held_back.labels("pager", "silence")._value.get() == 1)
        until(lambda: run.metrics.held_back.labels("pager", "route")._value.get() == 1)
        assert told(bus) == []
        write_silence(bus, Silence("s", Selection(labels={"site": "fra"}), 0.0, end=1.0))
        until(lambda: told(bus) == ["triggered"])
    assert pages(bus)[0]["labels"] == {"site": "fra"}


def test_it_misses_everybody() -> None:
    bus = new_bus()
    settings = msgspec.structs.replace(EAGER, notify=NotifySettings(wait=0.0, hold=0.0, nothing=8.0))
    admin, topic = AdminClient(librdkafka(bus)), bus.topic(Topic.WINDOWS)
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    send(bus, Topic.WINDOWS, [(b"gw", b"x", {})])
    with running(bus, settings) as run:
        until(run.leads)
        until(lambda: told(bus)[:1] == ["triggered"])
        send(bus, Topic.WINDOWS, [(b"gw", b"x", {})])
        until(lambda: told(bus)[:2] == ["triggered", "resolved"])  # and a while later they are missed again
    assert pages(bus)[0]["wireverdict"]["subject"] == "all sensors"


def test_without_its_topics_it_waits_for_them() -> None:
    bus = msgspec.structs.replace(new_bus(), prefix="nosuch")
    made = Running(bus)
    until(lambda: made.thread.is_alive())
    assert not made.leads()
    made.end()
