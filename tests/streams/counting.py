"""The smallest state that would show any message lost or applied twice: it numbers them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from streams.messages import Incoming, Outgoing, Outputs
from wireverdict.bus import BadMessage, Topic


class Counting:
    """Sends "partition offset count" for each message, and refuses those whose value is ``bad``."""

    def __init__(self, partition: int, topic: Topic = Topic.WINDOWS) -> None:
        self.partition, self.topic, self.count = partition, topic, 0

    @property
    def open(self) -> int:
        return self.count

    def prepare(self, message: Incoming) -> str:
        if message.value == b"bad":
            raise BadMessage("it says so itself")
        return f"{self.partition} {message.offset}"

    def apply(self, message: Incoming, prepared: str) -> Outputs:
        if message.value == b"broken":
            raise RuntimeError("a fault of ours")
        self.count += 1
        value = f"{prepared} {self.count}".encode()
        return lambda: [Outgoing(self.topic, message.key or b"", value, [], self.partition)]

    def missed(self) -> None:
        pass

    def dump(self) -> Callable[[], bytes]:
        return str(self.count).encode

    def load(self, data: bytes) -> None:
        self.count = int(data)


def main(instance: str) -> None:
    """A worker that counts on both topics. Its settings come from the environment."""
    from streams.worker import Worker
    from wireverdict.settings import from_environment, settings

    makers = {
        Topic.HEADERS: lambda number: Counting(number, Topic.WINDOWS),
        Topic.WINDOWS: lambda number: Counting(number, Topic.VERDICTS),
    }
    chosen = settings([from_environment(os.environ)])
    Worker(chosen, instance, lambda settings, metrics: makers).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    main(*sys.argv[1:])
