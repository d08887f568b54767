"""Dead letters: what a destination refused for good, or nobody could read, with its origin and the reason.

A letter is a message on the dead-letters topic: the value as it was, and Kafka headers ``wv-id`` (what it is about, the
same when it is written again), ``wv-topic``, ``wv-partition``, ``wv-offset`` (where it came from), ``wv-reason``, and for a
document that a sink refused ``wv-sink``, ``wv-item``, ``wv-kind`` and ``wv-document``. A letter that was delivered after all
is followed by a mark: a message without a value, with ``wv-done`` set to the letter's place.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sinks.base import Document, Kind, Origin, Refused
from sinks.whole import messages
from wireverdict.bus import BusSettings, Topic, librdkafka

LOG = logging.getLogger("wireverdict.kafka")
TIMEOUT = 10.0
"""s that brokers have to take messages."""


class NotWritten(RuntimeError):
    """The brokers did not take a letter: what it is about must not be taken for done."""


class Letters:
    """Writes letters. `flush` says whether they are safe."""

    def __init__(self, bus: BusSettings) -> None:
        """Raises OSError when a password's file cannot be read."""
        options = {"enable.idempotence": True, "linger.ms": 5, "message.max.bytes": 1_000_000}
        self._producer = Producer({**librdkafka(bus), **options}, logger=LOG)
        self._topic = bus.topic(Topic.DEAD_LETTERS)
        self._failed: list[str] = []

    def refused(self, sink: str, refused: Refused) -> None:
        """A document that a sink's destination will never take."""
        document = refused.document
        origin = document.origin
        headers = [
            ("wv-id", f"{origin.topic}/{origin.partition}/{origin.offset}/{document.item}/{sink}".encode()),
            *_origin(origin),
            ("wv-reason", refused.reason.encode()),
            ("wv-sink", sink.encode()),
            ("wv-item", str(document.item).encode()),
            ("wv-kind", document.kind.encode()),
            ("wv-document", document.id.encode()),
        ]
        self._send(document.key, document.body, headers)

    def unreadable(self, sink: str, message: Message, reason: str) -> None:
        """A message that holds no documents."""
        origin = Origin(message.topic() or "", message.partition() or 0, message.offset() or 0)
        original = [(f"original-{name}", value) for name, value in _pairs(message)]
        name = f"{origin.topic}/{origin.partition}/{origin.offset}/{sink}"
        headers = [
            ("wv-id", name.encode()),
            *_origin(origin),
            ("wv-reason", reason.encode()),
            ("wv-sink", sink.encode()),
        ]
        self._send(_octets(message.key()), _octets(message.value()), headers + original)

    def done(self, letter: Letter) -> None:
        """Mark a letter as delivered after all."""
        self._send(letter.id.encode(), None, [("wv-done", letter.place.encode())])

    def flush(self) -> None:
        """Wait until the brokers have taken every letter. Raises NotWritten."""
        left = self._producer.flush(TIMEOUT)
        failed, self._failed = self._failed, []
        if left or failed:
            raise NotWritten(
                f"{left + len(failed)} dead letters could not be written: {failed[0] if failed else 'time-out'}"
            )

    def _send(self, key: bytes, value: bytes | None, headers: list[tuple[str, Any]]) -> None:
        try:
            self._producer.produce(self._topic, value, key, headers=headers, on_delivery=self._told)
        except (KafkaException, BufferError) as error:
            self._failed.append(str(error))

    def _told(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(str(error))


class Letter(msgspec.Struct, frozen=True):
    """One letter as it was read. `place`: partition:offset on the dead-letters topic."""

    place: str
    id: str
    reason: str
    origin: Origin
    time: int  # ms, when it was written
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    sink: str = ""  # empty: from a worker, not a sink
    kind: str = ""  # empty: the message could not be read
    item: int = 0
    document_id: str = ""

    def document(self) -> Document | None:
        """What a sink can be given again; None for a message that could not be read."""
        if not self.kind:
            return None
        return Document(Kind(self.kind), self.document_id, self.value, self.origin, self.item, self.key)


def read_letters(bus: BusSettings) -> list[Letter]:
    """All letters that wait, oldest first in each partition, each `id` once (its last). Raises KafkaException, OSError."""
    found: dict[str, Letter] = {}
    done: set[str] = set()
    for message in messages(bus, Topic.DEAD_LETTERS):
        headers = [(name, _octets(value)) for name, value in _pairs(message)]
        given = dict(headers)
        if "wv-done" in given:
            done.add(given["wv-done"].decode())
            continue
        letter = _letter(message, headers, given)
        found[letter.id] = letter
    return [letter for letter in found.values() if letter.place not in done]


def _letter(message: Message, headers: list[tuple[str, bytes]], given: dict[str, bytes]) -> Letter:
    def text(name: str) -> str:
        return given.get(name, b"").decode("utf-8", "replace")

    def number(name: str) -> int:
        return int(text(name)) if text(name).isdigit() else 0

    place = f"{message.partition()}:{message.offset()}"
    return Letter(
        place=place,
        id=text("wv-id") or place,
        reason=text("wv-reason") or "none given",
        origin=Origin(text("wv-topic"), number("wv-partition"), number("wv-offset")),
        time=message.timestamp()[1],
        key=_octets(message.key()),
        value=_octets(message.value()),
        headers=headers,
        sink=text("wv-sink"),
        kind=text("wv-kind") if text("wv-kind") in set(Kind) else "",
        item=number("wv-item"),
        document_id=text("wv-document"),
    )


def _origin(origin: Origin) -> Sequence[tuple[str, bytes]]:
    return [
        ("wv-topic", origin.topic.encode()),
        ("wv-partition", str(origin.partition).encode()),
        ("wv-offset", str(origin.offset).encode()),
    ]


def _pairs(message: Message) -> list[tuple[str, Any]]:
    given: Any = message.headers()
    return list(given or ())


def _octets(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value or b"")
