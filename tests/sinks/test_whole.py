"""Reading a topic to its end."""

from __future__ import annotations

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer

from sinks.whole import messages
from tests.sinks.bus import new_bus, send
from wireverdict.bus import Topic, librdkafka

pytestmark = pytest.mark.services


def test_all_partitions_to_their_ends() -> None:
    bus = new_bus(3)
    assert messages(bus, Topic.VERDICTS) == []
    send(bus, Topic.VERDICTS, [(str(number).encode(), b"x", {}) for number in range(50)])
    assert sorted(int(message.key() or b"") for message in messages(bus, Topic.VERDICTS)) == list(range(50))


def test_what_was_not_committed_is_not_there() -> None:
    bus = new_bus()
    producer = Producer({**librdkafka(bus), "transactional.id": f"{bus.prefix}.x"})
    producer.init_transactions(30)
    for value, commit in ((b"a", True), (b"b", False), (b"c", True)):
        producer.begin_transaction()
        producer.produce(bus.topic(Topic.PAGES), value)
        producer.flush(30)
        (producer.commit_transaction if commit else producer.abort_transaction)(30)
    assert [message.value() for message in messages(bus, Topic.PAGES)] == [b"a", b"c"]


def test_a_topic_that_is_not_there() -> None:
    with pytest.raises(KafkaException):
        messages(msgspec.structs.replace(new_bus(), prefix="nosuch"), Topic.PAGES)
