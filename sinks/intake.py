"""What a sink takes of the messages that it reads: which topics, which verdicts, and what it must not be told."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from sinks.base import Document, Kind, Origin, Sink
from sinks.messages import documents, kinds
from sinks.metrics import Metrics
from sinks.routing import Routes
from wireverdict.bus import MARK, BusSettings, librdkafka
from wireverdict.sinking import SinkSettings


class Intake:
    """Of the sink `name`."""

    def __init__(
        self, name: str, sink: Sink, bus: BusSettings, settings: SinkSettings, metrics: Metrics, seed: int
    ) -> None:
        """`seed`: of the Community ID. Raises ValueError for routes that cannot be."""
        self.kinds = {topic: kind for topic, kind in kinds(bus).items() if kind in sink.wants}
        self._name, self._sink, self._metrics, self._seed = name, sink, metrics, seed
        self._me = address(name, settings).encode()
        self._routes = Routes(name, settings.routes, settings.labels, Kind.PAGE in sink.wants)

    def take(self, message: Message) -> list[Document]:
        """The documents of a message that are for this sink. Raises BadMessage."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        kind, headers, key = self.kinds[topic], message.headers(), octets(message.key())
        if self._sink.notifies and replayed(headers):
            self._metrics.skipped.labels(self._name, "replay").inc()
            return []
        if kind == Kind.PAGE and key != self._me:  # another sink's
            return []
        origin = Origin(topic, partition, offset)
        made = documents(kind, origin, key, octets(message.value()), headers, self._seed)
        return [document for document in made if self._routes.wants(document)]


def address(name: str, settings: SinkSettings) -> str:
    """What the pages of the sink `name` are addressed to."""
    return f"{settings.group}.{name}"


def replayed(headers: Any) -> bool:
    """Whether a message (its Kafka headers: pairs or None) was derived from a recording."""
    return any(name == MARK for name, _ in headers or ())


def consumer_options(name: str, bus: BusSettings, settings: SinkSettings, pages: bool = False) -> dict[str, object]:
    """Of the group that the sink `name` reads in. `pages`: it gets pages, of which none is from before its time. Raises OSError
    when a password's file cannot be read."""
    return {
        **librdkafka(bus),
        "group.id": f"{bus.prefix}.{settings.group}.{name}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "latest" if settings.from_latest and not pages else "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "isolation.level": "read_committed",
        "queued.max.messages.kbytes": max(settings.buffer_bytes // 1024, 1),
        "fetch.message.max.bytes": 4_194_304,
        "session.timeout.ms": 10_000,  # how long the partitions of a killed process wait for another
        "max.poll.interval.ms": 600_000,
        "topic.metadata.refresh.interval.ms": 10_000,
    }


def octets(value: Any) -> bytes:
    """A key or a value of Kafka's as bytes."""
    return value.encode() if isinstance(value, str) else bytes(value or b"")
