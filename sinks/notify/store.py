"""Silences and a notifier's memory on their compacted topics."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sinks.intake import octets
from sinks.notify.silences import Silence
from sinks.whole import TIMEOUT, messages
from wireverdict.bus import BusSettings, Topic, librdkafka

LOG = logging.getLogger("wireverdict.sink")


ERRORS = 3
"""Of librdkafka's levels (those of syslog): a new broker that is asked for the first time has it warn, and ask again."""


class Silences:
    """As far as they have been read. A later message about one takes the place of an earlier one."""

    def __init__(self) -> None:
        self._known: dict[str, Silence] = {}

    def take(self, message: Message) -> None:
        """One that cannot be read silences nothing: it is logged, and left out."""
        name, value = octets(message.key()).decode("utf-8", "replace"), message.value()
        if value is None:
            self._known.pop(name, None)
            return
        try:
            read = msgspec.json.decode(octets(value), type=Silence)
            wrong = read.why_not()
        except (msgspec.MsgspecError, ValueError) as error:
            wrong = str(error)
        if wrong:
            LOG.error("unreadable silence", extra={"silence": name, "reason": wrong})
        else:
            self._known[name] = read

    def all(self) -> list[Silence]:
        """By name."""
        return [self._known[name] for name in sorted(self._known)]


def read_silences(bus: BusSettings) -> list[Silence]:
    """All of them. Raises KafkaException, OSError."""
    found = Silences()
    for message in messages(bus, Topic.SILENCES):
        found.take(message)
    return found.all()


def write_silence(bus: BusSettings, silence: Silence) -> None:
    """Returns when the brokers have it. Raises KafkaException, OSError."""
    failed: list[KafkaError] = []
    options = {"enable.idempotence": True, "message.timeout.ms": round(TIMEOUT * 1000), "log_level": ERRORS}
    producer = Producer({**librdkafka(bus), **options})

    def told(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer.produce(bus.topic(Topic.SILENCES), msgspec.json.encode(silence), silence.id.encode(), on_delivery=told)
    if producer.flush(TIMEOUT + 1) and not failed:
        failed.append(KafkaError(KafkaError._TIMED_OUT))
    if failed:
        raise KafkaException(failed[0])


def read_memory(bus: BusSettings, address: str) -> dict[str, bytes]:
    """The records of one notifier, by their names. Raises KafkaException, OSError."""
    found: dict[str, bytes] = {}
    start = f"{address} "
    for message in messages(bus, Topic.NOTIFIER):
        name = octets(message.key()).decode("utf-8", "replace")
        if name.startswith(start):
            value: Any = message.value()
            if value is None:
                found.pop(name.removeprefix(start), None)
            else:
                found[name.removeprefix(start)] = octets(value)
    return found


def changes(before: dict[str, bytes], after: dict[str, bytes]) -> Iterable[tuple[str, bytes | None]]:
    """What has to be written so that what was `before` becomes `after`; None: it is gone."""
    for name, value in after.items():
        if before.get(name) != value:
            yield name, value
    for name in before.keys() - after.keys():
        yield name, None
