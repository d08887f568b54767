"""The publisher on a real broker that goes away and comes back."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

import msgspec
import pytest

from producers import publisher as module
from producers.batching import Message
from producers.publisher import Publisher, PublishError, Seldom, Unreachable
from producers.spool import Spool
from tests.services.kafka import KafkaServer
from tests.services.places import free_port
from tests.streams.broker import Bus
from wireverdict.bus import BusSettings, Envelope, Kind, Topic

pytestmark = pytest.mark.services


def message(sequence: int, partition: int = 0, size: int = 100) -> Message:
    envelope = Envelope("s", "r", sequence, Kind.TICK, sequence, 2)
    return Message(partition, b"s", bytes(size), envelope.to_headers(), 1)


def sequences(bus: Bus) -> list[list[int]]:
    """Of each partition, in the order of the topic."""
    found: list[list[int]] = [[] for _ in range(bus.partitions)]
    for each in bus.read(Topic.HEADERS):
        partition = each.partition()
        assert partition is not None
        found[partition].append(Envelope.from_headers(each.headers()).sequence)
    return found


def without_repeats(numbers: list[int]) -> list[int]:
    """As a reader sees them: what is not above the last is left out."""
    kept: list[int] = []
    for number in numbers:
        if not kept or number > kept[-1]:
            kept.append(number)
    return kept


def test_messages_arrive_in_order_and_are_counted() -> None:
    bus = Bus()
    publisher = Publisher(bus.settings)
    publisher.check()
    for number in range(500):
        publisher.send(message(number, 0))
        publisher.send(message(number, 1))
    assert publisher.close(30.0) == 0
    assert publisher.in_flight == 0
    assert sequences(bus) == [list(range(500))] * 2
    count = publisher.metrics.registry.get_sample_value
    assert count("wireverdict_capture_batches_total") == 1000
    assert count("wireverdict_capture_bytes_total") == 100_000
    assert count("wireverdict_capture_queue") == 0


def test_while_the_broker_is_away_messages_go_to_the_spool_and_from_there_in_order(
    server: KafkaServer, tmp_path: Path
) -> None:
    bus = Bus(servers=server.address)
    publisher = Publisher(bus.settings, Spool(tmp_path / "spool", 1 << 30), patience=0.3)
    for number in range(50):
        publisher.send(message(number))
    server.kill()
    number = 50
    while not publisher.spooling:
        publisher.send(message(number))
        number += 1
    for _ in range(200):
        publisher.send(message(number))
        number += 1
    server.start()
    while publisher.spooling:
        publisher.send(message(number))
        number += 1
    assert publisher.close(30.0) == 0
    found = sequences(bus)[0]
    assert without_repeats(found) == list(range(number))
    assert list((tmp_path / "spool").iterdir()) == []


def test_what_the_spool_holds_is_sent_at_the_next_start(server: KafkaServer, tmp_path: Path) -> None:
    bus = Bus(servers=server.address)
    server.stop()
    publisher = Publisher(bus.settings, Spool(tmp_path, 1 << 30), patience=0.1)
    with pytest.raises(PublishError, match="cannot be reached"):
        publisher.check(0.5)
    for number in range(20):
        publisher.send(message(number))
    assert publisher.close(0.5) == 0  # nothing is lost: it waits
    server.start()
    again = Publisher(bus.settings, Spool(tmp_path, 1 << 30))
    assert again.spooling
    again.send(message(20))
    assert again.close(30.0) == 0
    assert without_repeats(sequences(bus)[0]) == list(range(21))


def test_a_broker_that_does_not_answer_is_a_warning_where_batches_can_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = BusSettings(servers=f"127.0.0.1:{free_port()}")
    publisher = Publisher(nowhere, Spool(tmp_path, 1 << 30))
    assert not publisher.reach(0.5)
    publisher.close(0.0)
    (record,) = [each for each in caplog.records if each.name == "wireverdict.capture"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("Kafka cannot be reached: ")
    assert record.getMessage().endswith("; batches go to the spool")
    without = Publisher(nowhere)
    with pytest.raises(Unreachable, match="cannot be reached"):
        without.reach(0.5)
    without.close(0.0)


def test_a_topic_that_is_not_there_is_an_error_in_spite_of_a_spool(tmp_path: Path) -> None:
    bus = Bus(partitions=2)
    there = Publisher(bus.settings, Spool(tmp_path, 1 << 30))
    assert there.reach()
    assert there.close(5.0) == 0
    other = msgspec.structs.replace(bus.settings, partitions=3)
    publisher = Publisher(other, Spool(tmp_path, 1 << 30))
    with pytest.raises(PublishError, match="make them equal"):
        publisher.reach()
    publisher.close(0.0)


def test_without_a_spool_it_waits_and_holds_a_bounded_number(server: KafkaServer) -> None:
    bus = Bus(servers=server.address)
    publisher = Publisher(bus.settings)
    publisher.send(message(0))
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    count = module.MESSAGES + 50

    def send() -> None:
        for number in range(1, count):
            publisher.send(message(number))

    sender = threading.Thread(target=send)
    sender.start()
    sender.join(1.0)  # as long as it takes to see that it waits
    assert sender.is_alive()
    assert publisher.in_flight <= module.MESSAGES
    os.kill(server.process.pid, signal.SIGCONT)
    sender.join()
    assert publisher.close(30.0) == 0
    assert without_repeats(sequences(bus)[0]) == list(range(count))


def test_what_cannot_work_is_refused_with_a_sentence() -> None:
    bus = Bus(partitions=2)
    with pytest.raises(PublishError, match=r"has 2 partitions and bus\.partitions is 5"):
        Publisher(BusSettings(bus.servers, bus.prefix, partitions=5)).check()
    with pytest.raises(PublishError, match="run wireverdict topics create"):
        Publisher(BusSettings(bus.servers, "nothing")).check()
    with pytest.raises(PublishError, match="settings for Kafka cannot be used"):
        Publisher(BusSettings(security_protocol="SASL_SSL", sasl_mechanism="NONE"))
    publisher = Publisher(bus.settings)
    publisher.send(message(0, 0, 5_000_000))
    with pytest.raises(PublishError, match="Kafka refuses a batch"):
        publisher.close(30.0)


def test_brokers_by_their_own_names_and_acknowledgments_that_are_heard_while_nothing_is_sent() -> None:
    bus = Bus()
    publisher = Publisher(bus.settings)
    host, _, port = bus.servers.partition(":")
    assert publisher.brokers() == [(host, int(port))]
    publisher.send(message(0))
    while not publisher.acknowledged:
        publisher.serve()
    assert publisher.close(10.0) == 0
    lonely = Publisher(BusSettings(servers="127.0.0.1:1"))
    assert lonely.brokers(0.2) == []
    lonely.close(0.0)


def test_a_log_line_is_not_said_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    seldom, said = Seldom(), []
    for second in range(0, 130, 10):
        clock[0] = float(second)
        for text in (f"refused (after {second}ms in state CONNECT)", "other"):
            record = logging.LogRecord("x", logging.WARNING, "", 0, text, (), None)
            if seldom.filter(record):
                said.append((second, text[:5]))
    assert said == [(second, text) for second in (0, 60, 120) for text in ("refus", "other")]
