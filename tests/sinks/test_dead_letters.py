"""Dead letters on a real broker."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException

from sinks.base import Refused
from sinks.dead_letters import Letters, NotWritten, read_letters
from tests.sinks.bus import new_bus
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.bus import BusSettings

pytestmark = pytest.mark.services


def test_letters_come_back_as_documents() -> None:
    bus = new_bus()
    letters = Letters(bus)
    documents = [verdict_document(0), *connection_documents(2)]
    for document in documents:
        letters.refused("x", Refused(document, f"no {document.id}"))
    letters.flush()
    read = read_letters(bus)
    assert sorted(letter.document() for letter in read) == sorted(documents)  # type: ignore[type-var]
    assert {letter.reason for letter in read} == {f"no {document.id}" for document in documents}
    assert {letter.sink for letter in read} == {"x"}


def test_a_letter_that_is_written_again_is_one_and_a_delivered_one_is_none() -> None:
    bus = new_bus()
    letters = Letters(bus)
    one, two = (Refused(verdict_document(number), "r") for number in range(2))
    for each in (one, two, one):
        letters.refused("x", each)
    letters.flush()
    read = {letter.document_id: letter for letter in read_letters(bus)}
    assert set(read) == {one.document.id, two.document.id}
    letters.done(read[one.document.id])
    letters.flush()
    assert [letter.document_id for letter in read_letters(bus)] == [two.document.id]
    letters.refused("x", one)  # and refused once more, later
    letters.flush()
    assert len(read_letters(bus)) == 2


def test_no_letters_at_all() -> None:
    assert read_letters(new_bus()) == []


def test_a_letter_that_no_broker_takes_is_told() -> None:
    letters = Letters(new_bus())
    document = verdict_document()
    letters.refused("x", Refused(document._replace(body=b"x" * 2_000_000), "r"))
    with pytest.raises(NotWritten, match="1 dead letters could not be written"):
        letters.flush()
    letters.refused("x", Refused(document, "r"))
    letters.flush()


def test_a_topic_that_is_not_there_is_told() -> None:
    bus = BusSettings(servers=new_bus().servers, prefix="nosuch")
    with pytest.raises(KafkaException):
        read_letters(bus)
