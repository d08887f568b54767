"""Topics of a test's own on the broker of the test run, and what is on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.services.places import once
from wireverdict.bus import BusSettings, Topic
from wireverdict.topics import plans


@dataclass
class Bus:
    """A set of topics under a prefix that no other test has."""

    partitions: int = 2
    servers: str = ""
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:10]}")
    login: dict[str, str] = field(default_factory=dict)  # further settings of librdkafka

    def __post_init__(self) -> None:
        self.servers = self.servers or str(once("kafka")["servers"])
        client = AdminClient(dict(self.options))
        made = client.create_topics(
            [
                NewTopic(plan.name, plan.partitions, plan.replication, config=plan.config)
                for plan in plans(self.settings).values()
            ]
        )
        for result in made.values():
            result.result()

    @property
    def options(self) -> dict[str, str]:
        return {"bootstrap.servers": self.servers} | self.login

    @property
    def settings(self) -> BusSettings:
        return BusSettings(servers=self.servers, prefix=self.prefix, partitions=self.partitions)

    def name(self, topic: Topic) -> str:
        return f"{self.prefix}.{topic}"

    def send(self, topic: Topic, messages: Iterable[tuple[int, bytes, bytes, list[tuple[str, bytes]]]]) -> None:
        """Partition, key, value and headers of each."""
        producer = Producer(self.options | {"enable.idempotence": True, "linger.ms": 5})
        for partition, key, value, headers in messages:
            producer.produce(self.name(topic), key=key, value=value, headers=list(headers), partition=partition)
        assert producer.flush(30.0) == 0

    def read(self, topic: Topic, isolation: str = "read_uncommitted") -> list[Message]:
        """Everything, in order within a partition."""
        return read(self.servers, self.name(topic), isolation, self.login)


def read(
    servers: str, topic: str, isolation: str = "read_uncommitted", login: dict[str, str] | None = None
) -> list[Message]:
    """Everything on a topic so far."""
    reader = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "reader",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": isolation,
            "fetch.wait.max.ms": 20,
        }
        | (login or {})
    )
    try:
        numbers = reader.list_topics(topic, timeout=30.0).topics[topic].partitions
        reader.assign([TopicPartition(topic, number, 0) for number in numbers])
        found: list[Message] = []
        over: set[int | None] = set()
        while len(over) < len(numbers):
            message = reader.poll(30.0)
            assert message is not None, f"{topic} cannot be read"
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                over.add(message.partition())
            else:  # a broken connection, say, which says nothing of any partition and is made again
                assert not error.fatal(), error.str()
        return found
    finally:
        reader.close()
