"""The notifier of one sink on Kafka: verdicts and silences in, pages out, each once.

The order of what it does, and what happens if the process dies after each step:

1. It joins a group on the topic of silences, which has one partition: whoever holds that leads, the others wait. Death: another
   leads after 10 s.
2. Its transactional producer is made ready: what a former leader has left open is undone, and that one, should it live on, can
   write no more. Death: as in 1.
3. What is remembered is read: troubles, pages, and up to which verdict they were heard. All silences are read.
4. Verdicts are read from there on, and the core is asked what to tell. Death: nothing was written, all is read again.
5. In one transaction pages and what has changed of the memory, places of verdicts among it, are written. Death before its end:
   as in 4, and nobody sees any of it. Death after it: the next leader goes on behind it.

Sinks read pages that were committed only, and deliver them as they deliver everything (sinks.delivery). So between verdicts and
pages nothing is lost or doubled; between a page and its destination the key of the page makes a second delivery harmless.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import msgspec
import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from sinks.dead_letters import Letters, NotWritten
from sinks.intake import address, octets, replayed
from sinks.metrics import Metrics
from sinks.notify.core import Notifier
from sinks.notify.heartbeat import Heartbeat, Pulse
from sinks.notify.page import Page
from sinks.notify.state import dump, load
from sinks.notify.store import Silences, changes, read_memory
from sinks.notify.trouble import Trouble, trouble
from sinks.routing import Routes
from sinks.whole import TIMEOUT
from wireverdict.bus import SCHEMA, BusSettings, Topic, librdkafka
from wireverdict.sinking import SinkSettings

LOG = logging.getLogger("wireverdict.sink")
KAFKA = logging.getLogger("wireverdict.kafka")
TICK = 0.25
"""s between looks at what time has brought."""
MOST = 2.0
"""s between such looks at most, where each is costly."""
LOOK = 10.0
"""s between looks at whether anything comes from any sensor."""
PATIENCE = 30.0
"""s after which people are told though there are still verdicts to be read."""


class Lost(Exception):
    """Another leads now, or nobody knows: begin again."""


class Loop:
    """`run` blocks until `stop` is set. `clock`: s since 1970."""

    def __init__(
        self,
        name: str,
        bus: BusSettings,
        settings: SinkSettings,
        metrics: Metrics,
        stop: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ValueError for settings that cannot be."""
        self.name, self.bus, self.settings, self.metrics, self.stop = name, bus, settings, metrics, stop
        self._clock = clock
        self._address = address(name, settings)
        self._routes = Routes(name, settings.routes, settings.labels, pages=True)
        self._make()

    def run(self) -> None:
        """Lead whenever it is our turn. What goes wrong between us and Kafka is tried again."""
        while not self.stop.is_set():
            try:
                self._lead()
            except (KafkaException, Lost, NotWritten, OSError) as error:
                LOG.warning("notifier begins again", extra={"sink": self.name, "reason": str(error)})
                self.stop.wait(self.settings.backoff_first)
            finally:
                self.metrics.leads.labels(self.name).set(0)

    def _make(self) -> None:
        self._core = Notifier(self.settings.notify, self._delay)
        self._saved: dict[str, bytes] = {}
        self._places: dict[str, int] = {}  # partition of verdicts: next offset
        self._silences = Silences()
        self._heart = Heartbeat(self.settings.notify.nothing)
        self._looked = 0.0
        self._now = 0.0

    def _delay(self, given: Trouble) -> float | None:
        addresses = [each for each in (given.source, given.destination) if each]
        return self._routes.delay(given.rule, given.severity, given.sensor, addresses, given.labels)

    def _lead(self) -> None:
        """Steps 1 to 5, until somebody else leads."""
        options = {**librdkafka(self.bus), "enable.auto.commit": False, "enable.partition.eof": True}
        seat = Consumer(
            {
                **options,
                "group.id": f"{self.bus.prefix}.notify.{self._address}",
                "session.timeout.ms": 10_000,
                "auto.offset.reset": "earliest",
            },
            logger=KAFKA,
        )
        reader = Consumer(
            {
                **options,
                "group.id": f"{self.bus.prefix}.notify.{self._address}.verdicts",
                "auto.offset.reset": "earliest",
            },
            logger=KAFKA,
        )
        try:
            self._take_seat(seat)
            if self.stop.is_set():
                return
            LOG.info("notifier leads", extra={"sink": self.name})
            self.metrics.leads.labels(self.name).set(1)
            producer = self._ready()
            self._remember(reader)
            self._work(seat, reader, producer)
        finally:
            reader.close()
            seat.close()

    def _take_seat(self, seat: Consumer) -> None:
        """Step 1, and of step 3 the silences: returns when all are read."""
        self._silences = Silences()

        def assigned(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            for each in partitions:
                each.offset = OFFSET_BEGINNING
            consumer.assign(partitions)

        seat.subscribe([self.bus.topic(Topic.SILENCES)], on_assign=assigned)
        while not self.stop.is_set():
            message = seat.poll(TICK)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._silences.take(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise KafkaException(error)

    def _ready(self) -> Producer:
        """Step 2."""
        options = {
            "transactional.id": f"{self.bus.prefix}.notify.{self._address}",
            "transaction.timeout.ms": 30_000,
            "linger.ms": 0,
            "compression.type": "zstd",
        }
        producer = Producer({**librdkafka(self.bus), **options}, logger=KAFKA)
        producer.init_transactions(TIMEOUT)
        return producer

    def _remember(self, reader: Consumer) -> None:
        """Step 3, and the places where step 4 begins."""
        silences = self._silences
        self._make()
        self._silences = silences
        self._saved = read_memory(self.bus, self._address)
        records = dict(self._saved)
        self._places = msgspec.json.decode(records.pop("places", b"{}"), type=dict[str, int])
        self._heart.pulse = msgspec.json.decode(records.pop("pulse", b"{}"), type=Pulse)
        load(self._core, records)
        topic = self.bus.topic(Topic.VERDICTS)
        known = reader.list_topics(topic, TIMEOUT).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        places = []
        for number in known.partitions:
            place = TopicPartition(topic, number)
            low, high = reader.get_watermark_offsets(place, TIMEOUT)
            place.offset = self._places.setdefault(str(number), high if self.settings.from_latest else low)
            places.append(place)
        self._behind = set(known.partitions)
        reader.assign(places)

    def _work(self, seat: Consumer, reader: Consumer, producer: Producer) -> None:
        """Steps 4 and 5 again and again."""
        letters = Letters(self.bus)
        told, pause = self._clock(), 0.0
        while not self.stop.is_set():
            self._sit(seat)
            messages = reader.consume(1_000, TICK)
            begun = time.monotonic()
            self._now = max(self._now, self._clock())
            silences = self._silences.all()
            heard = [*self._heard(messages, letters), *self._missed(reader)]
            self._core.hear(self._now, heard, silences)
            waited = self._clock() - told
            tells = waited >= pause if not self._behind else waited > PATIENCE
            pages: list[Page] = []
            if tells:
                pages, told = self._core.tell(self._now, silences), self._clock()
            letters.flush()
            if not seat.assignment():
                raise Lost("another leads")
            if tells or messages:
                self._write(producer, pages)
                pause = min(10 * (time.monotonic() - begun), MOST)  # thousands of troubles must not keep a core busy

    def _missed(self, reader: Consumer) -> list[Trouble]:
        """Whether nothing comes from any sensor: by how many messages of windows there have been."""
        if not self.settings.notify.nothing or self._now - self._looked < LOOK:
            return []
        self._looked = self._now
        topic = self.bus.topic(Topic.WINDOWS)
        known = reader.list_topics(topic, TIMEOUT).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        ends = [reader.get_watermark_offsets(TopicPartition(topic, number), TIMEOUT)[1] for number in known.partitions]
        made = self._heart.beat(self._now, sum(ends))
        return [made] if made else []

    def _sit(self, seat: Consumer) -> None:
        """Silences that came in the meantime; raises Lost when the seat is gone."""
        while (message := seat.poll(0)) is not None:
            error = message.error()
            if error is None:
                self._silences.take(message)
            elif error.fatal():
                raise KafkaException(error)
        if not seat.assignment():
            raise Lost("another leads")

    def _heard(self, messages: list[Message], letters: Letters) -> list[Trouble]:
        """What verdicts say; recordings wake nobody, and what cannot be read goes to the dead letters."""
        made = []
        for message in messages:
            partition, error = message.partition() or 0, message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._behind.discard(partition)
                elif error.fatal():
                    raise KafkaException(error)
                continue
            self._places[str(partition)] = (message.offset() or 0) + 1
            if replayed(message.headers()):
                self.metrics.skipped.labels(self.name, "replay").inc()
                continue
            try:
                value = orjson.loads(octets(message.value()))
                labels = {**self._routes.labels(value), **(value.get("labels") or {})}
                made.append(trouble({**value, "labels": labels}, message.timestamp()[1] / 1000))
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                letters.unreadable(self.name, message, f"not a verdict: {type(error).__name__} {error}")
                self.metrics.unreadable.labels(self.name).inc()
        return made

    def _write(self, producer: Producer, pages: list[Page]) -> None:
        """Step 5."""
        encode = msgspec.json.encode
        after = {**dump(self._core), "places": encode(self._places, order="sorted"), "pulse": encode(self._heart.pulse)}
        changed = list(changes(self._saved, after))
        if not changed and not pages:
            return
        producer.begin_transaction()
        for page in pages:
            headers = [("wv-schema", str(SCHEMA).encode()), ("wv-id", page.id.encode())]
            self._produce(producer, Topic.PAGES, self._address, orjson.dumps(page.document()), headers)
        for name, value in changed:
            self._produce(producer, Topic.NOTIFIER, f"{self._address} {name}", value, [])
        producer.commit_transaction(TIMEOUT)
        self._saved = after
        for page in pages:
            about = {"sink": self.name, "page": page.page.key, "group": page.page.group, "troubles": len(page.troubles)}
            LOG.info("page %s", page.step, extra=about)
            self.metrics.pages.labels(self.name, page.step).inc()
        self.metrics.open_pages.labels(self.name).set(sum(bool(page.triggered) for page in self._core.pages.values()))
        for reason, count in self._core.counts.items():
            self.metrics.held_back.labels(self.name, reason).set(count)

    def _produce(
        self, producer: Producer, topic: Topic, key: str, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        while True:
            try:
                producer.produce(self.bus.topic(topic), value, key.encode(), headers=headers)  # type: ignore[arg-type]
                return
            except BufferError:
                producer.poll(0.1)
