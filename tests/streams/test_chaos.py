"""Nothing lost, nothing twice: captures are published while workers, the broker and the producer suffer.

The ordinary test is short; ``make chaos`` kills twenty times. Both print their seed and every moment; WIREVERDICT_SEED and
WIREVERDICT_KILLS change them.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.services.kafka import KafkaServer
from tests.streams.broker import Bus
from tests.streams.fleet import Fleet, Lag, environment, worker
from tests.streams.publishing import Sent
from tests.streams.sensors import answers
from tests.streams.test_one_answer import interleaved, said
from wireverdict.bus import Topic

pytestmark = pytest.mark.services
SEED = int(os.environ.get("WIREVERDICT_SEED", "7"))
KILLS = int(os.environ.get("WIREVERDICT_KILLS", "3"))


class Publisher(threading.Thread):
    """Sends messages slowly, and now and then some of them again, as one that comes back from its spool does."""

    def __init__(self, bus: Bus, messages: list[Sent], seconds: float, again: list[int]) -> None:
        """`again`: numbers of messages before which the last 100 are sent a second time."""
        super().__init__()
        self.bus, self.messages, self.again = bus, messages, set(again)
        self.sent = 0
        self._pause = seconds / len(messages)
        self._over = threading.Event()

    def run(self) -> None:
        producer = self._producer()
        for number, message in enumerate(self.messages):
            if number in self.again:
                assert producer.flush(120.0) == 0
                producer = self._producer()
                for earlier in self.messages[max(0, number - 100) : number]:
                    self._send(producer, earlier)
            self._send(producer, message)
            self.sent = number + 1
            if self._over.wait(self._pause):
                return
        assert producer.flush(120.0) == 0

    def stop(self) -> None:
        self._over.set()

    def _producer(self) -> Producer:
        return Producer(self.bus.options | {"enable.idempotence": True, "linger.ms": 2})

    def _send(self, producer: Producer, message: Sent) -> None:
        producer.produce(
            self.bus.name(Topic.HEADERS),
            key=message.key,
            value=message.value,
            headers=list(message.headers),
            partition=message.partition,
        )
        producer.poll(0)


def test_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    chosen = random.Random(SEED)
    (tmp_path / "kafka").mkdir()
    server = KafkaServer(tmp_path / "kafka")
    server.start()
    bus = Bus(partitions=4, servers=server.address)
    messages = interleaved(4)
    moves = ["kill"] * KILLS + ["freeze"] + ["broker"] * (1 + KILLS // 10)
    chosen.shuffle(moves)
    moments = sorted(chosen.sample(range(len(messages) // 20, len(messages)), len(moves)))
    again = chosen.sample(range(len(messages)), 2)
    print(f"seed {SEED}, {len(messages)} messages; sent again before {again}")
    publisher = Publisher(bus, messages, 12.0 + 6.0 * len(moves), again)
    with Fleet(worker, tmp_path, environment(bus)) as fleet:
        try:
            fleet.start(0, 1)
            publisher.start()
            for move, moment in zip(moves, moments, strict=True):
                fleet.until("the next moment", lambda moment=moment: publisher.sent >= moment)  # type: ignore[misc]
                victim = chosen.randrange(2)
                print(f"at message {moment}: {move}" + (f" of worker {victim}" if move != "broker" else ""))
                if move == "kill":
                    fleet.kill(victim)
                    fleet.start(victim)
                elif move == "freeze":
                    fleet.freeze(victim)
                    frozen_until = fleet.after(10.0)  # longer than a session, so that the other one has its partitions
                    fleet.until("the session is over", frozen_until)
                    fleet.thaw(victim)
                else:
                    server.stop()
                    server.start()
            fleet.until("all is sent", lambda: not publisher.is_alive())
            lag = Lag(bus)
            fleet.until("everything applied", lambda: lag() == 0)
            answered = said(bus)
        finally:
            publisher.stop()
            fleet.close()
            server.stop()
    assert {name: answered[name] for name in answers()} == answers()
    print(f"workers ended with {sorted(fleet.statuses)}")
