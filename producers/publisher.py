"""Messages to Kafka: in order, each once, nothing lost while the broker is slow or away.

Messages in flight are bounded, and `send` waits when there is no room. With a spool, `send` does not wait for longer than
`patience`: what is in flight and what comes after goes to disk, and from there, in order, once Kafka is back. A message may
then go out twice; readers leave it out by its sequence number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from producers.batching import Message
from producers.metrics import Metrics
from producers.spool import Spool
from wireverdict.bus import BusSettings, Topic, librdkafka

IN_FLIGHT = 32 << 20
"""Bytes on their way at most."""
MESSAGES = 1_000
"""Messages on their way at most."""
PATIENCE = 3.0
"""s without an acknowledgment after which Kafka is taken to be away."""
POLL = 0.05
"""s that one wait for an event takes at most."""
REACH = 15.0
"""s for the brokers to answer at the start."""
SELDOM = 60.0
"""s between log lines of the same words."""


class Seldom(logging.Filter):
    """Lets each message pass once in SELDOM seconds: a broker that is away makes a hundred of them a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it."""
        text, now = record.getMessage().partition(" (after")[0], time.monotonic()
        if now - self._said.get(text, -SELDOM) < SELDOM:
            return False
        self._said[text] = now
        return True


_LOG = logging.getLogger("wireverdict.kafka")
_LOG.addFilter(Seldom())
_CAPTURE = logging.getLogger("wireverdict.capture")


class PublishError(RuntimeError):
    """Kafka refuses what is sent, or cannot be reached; the message is a sentence."""


class Unreachable(PublishError):
    """No broker answers."""


class Publisher:
    """A queue to the headers topic. Not to be used from several threads.

    `stopped` is asked while `send` waits: True makes it give up waiting (the message then goes to the spool, or stays in
    flight beyond the bound).
    """

    def __init__(
        self,
        settings: BusSettings,
        spool: Spool | None = None,
        metrics: Metrics | None = None,
        *,
        patience: float = PATIENCE,
        options: Mapping[str, Any] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Raises OSError for a password file that cannot be read, PublishError for settings that librdkafka refuses."""
        self.topic = settings.topic(Topic.HEADERS)
        self.partitions = settings.partitions
        self.metrics = metrics or Metrics()
        self.spooling = spool is not None and not spool.empty
        self._spool, self._patience, self._stopped = spool, patience, stopped
        self._unknown: dict[int, Message] = {}  # sent and not acknowledged, oldest first
        self._number = self.acknowledged = 0
        self._bytes = 0
        self._measured: tuple[int, bool, int] | None = None
        self._read: set[int] = set()  # those of them that came from the spool
        self._draining = self._fatal = False
        self._moved = time.monotonic()  # when something was last acknowledged, or nothing was in flight
        self._error = ""
        try:
            self._producer = Producer(
                {
                    **librdkafka(settings),
                    "client.id": "wireverdict-capture",
                    "enable.idempotence": True,
                    "compression.type": "none",  # Arrow has done it
                    "linger.ms": 2,
                    "message.timeout.ms": 0,  # until it is delivered
                    "message.max.bytes": 8_000_000,
                    "queue.buffering.max.messages": 100_000,
                    "queue.buffering.max.kbytes": 1 << 20,  # bounded here: see IN_FLIGHT
                    "reconnect.backoff.max.ms": 1_000,
                    "error_cb": self._failed,
                    **(options or {}),
                },
                logger=_LOG,
            )
        except KafkaException as error:
            raise PublishError(f"the settings for Kafka cannot be used: {error.args[0].str()}") from None

    def check(self, timeout: float = REACH) -> None:
        """That the topic is there and has as many partitions as the settings say. Raises PublishError."""
        try:
            listed = self._producer.list_topics(self.topic, timeout=timeout).topics[self.topic]
        except KafkaException as error:
            self._producer.poll(0.1)  # what clients say of it more exactly
            said = self._error or error.args[0].str()
            raise Unreachable(f"Kafka cannot be reached: {said}; check bus.servers and how to log in") from None
        if listed.error is not None:
            raise PublishError(f"there is no topic {self.topic} ({listed.error.str()}); run wireverdict topics create")
        if len(listed.partitions) != self.partitions:
            raise PublishError(
                f"the topic {self.topic} has {len(listed.partitions)} partitions and bus.partitions is {self.partitions}; "
                "make them equal"
            )

    def reach(self, timeout: float = REACH) -> bool:
        """As `check`; but with a spool, where batches can wait, a warning is all that comes of brokers that do not answer.
        Whether one did. Raises PublishError."""
        try:
            self.check(timeout)
        except Unreachable as error:
            if self._spool is None:
                raise
            _CAPTURE.warning("%s; batches go to the spool", error)
            return False
        return True

    def brokers(self, timeout: float = REACH) -> list[tuple[str, int]]:
        """Host and port of each broker, as they name themselves; empty if none answers."""
        try:
            listed = self._producer.list_topics(self.topic, timeout=timeout).brokers.values()
        except KafkaException:
            return []
        return [(broker.host, broker.port) for broker in listed]

    @property
    def in_flight(self) -> int:
        """Messages that Kafka has not acknowledged."""
        return len(self._unknown)

    @property
    def drops(self) -> dict[str, int]:
        """Headers that were lost, by reason."""
        return {"spool_full": self._spool.dropped} if self._spool is not None and self._spool.dropped else {}

    def send(self, message: Message) -> None:
        """Behind all that was sent before. Raises PublishError, SpoolError."""
        self._serve(0.0)
        while not self.spooling and self._full() and not self._stopped():
            self._serve(POLL)
            self._look()
        if self._spool is not None:
            self._look()
        if self.spooling:
            assert self._spool is not None
            self._spool.append(message)
            self._drain()
        else:
            self._produce(message)
        self._measure()

    def serve(self) -> None:
        """Hear what Kafka acknowledged, and send what waits on disk; for times when there is nothing to send. Raises
        PublishError, SpoolError."""
        self._serve(0.0)
        self._look()
        self._drain()
        self._measure()

    def settle(self, timeout: float) -> bool:
        """Wait until all that was sent has been acknowledged; whether it has. Raises PublishError."""
        deadline = time.monotonic() + timeout
        while self._unknown and time.monotonic() < deadline:
            self._serve(POLL)
        return not self._unknown

    def close(self, timeout: float) -> int:
        """Wait until everything has been acknowledged; how many messages have not, and are not in the spool either.
        Raises PublishError, SpoolError."""
        deadline = time.monotonic() + timeout
        try:
            while (self._unknown or self.spooling) and time.monotonic() < deadline:
                self._serve(POLL)
                self._look()
                self._drain()
            if self._unknown and self._spool is not None:
                self._to_spool()
            return 0 if self._spool is not None else len(self._unknown)
        finally:
            self._measure()
            self._producer.purge()
            self._producer.flush(0)
            if self._spool is not None:
                self._spool.close()

    def _full(self) -> bool:
        return self._bytes > IN_FLIGHT or len(self._unknown) >= MESSAGES

    def _produce(self, message: Message, read: bool = False) -> None:
        if not self._unknown:
            self._moved = time.monotonic()
        number = self._number
        self._number += 1

        def told(error: KafkaError | None, _: Any) -> None:
            if error is None:
                self._acknowledged(number)
            elif error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT):
                self._error, self._fatal = f"Kafka refuses a batch: {error.str()}", True

        try:
            self._producer.produce(
                self.topic,
                key=message.key,
                value=message.value,
                headers=list(message.headers),
                partition=message.partition,
                on_delivery=told,
            )
        except (KafkaException, BufferError) as error:
            raise PublishError(f"Kafka refuses a batch: {error}") from None
        self._unknown[number] = message
        self._bytes += len(message.value)
        if read:
            self._read.add(number)

    def _acknowledged(self, number: int) -> None:
        self._moved = time.monotonic()
        self._error = ""
        self.acknowledged += 1
        message = self._unknown.pop(number)
        self._bytes -= len(message.value)
        self.metrics.batches.inc()
        self.metrics.bytes.inc(len(message.value))
        if number in self._read:
            self._read.discard(number)
            if not self._read and self._spool is not None:
                self._spool.done()

    def _failed(self, error: KafkaError) -> None:
        self._error = error.str()
        self._fatal = self._fatal or error.fatal()

    def _serve(self, seconds: float) -> None:
        self._producer.poll(seconds)
        if self._fatal:
            raise PublishError(self._error)

    def _look(self) -> None:
        """Begin to spool if Kafka seems to be away."""
        if self._spool is None or self.spooling or not self._unknown:
            return
        if time.monotonic() - self._moved > self._patience:
            self._to_spool()

    def _to_spool(self) -> None:
        """Copies of what is in flight, in order; they stay in flight as well."""
        assert self._spool is not None
        if not self.spooling:
            for message in self._unknown.values():
                self._spool.append(message)
            self.spooling, self._draining = True, False

    def _drain(self) -> None:
        """Send what the spool holds, as far as there is room, once nothing older is in flight: then Kafka is back."""
        if self._spool is None or not self.spooling or (self._unknown and not self._draining):
            return
        self._draining = True
        while not self._full() and (message := next(self._spool.read(), None)) is not None:
            self._produce(message, read=True)
        if self._spool.empty:
            self.spooling = self._draining = False

    def _measure(self) -> None:
        now = len(self._unknown), self.spooling, len(self._spool) if self._spool is not None else 0
        if now == self._measured:  # as nearly always: each metric has a lock
            return
        self._measured = now
        self.metrics.queue.set(now[0])
        self.metrics.spooling.set(now[1])
        if self._spool is not None:
            self.metrics.spool.set(now[2])
