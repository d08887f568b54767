"""One partition of a topic, read from one offset to another by a client that no group knows of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from producers.recorded.source import SourceError

REACH = 15.0
"""s for the brokers to answer at the start."""
PATIENCE = 60.0
"""s without an answer after which reading is given up."""
AT_ONCE = 64
WAIT = 0.05
"""s for so many messages to come; what there is then is taken. The last ones of a partition are never so many."""
Missed = Callable[[int, str, str], None]
"""How many offsets, kind, reason."""


def client(options: dict[str, Any]) -> Consumer:
    """A reader that is never assigned anything by a group, and commits nothing. Raises SourceError."""
    try:
        return Consumer(
            options
            | {
                "group.id": "wireverdict-replay",  # the client wants one; without subscriptions and commits nobody sees it
                "client.id": "wireverdict-replay",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": 4_194_304,
                "queued.max.messages.kbytes": 16_384,
                "reconnect.backoff.max.ms": 1_000,
                "check.crcs": False,
            },
            logger=logging.getLogger("wireverdict.kafka"),
        )
    except KafkaException as error:
        raise SourceError(f"the settings for Kafka cannot be used: {error.args[0].str()}") from None


class Lane:
    """Iterate for the messages with offsets from `start` up to before `stop`. Raises SourceError while iterating.

    Offsets that are not there, at the beginning or in between, are told to `missed`. `next`: the offset after the last message
    that was given.
    """

    def __init__(
        self, options: dict[str, Any], topic: str, number: int, start: int, stop: int, missed: Missed, *, first: bool
    ) -> None:
        """`first`: whether nothing before `start` is wanted, so that offsets missing there are no loss."""
        self.topic, self.number, self.next, self.stop = topic, number, start, stop
        self._missed, self._loose = missed, first
        self._client = client(options)
        if start < stop:
            self._client.assign([TopicPartition(topic, number, start)])

    def __iter__(self) -> Iterator[Message]:
        quiet = 0.0
        while self.next < self.stop:
            messages = self._client.consume(AT_ONCE, WAIT)
            quiet = 0.0 if messages else quiet + WAIT
            if quiet > PATIENCE:
                raise SourceError(f"{self.topic}, partition {self.number}: no answer for {PATIENCE:.0f} s")
            for message in messages:
                error = message.error()
                if error is not None:
                    if self._over(error):
                        return
                    continue
                offset = message.offset() or 0
                if offset >= self.stop:
                    self._jump(self.stop)
                    return
                self._jump(offset)
                self.next = offset + 1
                yield message

    def _jump(self, offset: int) -> None:
        if offset > self.next and not self._loose:
            self._missed(offset - self.next, "offsets", "are not on the topic (compacted, or of aborted transactions)")
        self.next, self._loose = offset, False

    def _over(self, error: KafkaError) -> bool:
        """Whether the partition ends here. Raises SourceError."""
        if error.code() == KafkaError._PARTITION_EOF:
            if self.next < self.stop:
                self._jump(self.stop)
            return True
        if error.code() in (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET):
            low, high = self._client.get_watermark_offsets(TopicPartition(self.topic, self.number), REACH, cached=False)
            if low > self.next:
                self._missed(min(low, self.stop) - self.next, "retention", "were deleted before they could be read")
            elif high <= self.next:
                self._missed(self.stop - self.next, "retention", "are not on the topic any more: it was made anew")
                low = self.stop
            self.next = min(low, self.stop)
            self._client.assign([TopicPartition(self.topic, self.number, self.next)])
            return self.next >= self.stop
        if error.fatal() or not error.retriable():
            raise SourceError(f"{self.topic}, partition {self.number}: {error.str()}")
        return False

    def close(self) -> None:
        """Let go of the brokers."""
        self._client.close()
