"""Sends messages to Kafka so that none is lost or overtaken, and knows when all have arrived."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.messages import Outgoing
from wireverdict.bus import BusSettings

LARGEST = 2_000_000
"""Bytes of a message: what topics take as `wireverdict topics create` makes them. Only dead letters need more than 1 MB."""
FULL = 0.05
"""s to wait for room in the producer's queue."""


class DeliveryError(RuntimeError):
    """A message did not arrive: what it came from must not count as done."""


class Outbox:
    """An idempotent producer, for several threads. Order per partition is kept whatever happens: what could not be
    delivered is never skipped, which readers rely on who leave out what they have had by its origin."""

    def __init__(self, bus: BusSettings, options: Mapping[str, Any]) -> None:
        """`options`: of librdkafka, to reach the brokers."""
        self.bus = bus
        self.sent = 0
        self.bytes = 0
        self._error: KafkaError | None = None
        self._lock = threading.Lock()
        self._mark = 0  # what is sent belongs to the mark of that time
        self._underway: dict[int, int] = {}  # messages that have not arrived, by mark
        self._producer = Producer(
            dict(options)
            | {
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,  # never give up: a gap would be a loss
                "linger.ms": 5,
                "compression.type": "none",  # what is large is compressed inside
                "queue.buffering.max.kbytes": 262_144,
                "message.max.bytes": LARGEST,
                "partitioner": "murmur2_random",  # as Java clients do
            }
        )

    def send(self, messages: Iterable[Outgoing]) -> None:
        """Queue them; waits while the queue is full. Raises DeliveryError."""
        for message in messages:
            self._send(message)
        self._producer.poll(0)
        self._check()

    def _send(self, message: Outgoing) -> None:
        place: dict[str, Any] = {} if message.partition is None else {"partition": message.partition}
        with self._lock:
            mark = self._mark
            self._underway[mark] = self._underway.get(mark, 0) + 1
        while True:
            try:
                self._producer.produce(
                    self.bus.topic(message.topic),
                    key=message.key,
                    value=message.value,
                    headers=list(message.headers),
                    on_delivery=partial(self._delivered, mark),
                    **place,
                )
                break
            except BufferError:
                self._producer.poll(FULL)
                self._check()
            except KafkaException as error:
                raise DeliveryError(f"cannot send to {self.bus.topic(message.topic)}: {error.args[0].str()}") from None
        with self._lock:
            self.sent += 1
            self.bytes += len(message.value)

    def flush(self, patience: float) -> None:
        """Wait until all that was sent before has arrived, for `patience` s at most, whatever others send meanwhile.
        Raises DeliveryError."""
        with self._lock:
            last = self._mark
            self._mark += 1
        until = time.monotonic() + patience
        while waiting := self._before(last):
            self._producer.poll(FULL)
            self._check()
            if time.monotonic() > until:
                raise DeliveryError(f"{waiting} messages have not arrived after {patience:.0f} s")
        self._check()

    def _before(self, last: int) -> int:
        with self._lock:
            return sum(count for mark, count in self._underway.items() if mark <= last)

    def poll(self) -> None:
        """Serve what has come back in the meantime. Raises DeliveryError."""
        self._producer.poll(0)
        self._check()

    def _delivered(self, mark: int, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = error
        with self._lock:
            self._underway[mark] -= 1
            if not self._underway[mark] and mark < self._mark:
                del self._underway[mark]

    def _check(self) -> None:
        if self._error is not None:
            raise DeliveryError(f"a message was not delivered: {self._error.str()}")
