"""Both agents without a broker: what they send to each other is handed over in process."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import orjson

from streams.connections import Connections
from streams.messages import Incoming, Outgoing
from streams.metrics import Metrics
from streams.verdicts import Verdicts
from tests.streams.publishing import Sent, split
from wireverdict.bus import Topic
from wireverdict.codec.connections import decode_connections
from wireverdict.records import CONNECTION
from wireverdict.settings import Settings


class Chain:
    """The states of all partitions of the headers topic, and of one of the windows topic."""

    def __init__(self, partitions: int, settings: Settings | None = None) -> None:
        self.settings, self.metrics = settings or Settings(), Metrics()
        self.connections = [self.new_connections(number) for number in range(partitions)]
        self.verdicts = self.new_verdicts()
        self.offsets = [0] * partitions
        self.windows = 0
        self.sent: list[Outgoing] = []

    def new_connections(self, number: int) -> Connections:
        return Connections(self.settings, self.metrics, number)

    def new_verdicts(self) -> Verdicts:
        return Verdicts(self.settings, self.metrics, 0)

    def take(self, messages: Iterable[Sent]) -> None:
        for message in messages:
            offset = self.offsets[message.partition]
            self.offsets[message.partition] += 1
            self.apply(message.incoming(offset))

    def apply(self, message: Incoming) -> None:
        for output in self.connections[message.partition].apply(message)():
            self.sent.append(output)
            if output.topic is Topic.WINDOWS:
                self.hand_over(output)

    def hand_over(self, output: Outgoing) -> None:
        incoming = Incoming(0, self.windows, 0, output.key, output.value, output.headers)
        self.windows += 1
        self.sent += self.verdicts.apply(incoming)()

    def reload(self) -> None:
        """As after a restart: from what was dumped."""
        for number, state in enumerate(self.connections):
            self.connections[number] = self.new_connections(number)
            self.connections[number].load(state.dump()())
        dumped = self.verdicts.dump()()
        self.verdicts = self.new_verdicts()
        self.verdicts.load(dumped)

    def answer(self, sensor: str) -> tuple[list[bytes], list[bytes]]:
        return answer_of((out.topic, out.value, dict(out.headers)) for out in self.sent)[sensor]


def answer_of(messages: Iterable[tuple[Topic, bytes, dict[str, bytes]]]) -> dict[str, tuple[list[bytes], list[bytes]]]:
    """Records and verdicts by sensor, each sorted; what was sent again (same origin or id) counts once."""
    records: dict[str, dict[bytes, bytes]] = {}
    verdicts: dict[str, dict[bytes, bytes]] = {}
    for topic, value, headers in messages:
        sensor = headers["wv-sensor"].decode()
        records.setdefault(sensor, {})
        verdicts.setdefault(sensor, {})
        if topic is Topic.CONNECTIONS:
            before = records[sensor].setdefault(headers["wv-origin"], value)
            assert before == value, f"{headers['wv-origin']!r} was sent twice with different contents"
        elif topic is Topic.VERDICTS:
            before = verdicts[sensor].setdefault(headers["wv-id"], value)
            assert before == value, f"{headers['wv-id']!r} was sent twice with different contents"
    return {
        sensor: (
            split(np.concatenate([np.zeros(0, CONNECTION), *map(decode_connections, records[sensor].values())])),
            sorted(map(without_observer, verdicts[sensor].values())),
        )
        for sensor in records
    }


def without_observer(value: bytes) -> bytes:
    document = orjson.loads(value)
    del document["observer"]
    return orjson.dumps(document)
