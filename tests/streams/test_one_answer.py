"""One answer: whatever the number of partitions and of workers, what is on the topics is what `analyze` says."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.streams.broker import Bus
from tests.streams.chain import answer_of
from tests.streams.fleet import Fleet, Lag, environment, worker
from tests.streams.publishing import Sent, publication
from tests.streams.sensors import answers, sensors
from wireverdict.bus import Topic

pytestmark = pytest.mark.services


def publish(bus: Bus, sent: list[Sent]) -> None:
    bus.send(Topic.HEADERS, ((m.partition, m.key, m.value, m.headers) for m in sent))


def interleaved(partitions: int) -> list[Sent]:
    """The messages of all sensors, mixed, each sensor's in their order."""
    streams = [publication(batches, name, partitions) for name, batches in sensors().items()]
    mixed = itertools.zip_longest(*streams)
    return [message for messages in mixed for message in messages if message is not None]


def said(bus: Bus) -> dict[str, tuple[list[bytes], list[bytes]]]:
    """What is on the topics, by sensor."""
    return answer_of(
        (topic, bytes(m.value() or b""), dict(m.headers() or ()))  # type: ignore[arg-type]
        for topic in (Topic.WINDOWS, Topic.CONNECTIONS, Topic.VERDICTS)
        for m in bus.read(topic)
    )


def test_there_are_enough_sensors_and_they_have_something_to_say() -> None:
    assert len(sensors()) >= 40
    assert sum(bool(verdicts) for _, verdicts in answers().values()) >= 6
    assert sum(len(records) for records, _ in answers().values()) > 10_000


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("partitions", [1, 4, 16])
def test_one_answer(tmp_path: Path, partitions: int, workers: int) -> None:
    bus = Bus(partitions=partitions)
    publish(bus, interleaved(partitions))
    with Fleet(worker, tmp_path, environment(bus)) as fleet:
        fleet.start(*range(workers))
        lag = Lag(bus)
        fleet.until("everything applied", lambda: lag() == 0)
        assert fleet.statuses == []
    answered = said(bus)
    assert answered.keys() == answers().keys()
    for name, (records, verdicts) in answers().items():
        assert answered[name][0] == records, name
        assert answered[name][1] == verdicts, name
