"""From messages to documents."""

from __future__ import annotations

import pytest

from sinks.base import Kind, Origin
from sinks.messages import documents, kinds
from tests.sinks.made import connection_documents, sane_rows, verdict, verdict_body
from wireverdict.bus import SCHEMA, BadMessage, BusSettings
from wireverdict.codec.connections import encode_connections

ORIGIN = Origin("t", 2, 7)


def test_topics() -> None:
    expected = {"p.connections": Kind.CONNECTION, "p.verdicts": Kind.VERDICT, "p.pages": Kind.PAGE}
    assert kinds(BusSettings(prefix="p")) == expected


def test_connections_keep_their_order_and_know_their_sensor() -> None:
    rows = sane_rows(5)
    made = documents(Kind.CONNECTION, ORIGIN, b"gw", encode_connections(rows), [("wv-schema", b"1")])
    expected = connection_documents(5)
    assert [(each.id, each.body) for each in made] == [(each.id, each.body) for each in expected]
    assert [(each.origin, each.item, each.key) for each in made] == [(ORIGIN, item, b"gw") for item in range(5)]
    other = documents(Kind.CONNECTION, ORIGIN, b"gw", encode_connections(rows), [("wv-sensor", b"other")])
    assert other[0].value()["observer"] == {"name": "other"}
    assert documents(Kind.CONNECTION, ORIGIN, b"gw", encode_connections(rows[:0]), None) == []


def test_a_verdict_is_named_by_its_header_or_by_its_content() -> None:
    body = verdict_body(verdict(1))
    (named,) = documents(Kind.VERDICT, ORIGIN, b"k", body, [("wv-id", b"abc-gw")])
    (unnamed,) = documents(Kind.VERDICT, ORIGIN, b"k", body, None)
    assert (named.id, unnamed.id) == ("abc-gw", f"{verdict(1).id}-gw")
    assert (named.body, named.kind, named.key) == (body, Kind.VERDICT, b"k")


def test_a_body_is_one_line() -> None:
    spread = verdict_body(verdict(1)).replace(b",", b",\n")
    (made,) = documents(Kind.VERDICT, ORIGIN, b"k", spread, None)
    assert b"\n" not in made.body
    assert made.value()["event"]["id"] == verdict(1).id


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("value", [b"", b"\x00garbage", b"{}", b"[1]", b"\xff"])
def test_garbage_is_told(kind: Kind, value: bytes) -> None:
    with pytest.raises(BadMessage):
        documents(kind, ORIGIN, b"k", value, None)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_newer_schema_is_refused(kind: Kind) -> None:
    with pytest.raises(BadMessage, match="newer than"):
        documents(kind, ORIGIN, b"k", b"", [("wv-schema", str(SCHEMA + 1).encode())])


def test_messages_with_more_records_than_a_piece_of_text_holds() -> None:
    rows = sane_rows(3_000)
    made = documents(Kind.CONNECTION, ORIGIN, b"gw", encode_connections(rows), None)
    assert [each.value()["event"]["id"] for each in made] == [each.id for each in made]
    assert [each.body for each in made] == [each.body for each in connection_documents(3_000)]
