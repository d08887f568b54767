"""The delivery loop: from topics to one destination, at least once, so that nothing is lost and ids keep it from counting
twice.

The order of what it does, and what happens if the process dies after each step:

1. Messages are read and turned into documents, up to a bound. Death: nothing was committed, all are read again.
2. The documents are written; every one is then accepted by the destination or refused for good. Death: they are read and
   written again, under the same ids.
3. Refused documents and unreadable messages are written to the dead letters, and the brokers have confirmed each.
   Death: as in 2; letters are written again under the same ``wv-id``, and listed once.
4. The offsets after the messages are committed, synchronously, for the partitions that are still ours. Death: the next
   messages are read. A commit that fails is tried again, with the next one or after a while; whoever gets the partition
   before that reads the messages again.

While a destination cannot take anything, partitions are paused, and the loop goes on polling so that the group knows it
to be alive: the messages wait on the topic. Partitions that are taken away in the meantime take their documents with them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from sinks.base import Document, Kind, Refused, Sink, Unavailable, slices
from sinks.dead_letters import Letters, NotWritten
from sinks.intake import Intake, consumer_options
from sinks.limit import Limit
from sinks.metrics import Metrics
from sinks.patience import Patience
from wireverdict.bus import BadMessage, BusSettings
from wireverdict.sinking import SinkSettings

LOG = logging.getLogger("wireverdict.sink")
POLL = 0.1
"""s that a poll waits while nothing else is to be done."""
AGAIN = 1.0
"""s after which a commit that failed is tried again, if no other comes first."""
ALIVE = 10.0
"""s after which a member of the group polls, in the middle of a long batch too."""
Place = tuple[str, int]


class Delivery:
    """One sink's loop. `run` blocks until `stop` is set or the sink cannot go on."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        bus: BusSettings,
        settings: SinkSettings,
        metrics: Metrics,
        stop: threading.Event,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.sink, self.settings, self.metrics, self.stop = name, sink, settings, metrics, stop
        self._clock = clock
        self._intake = Intake(name, sink, bus, settings, metrics, seed)
        options = consumer_options(name, bus, settings, Kind.PAGE in sink.wants)
        self._consumer = Consumer(options, logger=logging.getLogger("wireverdict.kafka"))
        self._letters = Letters(bus)
        self._patience = Patience(name, settings, metrics, stop, self._wait, clock)
        self._limit = Limit(settings.max_refused, settings.refused_window)
        self._pending: list[Document] = []
        self._offsets: dict[Place, int] = {}  # the next message of each partition, once `_pending` is done
        self._owed: dict[Place, int] = {}  # delivered, and not committed: the brokers could not take it
        self._tried = 0.0
        self._bytes = 0
        self._unread: list[tuple[Message, str]] = []
        self._most = min(sink.most or settings.batch_documents, settings.batch_documents)
        self._polled = clock()
        self._early: list[Message] = []  # read while partitions were being paused

    def run(self) -> None:
        """Raises TooManyDeadLetters, and whatever a sink raises that is not Unavailable."""
        self.metrics.up.labels(self.name).set(1)
        try:
            self._patience.until_done(self.sink.open)
            self._consumer.subscribe(
                list(self._intake.kinds), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            while not self.stop.is_set():
                self._fill()
                if self._offsets:
                    self._finish()
        finally:
            self.metrics.up.labels(self.name).set(0)
            self.sink.close()
            self._consumer.close()

    def _fill(self) -> None:
        """Step 1: until there is a batch, or what there is has waited for long enough."""
        settings = self.settings
        deadline = self._clock() + settings.linger
        while not self.stop.is_set():
            full = len(self._pending) >= self._most or self._bytes >= settings.batch_bytes
            late = self._clock() >= deadline
            if full or (late and self._offsets):
                break
            if not self._offsets:
                deadline = self._clock() + settings.linger
                if self._owed and self._clock() - self._tried > AGAIN:
                    self._commit()
            early, self._early = self._early, []
            for message in early or self._consumer.consume(16, POLL):
                self._take(message)
            self._polled = self._clock()
        self.metrics.waiting.labels(self.name).set(len(self._pending))

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            LOG.log(logging.ERROR if error.fatal() else logging.WARNING, "kafka", extra=self._about(reason=error.str()))
            if error.fatal():
                raise KafkaException(error)
            return
        try:
            made = self._intake.take(message)
        except BadMessage as bad:
            self._unread.append((message, str(bad)))
        else:
            self._pending += made
            self._bytes += sum(len(document.body) for document in made)
        self._offsets[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1

    def _finish(self) -> None:
        """Steps 2 to 4 for what has been read."""
        started = self._clock()
        refused: list[Refused] = []
        for batch in slices(self._pending, self._most, self.settings.batch_bytes, self.sink.whole):
            if self._clock() - self._polled > ALIVE:
                self._wait(0.0)
            if not self._write(batch, refused):
                return
        unread = [pair for pair in self._unread if self._ours(pair[0])]
        self._limit.count(len(self._pending) + len(unread), len(refused) + len(unread))
        if refused or unread:
            self._bury(refused, unread)
        self._commit()
        self.metrics.seconds.labels(self.name).observe(self._clock() - started)
        self.metrics.last.labels(self.name).set(time.time())
        self._forget()

    def _write(self, batch: Sequence[Document], refused: list[Refused]) -> bool:
        """Step 2. False if it was given up because the loop is to stop."""
        rest = list(batch)

        def attempt() -> None:
            nonlocal rest
            rest = [document for document in rest if document.origin[:2] in self._offsets]
            while rest:
                trial: Sequence[Document] = rest
                if self._patience.careful:
                    trial = next(slices(rest, 1, 0, self.sink.whole))
                others = rest[len(trial) :]
                try:
                    refused.extend(self.sink.write(trial))
                except Unavailable as error:
                    refused.extend(error.refused)
                    rest = [*(trial if error.rest is None else error.rest), *others]
                    raise
                rest = others
                self._patience.worked()

        if not self._patience.until_done(attempt):
            return False
        gone = len(batch) - sum(document.origin[:2] in self._offsets for document in batch)
        for kind in Kind:
            count = sum(document.kind == kind for document in batch)
            self.metrics.delivered.labels(self.name, kind).inc(count)
        if gone:
            LOG.info("partitions went to another member", extra=self._about(documents=gone))
        self.metrics.bytes.labels(self.name).inc(sum(len(document.body) for document in batch))
        return True

    def _wait(self, seconds: float) -> None:
        """Let time pass, and stay a member of the group: partitions are paused, so that a poll brings nothing."""
        until = self._clock() + seconds
        while True:
            # What comes all the same was on its way, or is of partitions that are new here.
            self._consumer.pause(self._consumer.assignment())
            left = until - self._clock()
            self._early += self._consumer.consume(16, max(min(POLL, left), 0.0))
            self._polled = self._clock()
            if left <= 0 or self.stop.is_set():
                break
        self._consumer.resume(self._consumer.assignment())

    def _bury(self, refused: Sequence[Refused], unread: Sequence[tuple[Message, str]]) -> None:
        """Step 3."""
        while True:
            for each in refused:
                self._letters.refused(self.name, each)
            for message, reason in unread:
                self._letters.unreadable(self.name, message, reason)
            try:
                self._letters.flush()
                break
            except NotWritten as error:  # the brokers are away: the documents are delivered, the letters are not
                LOG.warning("dead letters failed", extra=self._about(reason=str(error)))
                if self.stop.is_set():
                    raise
                self._wait(self.settings.backoff_first)
        for each in refused:
            LOG.warning("refused", extra=self._about(document=each.document.id, reason=each.reason))
        for message, reason in unread:
            LOG.warning("unreadable", extra=self._about(offset=message.offset(), topic=message.topic(), reason=reason))
        self.metrics.refused.labels(self.name).inc(len(refused))
        self.metrics.unreadable.labels(self.name).inc(len(unread))

    def _commit(self) -> None:
        """Step 4."""
        self._owed |= self._offsets
        if not self._owed:
            return
        offsets = [TopicPartition(topic, number, offset) for (topic, number), offset in self._owed.items()]
        self._tried = self._clock()
        try:
            done = self._consumer.commit(offsets=offsets, asynchronous=False)
            refused = [each for each in done or () if each.error is not None]
            self._owed = {(each.topic, each.partition): each.offset for each in refused}
            reason = "; ".join(sorted({str(each.error) for each in refused}))
        except KafkaException as error:
            reason = str(error)
        if self._owed:
            LOG.warning("commit failed", extra=self._about(reason=reason))
        for topic, number in self._offsets:
            try:
                high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)[1]
            except KafkaException:
                continue
            self.metrics.lag.labels(self.name, topic, str(number)).set(max(high - self._offsets[topic, number], 0))

    def _forget(self) -> None:
        self._pending.clear()
        self._unread.clear()
        self._offsets.clear()
        self._bytes = 0

    def _ours(self, message: Message) -> bool:
        return (message.topic() or "", message.partition() or 0) in self._offsets

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        LOG.info("assigned", extra=self._about(partitions=[f"{each.topic}[{each.partition}]" for each in partitions]))

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Whoever has them next reads again what is not committed. If that is us, they would still be paused, had they been."""
        with suppress(KafkaException):
            consumer.resume(partitions)
        gone = {(each.topic, each.partition) for each in partitions}
        for place in gone:
            self._offsets.pop(place, None)
            self._owed.pop(place, None)
        self._early = [message for message in self._early if (message.topic(), message.partition()) not in gone]
        LOG.info("revoked", extra=self._about(partitions=[f"{topic}[{number}]" for topic, number in sorted(gone)]))

    def _about(self, **details: object) -> dict[str, object]:
        return {"sink": self.name, **details}
