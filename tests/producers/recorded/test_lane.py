"""One partition, from an offset to an offset, whatever is left of it."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from producers.recorded.lane import Lane, client
from producers.recorded.source import SourceError
from tests.streams.broker import Bus
from wireverdict.bus import Topic

pytestmark = pytest.mark.services


def test_what_is_deleted_meanwhile_is_told_and_reading_goes_on() -> None:
    bus = Bus(partitions=1)
    name = bus.name(Topic.HEADERS)
    bus.send(Topic.HEADERS, ((0, b"k", b"%d" % number, []) for number in range(50)))
    admin = AdminClient(dict(bus.options))
    for result in admin.delete_records([TopicPartition(name, 0, 20)]).values():
        result.result()
    missed: list[tuple[int, str]] = []

    def miss(many: int, kind: str, reason: str) -> None:
        missed.append((many, kind))

    lane = Lane(dict(bus.options), name, 0, 5, 45, miss, first=False)
    values = [message.value() for message in lane]
    lane.close()
    assert values == [b"%d" % number for number in range(20, 45)]
    assert missed == [(15, "retention")]
    assert lane.next == 45
    nothing = Lane(dict(bus.options), name, 0, 7, 7, miss, first=True)
    assert list(nothing) == []
    nothing.close()


def test_settings_that_the_client_refuses() -> None:
    with pytest.raises(SourceError, match="cannot be used"):
        client({"bootstrap.servers": "localhost:1", "security.protocol": "nonsense"})
