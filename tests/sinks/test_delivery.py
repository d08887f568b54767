"""The delivery loop on a real broker. Only the destination is a fake, where it has to fail at a certain moment."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from sinks import delivery
from sinks.base import Refused, Unavailable
from sinks.dead_letters import read_letters
from sinks.intake import consumer_options
from sinks.limit import TooManyDeadLetters
from tests.sinks.bus import QUICK, Book, Running, committed, new_bus, running, send, send_verdicts, until
from tests.sinks.made import verdict, verdict_body, verdict_document
from wireverdict.bus import SCHEMA, BusSettings, Topic, librdkafka

pytestmark = pytest.mark.services


def test_everything_is_delivered_once_and_in_order() -> None:
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(50)])
    with running(bus, sink):
        until(lambda: committed(bus, "book") == 50)
    assert sink.written == names
    assert sink.closed
    more = send_verdicts(bus, [verdict(99)])
    again = Book()
    with running(bus, again):
        until(lambda: committed(bus, "book") == 51)
    assert again.written == more


class Reluctant:
    """A consumer whose first commits fail, as while brokers change."""

    def __init__(self, real: Consumer, failures: int) -> None:
        self._real, self.failures = real, failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        self.failures -= 1
        if self.failures >= 2:
            raise KafkaException(KafkaError(KafkaError._WAIT_COORD))
        if self.failures >= 0:
            return [Refusal(each.topic, each.partition, each.offset) for each in offsets]  # type: ignore[misc]
        assert not asynchronous
        return self._real.commit(offsets=offsets, asynchronous=False)


class Refusal(NamedTuple):
    """A partition whose offset was not taken."""

    topic: str
    partition: int
    offset: int
    error: KafkaError = KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE)


def test_a_commit_that_failed_is_made_up_for_without_another_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "AGAIN", 0.01)
    monkeypatch.setattr(delivery, "Consumer", lambda *given, **named: Reluctant(Consumer(*given, **named), 4))
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(5)])
    with running(bus, sink):
        until(lambda: committed(bus, "book") == 5)
    assert sink.written == names
    assert [record.getMessage() for record in caplog.records].count("commit failed") == 4


def test_a_destination_that_is_away_is_tried_until_it_is_back() -> None:
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(5)])
    documents = [verdict_document(number) for number in range(5)]
    by_id = dict(zip(names, documents, strict=True))
    sink.faults = [Unavailable("away") for _ in range(7)]
    with running(bus, sink) as run:
        until(lambda: committed(bus, "book") == 5)
    assert sink.written == names
    assert set(by_id) == set(names)
    text = run.metrics.retries.labels("book")._value.get()
    assert text == 7


def test_partitions_that_are_lost_while_they_are_paused_are_read_when_they_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client keeps them paused over a rebalance."""
    impatient = {"session.timeout.ms": 6_000, "max.poll.interval.ms": 6_000}
    monkeypatch.setattr(delivery, "consumer_options", lambda *given: consumer_options(*given) | impatient)
    monkeypatch.setattr(delivery, "ALIVE", 1.0)
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(20)])
    sink.wait = threading.Event()
    with running(bus, sink, msgspec.structs.replace(QUICK, batch_documents=1)) as run:
        until(lambda: len(sink.calls) == 1)
        until(lambda: membership(bus) == 0)  # it writes, and asks for nothing meanwhile
        sink.wait.set()
        until(lambda: committed(bus, "book") == len(names))
        assert run.error is None
    assert set(sink.written) == set(names)


def membership(bus: BusSettings) -> int:
    """Members of the sink's group."""
    admin = AdminClient(librdkafka(bus))  # futures are for as long as it is
    described = admin.describe_consumer_groups([f"{bus.prefix}.sink.book"])
    return sum(len(group.result(30).members) for group in described.values())


def test_an_open_circuit_is_tried_with_one_document() -> None:
    bus, sink = new_bus(), Book()
    send_verdicts(bus, [verdict(number) for number in range(5)])
    sink.faults = [Unavailable("away") for _ in range(6)]
    settings = msgspec.structs.replace(QUICK, breaker_failures=3, linger=0.5)
    with running(bus, sink, settings):
        until(lambda: committed(bus, "book") == 5)
    first = sink.calls[0]
    assert sink.calls[:3] == [first] * 3
    assert sink.calls[3:7] == [1, 1, 1, 1]
    assert len(sink.written) == 5


def test_only_what_is_left_is_tried_again() -> None:
    bus, sink = new_bus(), Book()

    class Half(Book):
        def write(self, documents):  # type: ignore[no-untyped-def]
            if len(documents) > 2:
                self.written += [document.id for document in documents[:1]]
                raise Unavailable("half", rest=documents[2:], refused=[Refused(documents[1], "bad")])
            return super().write(documents)

    sink = Half()
    names = send_verdicts(bus, [verdict(number) for number in range(4)])
    with running(bus, sink, msgspec.structs.replace(QUICK, linger=2.0)):
        until(lambda: committed(bus, "book") == 4)
    assert sink.written == [names[0], *names[2:]]
    assert [letter.document_id for letter in read_letters(bus)] == [names[1]]


