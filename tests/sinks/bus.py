"""A real broker, with topics of a test's own, and a delivery loop in a thread."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from sinks.base import Document, Kind, Refused, Sink
from sinks.delivery import Delivery
from sinks.metrics import Metrics
from tests.services.places import once
from tests.sinks.made import verdict_body
from wireverdict.bus import SCHEMA, BusSettings, Topic, librdkafka
from wireverdict.sinking import SinkSettings
from wireverdict.verdicts import Verdict

QUICK = SinkSettings(linger=0.1, backoff_first=0.05, backoff_most=0.2, breaker_pause=0.2)
DEADLINE = 180.0
_numbers = itertools.count()


def new_bus(partitions: int = 1, servers: str = "") -> BusSettings:
    """Topics that nobody else uses, on the run's broker."""
    bus = BusSettings(servers=servers or once("kafka")["servers"], prefix=f"t{os.getpid()}-{next(_numbers)}")
    admin = AdminClient(librdkafka(bus))
    topics = [NewTopic(bus.topic(topic), partitions, 1) for topic in (Topic.CONNECTIONS, Topic.VERDICTS)]
    topics += [NewTopic(bus.topic(topic), 1, 1) for topic in (Topic.SILENCES, Topic.NOTIFIER, Topic.PAGES)]
    topics.append(NewTopic(bus.topic(Topic.DEAD_LETTERS), 2, 1))
    for future in admin.create_topics(topics).values():
        future.result(30)
    return bus


def send(bus: BusSettings, topic: Topic, messages: Iterable[tuple[bytes, bytes, dict[str, str]]]) -> None:
    """Messages: key, value, headers."""
    producer = Producer({**librdkafka(bus), "enable.idempotence": True, "linger.ms": 5})
    for key, value, headers in messages:
        pairs: Any = [(name, text.encode()) for name, text in headers.items()]
        while True:
            try:
                producer.produce(bus.topic(topic), value, key, headers=pairs)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def send_verdicts(bus: BusSettings, verdicts: Sequence[Verdict], sensor: str = "gw") -> list[str]:
    """As the worker sends them; their ids."""
    names = [f"{verdict.id}-{sensor}" for verdict in verdicts]
    headers = [{"wv-schema": str(SCHEMA), "wv-sensor": sensor, "wv-id": name} for name in names]
    values = [(verdict.fingerprint.encode(), verdict_body(verdict, sensor)) for verdict in verdicts]
    send(bus, Topic.VERDICTS, [(key, value, header) for (key, value), header in zip(values, headers, strict=True)])
    return names


def committed(bus: BusSettings, name: str, topic: Topic = Topic.VERDICTS) -> int:
    """Sum of the offsets that a sink's group has committed on a topic."""
    consumer = _watcher(bus, name)
    try:
        known = consumer.list_topics(bus.topic(topic), 30).topics[bus.topic(topic)].partitions
        places = consumer.committed([TopicPartition(bus.topic(topic), number) for number in known], 30)
    except KafkaException:  # the coordinator is still being made, or the broker is away: whoever waits asks again
        return -1
    return sum(max(place.offset, 0) for place in places)


@cache
def _watcher(bus: BusSettings, name: str) -> Consumer:
    return Consumer({**librdkafka(bus), "group.id": f"{bus.prefix}.sink.{name}"})


class Book(Sink):
    """Writes down what it is given, after what `faults` say: an exception is raised, a text refuses what bears the id."""

    def __init__(self, wants: frozenset[Kind] = frozenset({Kind.VERDICT})) -> None:
        self.wants = wants
        self.written: list[str] = []
        self.calls: list[int] = []
        self.faults: list[Exception] = []
        self.refuses: set[str] = set()
        self.closed = False
        self.wait: threading.Event | None = None

    def open(self) -> None:
        pass

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        self.calls.append(len(documents))
        if self.wait is not None:
            self.wait.wait(DEADLINE)
        if self.faults:
            raise self.faults.pop(0)
        self.written += [document.id for document in documents if document.id not in self.refuses]
        return [Refused(document, "not wanted") for document in documents if document.id in self.refuses]

    def close(self) -> None:
        self.closed = True


class Running:
    """A loop in a thread."""

    def __init__(self, bus: BusSettings, sink: Sink, settings: SinkSettings = QUICK, name: str = "book") -> None:
        self.stop = threading.Event()
        self.metrics = Metrics()
        self.error: Exception | None = None
        self.delivery = Delivery(name, sink, bus, settings, self.metrics, self.stop)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.delivery.run()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def end(self) -> None:
        """Stop it and wait; raises what the loop raised."""
        self.stop.set()
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error


@contextmanager
def running(bus: BusSettings, sink: Sink, settings: SinkSettings = QUICK, name: str = "book") -> Iterator[Running]:
    made = Running(bus, sink, settings, name)
    try:
        yield made
    finally:
        made.stop.set()
        made.thread.join(DEADLINE)
    if made.error is not None:
        raise made.error


def until(ready: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + DEADLINE
    while not ready():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
