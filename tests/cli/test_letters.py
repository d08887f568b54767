"""How dead letters are shown and read again; tests/cli/test_sink.py does it with a broker."""

from __future__ import annotations

import json

import pytest

from sinks.base import Kind, Origin
from sinks.dead_letters import Letter
from tests.sinks.made import verdict_document
from wireverdict.bus import BadMessage
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
