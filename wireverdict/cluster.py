"""Asking Kafka about topics, and making them: the part of `topics` and `doctor` that talks to brokers."""

from __future__ import annotations

import logging
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from wireverdict.bus import BusSettings, Topic, librdkafka
from wireverdict.topics import Found, Plan, mismatches, plans

REACH = 15.0
"""s for the brokers to answer."""


class Unreachable(RuntimeError):
    """The brokers do not answer, or refuse; the message is a sentence."""


class Cluster:
    """The brokers that the settings name."""

    def __init__(self, settings: BusSettings, timeout: float = REACH) -> None:
        """Raises Unreachable for settings that cannot be used, OSError for a password file."""
        self.settings, self.timeout = settings, timeout
        self._said = ""
        try:
            options = {**librdkafka(settings), "error_cb": self._error, "reconnect.backoff.max.ms": 1_000}
            self.admin = AdminClient(options, logger=logging.getLogger("wireverdict.kafka"))
        except KafkaException as error:
            raise Unreachable(f"the settings for Kafka cannot be used: {error.args[0].str()}") from None

    def metadata(self) -> Any:
        """Brokers and topics. Raises Unreachable."""
        try:
            return self.admin.list_topics(timeout=self.timeout)
        except KafkaException as error:
            for _ in range(5):
                self.admin.poll(0.1)  # what clients say of it more exactly
            raise Unreachable(f"no answer from {self.settings.servers}: {self._said or error.args[0].str()}") from None

    def found(self) -> dict[Topic, Found | None]:
        """Each topic as it is, None if it is not there. Raises Unreachable."""
        listed = self.metadata().topics
        wanted = {topic: self.settings.topic(topic) for topic in Topic}
        there = {topic: name for topic, name in wanted.items() if name in listed and listed[name].error is None}
        resources = {topic: ConfigResource(ResourceType.TOPIC, name) for topic, name in there.items()}
        answers = (
            self.admin.describe_configs(list(resources.values()), request_timeout=self.timeout) if resources else {}
        )
        result: dict[Topic, Found | None] = dict.fromkeys(Topic)
        for topic, resource in resources.items():
            partitions = listed[there[topic]].partitions
            try:
                entries = answers[resource].result()
            except KafkaException as error:
                raise Unreachable(f"{there[topic]} cannot be described: {error.args[0].str()}") from None
            copies = min((len(partition.replicas) for partition in partitions.values()), default=0)
            config = {name: entry.value for name, entry in entries.items() if entry.value is not None}
            result[topic] = Found(len(partitions), copies, config)
        return result

    def create(self, missing: list[Plan]) -> list[str]:
        """Make topics; sentences about those that could not be made. Whoever asks for the others afterwards finds them.

        Raises Unreachable.
        """
        new = [NewTopic(plan.name, plan.partitions, plan.replication, config=plan.config) for plan in missing]
        wrong = []
        for name, made in (self.admin.create_topics(new, operation_timeout=self.timeout) if new else {}).items():
            try:
                made.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    wrong.append(f"{name} could not be created: {error.args[0].str()}")
        made_now, until = [plan.name for plan in missing], time.monotonic() + self.timeout
        while not wrong and made_now and time.monotonic() < until:  # a broker that is busy hears of them a little later
            listed = self.metadata().topics
            if all(name in listed and listed[name].error is None for name in made_now):
                break
            time.sleep(0.05)
        return wrong

    def wrong(self) -> tuple[list[Plan], list[str]]:
        """Which topics are missing, and what is wrong with others. Raises Unreachable."""
        planned, found = plans(self.settings), self.found()
        missing = [planned[topic] for topic, state in found.items() if state is None]
        sentences = [
            text for topic, state in found.items() if state is not None for text in mismatches(planned[topic], state)
        ]
        return missing, sentences

    def _error(self, error: KafkaError) -> None:
        # why a broker refused says more than that, for it, none is left
        if not self._said or error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._said = error.str()
