"""How dead letters are shown and read again; tests/cli/test_sink.py does it with a broker."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
import pytest

from sinks.base import Document, Kind, Origin, Refused, Sink, Unavailable
from sinks.dead_letters import Letter, NotWritten
from tests.sinks.made import verdict_document
from wireverdict.bus import BadMessage
from wireverdict.cli import letters as module
from wireverdict.cli.letters import again, as_line, as_object
from wireverdict.settings import Settings

DOCUMENT = verdict_document(3)


def letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "place": "1:42",
        "id": "x",
        "reason": "no such field",
        "origin": Origin("wireverdict.verdicts", 0, 7),
        "time": 1_700_000_000_000,
        "key": b"k",
        "value": DOCUMENT.body,
        "headers": [("wv-sink", b"webhook"), ("odd", b"\xff")],
        "sink": "webhook",
        "kind": "verdict",
        "document_id": DOCUMENT.id,
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]


def test_a_line_for_people() -> None:
    expected = "1:42  2023-11-14T22:13:20Z  webhook  wireverdict.verdicts[0]@7  no such field"
    assert as_line(letter()) == expected


def test_an_object_with_bytes_that_are_no_text() -> None:
    shown = json.loads(as_object(letter(), whole=True))
    assert shown["value"] == DOCUMENT.value()
    assert shown["headers"] == {"wv-sink": "webhook", "odd": "base64:/w=="}
    assert json.loads(as_object(letter(value=b"\xff\x00", sink=""), whole=True))["value"] == "base64:/wA="
    assert "value" not in json.loads(as_object(letter()))


def test_what_is_delivered_again() -> None:
    (document,) = again(letter(), Settings())
    assert (document.kind, document.id, document.body) == (Kind.VERDICT, DOCUMENT.id, DOCUMENT.body)


def test_a_message_that_can_be_read_by_now() -> None:
    unread = letter(kind="", headers=[("original-wv-id", b"name"), ("wv-id", b"y")])
    (document,) = again(unread, Settings())
    assert (document.id, document.body, document.origin) == ("name", DOCUMENT.body, unread.origin)
    with pytest.raises(BadMessage, match="not a verdict"):
        again(letter(kind="", value=b"{}"), Settings())
    with pytest.raises(BadMessage, match="other holds no documents"):
        again(letter(kind="", origin=Origin("other", 0, 0)), Settings())


class Once(Sink):
    """Takes one document, and goes away then."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def open(self) -> None: ...

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        if self.taken:
            raise Unavailable("gone")
        self.taken += [document.id for document in documents]
        return []


class Marks:
    """In place of the topic of dead letters."""

    def __init__(self) -> None:
        self.pending: list[str] = []
        self.durable: list[str] = []
        self.fails = False

    def done(self, letter: Letter) -> None:
        self.pending.append(letter.place)

    def flush(self) -> None:
        if self.fails:
            raise NotWritten("time-out")
        self.durable += self.pending


def test_what_a_sink_took_before_it_went_away_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks()
    monkeypatch.setattr(module, "Letters", lambda bus: marks)
    monkeypatch.setattr(module, "made", lambda name, settings: Once())
    with pytest.raises(click.ClickException, match="webhook: not delivered: gone"):
        module.deliver(None, [letter(), letter(place="1:43")])
    assert marks.durable == ["1:42"]
    marks.fails = True
    with pytest.raises(click.ClickException, match="delivered, but not marked so: time-out"):
        module.deliver(None, [letter()])
