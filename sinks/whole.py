"""Reading all that is on a topic, and no more."""

from __future__ import annotations

import logging
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from wireverdict.bus import BusSettings, Topic, librdkafka

LOG = logging.getLogger("wireverdict.kafka")
TIMEOUT = 10.0
"""s that brokers have to give messages."""


def messages(bus: BusSettings, topic: Topic) -> list[Message]:
    """Every message, in the order of its partition; of transactions those that were committed. Raises KafkaException,
    OSError."""
    options = {
        "group.id": f"{bus.prefix}.{topic}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    consumer = Consumer({**librdkafka(bus), **options, "auto.offset.reset": "earliest"}, logger=LOG)
    try:
        name = bus.topic(topic)
        known = consumer.list_topics(name, TIMEOUT).topics[name]
        if known.error is not None:
            raise KafkaException(known.error)
        consumer.assign([TopicPartition(name, number, 0) for number in known.partitions])
        open_partitions, found = set(known.partitions), []
        heard = time.monotonic()
        while open_partitions:
            read = consumer.consume(1_000, 0.2)  # waits for as many, or as long
            if read:
                heard = time.monotonic()
            elif time.monotonic() > heard + TIMEOUT:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            for message in read:
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_partitions.discard(message.partition())
                elif not error.retriable():
                    raise KafkaException(error)
        return found
    finally:
        consumer.close()
