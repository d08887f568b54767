"""A real topic as a source: all of it, parts, from the middle, and what retention has left."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from producers.recorded.source import HeaderSource, SourceError, open_source
from tests.producers.recorded.collected import DEMO, WITH_QUOTES, everything, story
from tests.producers.recorded.test_fleet import expected, run
from tests.streams.broker import Bus
from tests.streams.publishing import Sent, header_batches, publication
from wireverdict.bus import SCHEMA, Topic
from wireverdict.settings import Settings

pytestmark = pytest.mark.services
SECOND = 1_000_000_000


def filled(messages: list[Sent], partitions: int = 3) -> Bus:
    bus = Bus(partitions=partitions)
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in messages))
    return bus


@pytest.fixture(scope="module")
def sent() -> list[Sent]:
    """Two sensors, one after the other."""
    one = publication(list(header_batches([DEMO])), "edge", 3)
    return [*one, *publication(list(header_batches([WITH_QUOTES])), "far", 3)]


@pytest.fixture(scope="module")
def bus(sent: list[Sent]) -> Bus:
    return filled(sent)


def source(bus: Bus, **more: object) -> HeaderSource:
    return open_source(["topic:"], Settings(bus=bus.settings), **more)  # type: ignore[arg-type]


def test_the_same_as_the_captures_and_no_group_is_left(bus: Bus) -> None:
    opened = source(bus)
    found = everything(opened)
    for name, capture in (("edge", DEMO), ("far", WITH_QUOTES)):
        captured = everything(open_source([str(capture)], Settings(), partitions=3, sensor=name))
        mine = [recorded for recorded in found if recorded.sensor == name]
        assert story(mine) == story(captured)
    assert opened.gaps == []
    assert opened.progress[0] == opened.progress[1]
    assert run(found) == {"edge": expected(DEMO), "far": expected(WITH_QUOTES)}
    admin = AdminClient(dict(bus.options))
    groups = admin.list_consumer_groups().result().valid
    assert "wireverdict-replay" not in [group.group_id for group in groups]


def test_partitions_are_read_side_by_side(bus: Bus) -> None:
    clocks = [int(recorded.clock[-1]) for recorded in everything(source(bus, sensors=["edge"]))]
    assert max(np.maximum.accumulate(clocks) - clocks) <= SECOND  # a tick's distance, not a partition's length


def test_shares_and_sensors_and_offsets(bus: Bus) -> None:
    whole = story(everything(source(bus)))
    shares = [story(everything(source(bus, share=(i, 2)))) for i in range(2)]
    assert shares[0] | shares[1] == whole
    assert {key[0] for key in story(everything(source(bus, sensors=["far"])))} == {"far"}
    part = source(bus, offsets={1: (10, 12)})
    assert len(everything(part)) == 2
    assert part.gaps == []
    with pytest.raises(SourceError, match="no partition 7"):
        source(bus, offsets={7: (None, None)})


def test_a_range_of_time_is_that_of_the_capture(bus: Bus) -> None:
    clock = int(everything(open_source([str(DEMO)], Settings()))[0].clock[0])
    begin, end = clock + 20 * SECOND, clock + 50 * SECOND
    captured = open_source([str(DEMO)], Settings(), partitions=3, sensor="edge", begin=begin, end=end)
    whole = everything(source(bus, sensors=["edge"], begin=begin, end=end, late=float("inf")))
    assert story(whole) == story(everything(captured))


def test_what_came_too_late_is_said_not_to_have_been_looked_at(bus: Bus) -> None:
    opened = source(bus, begin=1_000 * SECOND, end=2_000 * SECOND)
    assert everything(opened) == []
    assert {gap.kind for gap in opened.gaps} == {"not-read"}
    assert "--late" in str(opened.gaps[0])
    again = source(bus, begin=1_000 * SECOND, end=2_000 * SECOND, position=opened.position())
    everything(again)
    assert again.gaps == opened.gaps  # and not twice as many


def test_taken_up_anywhere_it_goes_on_as_it_would_have(bus: Bus) -> None:
    clock = int(everything(open_source([str(DEMO)], Settings()))[0].clock[0])
    for range_ in ({}, {"begin": clock + 20 * SECOND, "end": clock + 50 * SECOND, "late": float("inf")}):
        whole = everything(source(bus, **range_))
        cuts = [place for place, part in enumerate(whole) if part.end]
        for place in (0, 1, 17, *cuts[:2], cuts[0] + 1, len(whole) - 1):
            opened = source(bus, **range_)
            position = opened.position()
            for _, _ in zip(range(place), opened, strict=False):
                position = opened.position()
            opened.close()
            again = source(bus, **range_, position=orjson.loads(orjson.dumps(position)))
            assert story(everything(again)) == story(whole[place:])
            assert again.counts["headers"] == sum(len(part.batch.rows) for part in whole)


def test_what_retention_has_deleted_is_told(sent: list[Sent]) -> None:
    bus = filled(sent)
    admin = AdminClient(dict(bus.options))
    place = TopicPartition(bus.name(Topic.HEADERS), 0, 40)
    for result in admin.delete_records([place]).values():
        result.result()
    opened = source(bus)
    everything(opened)
    assert [(gap.kind, gap.many, gap.where) for gap in opened.gaps] == [("retention", 40, "edge, partition 0")]
    opened = source(bus, offsets={0: (10, None)})
    everything(opened)
    assert ("retention", 30, "offsets") in [(gap.kind, gap.many, gap.unit) for gap in opened.gaps]


def test_two_schema_versions_in_one_topic_are_counted(sent: list[Sent]) -> None:
    newer = [("wv-schema", str(SCHEMA + 1).encode()), sent[0].headers[1]]
    extra = [Sent(2, b"edge", sent[0].value, newer)] * 3
    opened = source(filled([*extra, *sent]))
    everything(opened)
    assert [(gap.kind, gap.many) for gap in opened.gaps] == [("schema", 3)]
    assert opened.counts[f"schema_{SCHEMA + 1}"] == 3
    assert opened.counts[f"schema_{SCHEMA}"] == len(sent)


def test_no_topic_no_broker(bus: Bus) -> None:
    with pytest.raises(SourceError, match="no topic nothing"):
        open_source(["topic:nothing"], Settings(bus=bus.settings))
