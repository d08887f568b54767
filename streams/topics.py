"""What a worker has to know of the topics before it starts, and what it refuses to start with."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException

from wireverdict.bus import Topic, librdkafka
from wireverdict.settings import Settings

LOG = logging.getLogger("wireverdict.stream")
READ = (Topic.HEADERS, Topic.WINDOWS)
WRITTEN = (Topic.CONNECTIONS, Topic.VERDICTS, Topic.CHECKPOINTS, Topic.DEAD_LETTERS)
REACH = 30.0
"""s for the brokers to answer."""
SOON = 2.0
"""s after which somebody who waits is told for whom."""
MADE = 2.0
"""s until brokers know of topics that were just made."""


class Refused(RuntimeError):
    """The settings cannot work; the message is a sentence."""


def client_options(settings: Settings, name: str) -> dict[str, Any]:
    """Of librdkafka, for all its clients here. Raises OSError."""
    return librdkafka(settings.bus) | {"logger": logging.getLogger("wireverdict.kafka"), "client.id": name}


def _listed(client: Consumer, servers: str, timeout: float) -> Mapping[str, Any]:
    """All topics by name. Raises KafkaException."""
    if timeout > SOON:
        try:
            return client.list_topics(timeout=SOON).topics  # type: ignore[no-any-return]
        except KafkaException:
            LOG.warning("waiting for Kafka at %s, up to %g s", servers, timeout)
    return client.list_topics(timeout=timeout).topics  # type: ignore[no-any-return]


def partitions(settings: Settings, options: Mapping[str, Any], timeout: float = REACH) -> dict[Topic, int]:
    """Of the topics that matter here. Raises RuntimeError, Refused for settings that do not go with them."""
    bus = settings.bus
    client = Consumer(dict(options) | {"group.id": "none"})
    try:
        wanted = {topic: bus.topic(topic) for topic in (*READ, *WRITTEN)}
        until = time.monotonic() + MADE
        while True:
            listed = _listed(client, bus.servers, timeout)
            missing = [name for name in wanted.values() if name not in listed]
            if not missing or time.monotonic() > until:
                break
            time.sleep(MADE / 10)
        if missing:
            raise RuntimeError(f"there is no topic {missing[0]}: create topics first (wireverdict topics create)")
        counts = {topic: len(listed[name].partitions) for topic, name in wanted.items()}
    except KafkaException as error:
        raise RuntimeError(f"Kafka does not answer at {bus.servers}: {error.args[0].str()}") from None
    finally:
        client.close()
    if settings.windows.packets and counts[Topic.HEADERS] > 1:
        raise Refused(
            f"windows.packets is {settings.windows.packets}: windows by count cannot be divided over the "
            f"{counts[Topic.HEADERS]} partitions of {bus.topic(Topic.HEADERS)}; set it to 0, or use a topic of one partition"
        )
    return counts
