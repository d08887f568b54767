"""What a sink takes of what it reads."""

from __future__ import annotations

from typing import Any

import pytest

from sinks.base import Kind
from sinks.intake import Intake, address, consumer_options, octets, replayed
from sinks.metrics import Metrics
from tests.sinks.bus import Book
from tests.sinks.made import page_document, verdict, verdict_body
from wireverdict.bus import BadMessage, BusSettings, Topic
from wireverdict.notifying import Route
from wireverdict.sinking import SinkSettings

BUS = BusSettings(prefix="p")


class Message:
    def __init__(self, topic: Topic, key: bytes, value: bytes, *headers: tuple[str, bytes]) -> None:
        self.given = {"topic": BUS.topic(topic), "key": key, "value": value, "headers": list(headers) or None}

    def __getattr__(self, name: str) -> Any:
        return lambda: self.given.get(name, 0)


def intake(kind: Kind = Kind.VERDICT, notifies: bool = True, **settings: Any) -> tuple[Intake, Metrics]:
    sink, metrics = Book(frozenset({kind})), Metrics()
    sink.notifies = notifies
    return Intake("pager", sink, BUS, SinkSettings(**settings), metrics, 0), metrics


VERDICT = Message(Topic.VERDICTS, b"k", verdict_body(verdict(0)))
REPLAYED = Message(Topic.VERDICTS, b"k", verdict_body(verdict(0)), ("wv-replay", b"last-week"))


def test_recordings_wake_nobody_and_are_counted() -> None:
    taken, metrics = intake()
    assert len(taken.take(VERDICT)) == 1  # type: ignore[arg-type]
    assert taken.take(REPLAYED) == []  # type: ignore[arg-type]
    assert metrics.skipped.labels("pager", "replay")._value.get() == 1
    taken, metrics = intake(notifies=False)
    assert len(taken.take(REPLAYED)) == 1  # type: ignore[arg-type]


def test_pages_are_for_whom_they_are_addressed_to() -> None:
    taken, _ = intake(Kind.PAGE)
    body = page_document(0).body
    (made,) = taken.take(Message(Topic.PAGES, b"sink.pager", body, ("wv-id", b"x")))  # type: ignore[arg-type]
    assert (made.kind, made.id, made.body) == (Kind.PAGE, "x", body)
    assert taken.take(Message(Topic.PAGES, b"sink.other", body)) == []  # type: ignore[arg-type]
    assert address("pager", SinkSettings(group="second")) == "second.pager"


def test_routes_hold_and_those_that_wait_are_for_pages() -> None:
    taken, _ = intake(routes=(Route(sinks=("pager",), rules=("policing",)),))
    assert taken.take(VERDICT) == []  # type: ignore[arg-type]
    waiting = (Route(sinks=("pager",), after=60.0),)
    with pytest.raises(ValueError, match="for sinks that get pages"):
        intake(routes=waiting)
    assert intake(Kind.PAGE, routes=waiting)[0].kinds == {"p.pages": Kind.PAGE}


def test_what_cannot_be_read() -> None:
    with pytest.raises(BadMessage, match="not a page"):
        intake(Kind.PAGE)[0].take(Message(Topic.PAGES, b"sink.pager", b"{}"))  # type: ignore[arg-type]


def test_small_things() -> None:
    assert (replayed(None), replayed([("wv-replay", b"")]), replayed([("wv-id", b"")])) == (False, True, False)
    assert (octets(None), octets("a"), octets(b"a")) == (b"", b"a", b"a")
    options = consumer_options("x", BUS, SinkSettings(from_latest=True))
    assert consumer_options("x", BUS, SinkSettings(from_latest=True), pages=True)["auto.offset.reset"] == "earliest"
    assert (options["group.id"], options["auto.offset.reset"]) == ("p.sink.x", "latest")