def test_what_is_refused_becomes_a_dead_letter_with_origin_and_reason() -> None:
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(3)])
    sink.refuses = {names[1]}
    with running(bus, sink):
        until(lambda: committed(bus, "book") == 3)
    (letter,) = read_letters(bus)
    assert (letter.sink, letter.reason, letter.document_id) == ("book", "not wanted", names[1])
    assert letter.origin == (bus.topic(Topic.VERDICTS), 0, 1)
    assert letter.value == verdict_body(verdict(1))
    assert sink.written == [names[0], names[2]]


def test_messages_that_cannot_be_read_do_not_stop_the_others() -> None:
    bus, sink = new_bus(), Book()
    newer = {"wv-schema": str(SCHEMA + 1)}
    good = send_verdicts(bus, [verdict(0)])
    send(bus, Topic.VERDICTS, [(b"k", b"\x00garbage", {}), (b"k", verdict_body(verdict(1)), newer)])
    good += send_verdicts(bus, [verdict(2)])
    with running(bus, sink) as run:
        until(lambda: committed(bus, "book") == 4)
    assert sink.written == good
    garbage, version = read_letters(bus)
    assert (garbage.value, garbage.origin.offset, garbage.document()) == (b"\x00garbage", 1, None)
    assert garbage.reason.startswith("not a verdict: ")
    assert "newer than the" in version.reason
    assert ("original-wv-schema", str(SCHEMA + 1).encode()) in version.headers
    assert run.metrics.unreadable.labels("book")._value.get() == 2


def test_a_run_of_refusals_stops_the_sink_and_loses_nothing() -> None:
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(20)])
    sink.refuses = set(names)
    run = Running(bus, sink, msgspec.structs.replace(QUICK, max_refused=5, refused_window=20))
    run.thread.join(60)
    with pytest.raises(TooManyDeadLetters):
        run.end()
    buried = {letter.document_id for letter in read_letters(bus)}
    assert len(buried) <= 5
    better = Book()
    with running(bus, better):
        until(lambda: committed(bus, "book") == 20)
    assert set(better.written) | buried == set(names)
    assert sink.closed


def test_a_fault_in_a_sink_stops_it_and_its_documents_are_read_again() -> None:
    bus, sink = new_bus(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(3)])
    sink.faults = [RuntimeError("a bug")]
    run = Running(bus, sink)
    run.thread.join(60)
    with pytest.raises(RuntimeError, match="a bug"):
        run.end()
    assert committed(bus, "book") == 0
    with running(bus, Book()) as second:
        until(lambda: committed(bus, "book") == 3)
    assert second.delivery.sink.written == names  # type: ignore[attr-defined]


def test_it_stops_while_the_destination_is_away() -> None:
    bus, sink = new_bus(), Book()
    send_verdicts(bus, [verdict(0)])
    sink.faults = [Unavailable("away", retry_after=3_600.0) for _ in range(3)]
    with running(bus, sink):
        until(lambda: bool(sink.calls))
    assert committed(bus, "book") == 0
    assert sink.written == []


def test_sinks_do_not_wait_for_each_other() -> None:
    bus, slow, fast = new_bus(), Book(), Book()
    slow.wait = threading.Event()
    names = send_verdicts(bus, [verdict(number) for number in range(3)])
    with running(bus, slow, name="slow"), running(bus, fast, name="fast"):
        until(lambda: committed(bus, "fast") == 3)
        assert (fast.written, slow.written) == (names, [])
        slow.wait.set()
        until(lambda: committed(bus, "slow") == 3)
    assert slow.written == names


def test_partitions_move_between_members_without_loss() -> None:
    bus, one, two, three = new_bus(4), Book(), Book(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(100)])
    settings = msgspec.structs.replace(QUICK, batch_documents=5)
    first = Running(bus, one, settings)
    until(lambda: len(one.written) >= 10)
    second = Running(bus, two, settings)
    names += send_verdicts(bus, [verdict(number) for number in range(100, 200)])
    until(lambda: len(set(one.written) | set(two.written)) == 200)
    first.end()
    names += send_verdicts(bus, [verdict(number) for number in range(200, 300)])
    with running(bus, three, settings):
        until(lambda: len({*one.written, *two.written, *three.written}) == 300)
        second.end()
        until(lambda: committed(bus, "book") == 300)
    assert {*one.written, *two.written, *three.written} == set(names)


def test_a_partition_that_is_taken_away_takes_its_documents_with_it() -> None:
    bus, stuck, other = new_bus(2), Book(), Book()
    names = send_verdicts(bus, [verdict(number) for number in range(20)])
    stuck.faults = [Unavailable("away") for _ in range(10_000)]
    settings = msgspec.structs.replace(QUICK, linger=1.0)
    first = Running(bus, stuck, settings)
    until(lambda: len(stuck.calls) >= 2)
    with running(bus, other):
        until(lambda: bool(other.written))
        until(lambda: committed(bus, "book") == len(other.written))
        stuck.faults.clear()
        until(lambda: committed(bus, "book") == 20)
    first.end()
    assert sorted([*other.written, *stuck.written]) == sorted(names)
