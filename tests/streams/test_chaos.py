"""Nothing lost, nothing twice: captures are published while workers, the broker, the producer and the sink suffer.

The ordinary test is short; ``make chaos`` kills twenty times. Both print their seed and every moment; WIREVERDICT_SEED and
WIREVERDICT_KILLS change them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from sinks.base import Document, Origin
from sinks.messages import TOPICS, documents
from tests.services.kafka import KafkaServer
from tests.services.places import once
from tests.sinks.searching import fetch
from tests.streams.broker import Bus
from tests.streams.fleet import ROOT, Fleet, Lag, environment, worker
from tests.streams.publishing import Sent, answer, header_batches
from tests.streams.sensors import OURS, answers
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


class Edge:
    """A real producer of one more sensor, with a spool: killed while the broker is away, and started anew."""

    def __init__(self, bus: Bus, directory: Path) -> None:
        self.spool = directory / "spool"
        self._log = directory / "edge.log"
        self._command = [sys.executable, "-m", "wireverdict", "capture", str(OURS[0]), "--sensor", "edge"]
        self._command += ["--spool", str(self.spool)]
        self._environment = Fleet(worker, directory, environment(bus)).environment | {
            "WIREVERDICT_BUS__PARTITIONS": str(bus.partitions)
        }

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*self._command, *more],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def spooled(self) -> int:
        """Bytes in the spool."""
        return sum(path.stat().st_size for path in self.spool.glob("*.spool"))


class Game:
    """Everything that takes part, and what can happen to it."""

    def __init__(self, directory: Path, server: KafkaServer, chosen: random.Random) -> None:
        self.server, self.chosen = server, chosen
        self.bus = Bus(partitions=4, servers=server.address)
        self.namespace = self.bus.prefix
        self.search = str(once("elasticsearch")["url"])
        for name in ("workers", "sinks", "edge"):
            (directory / name).mkdir()
        config = directory / "sink.toml"
        config.write_text(
            f'[sinks.elasticsearch]\nurls = ["{self.search}"]\nnamespace = "{self.namespace}"\n', encoding="utf-8"
        )
        self.workers = Fleet(worker, directory / "workers", environment(self.bus))
        sink = ["-m", "wireverdict", "sink", "elasticsearch", "--config", str(config)]
        self.sinks = Fleet(lambda number: sink, directory / "sinks", environment(self.bus))
        self.edge = Edge(self.bus, directory / "edge")
        self.moves: dict[str, Callable[[], None]] = {
            "kill a worker": self.kill,
            "freeze a worker": self.freeze,
            "restart the broker": self.restart,
            "one worker, three, one": self.rebalance,
            "kill the producer while it spools": self.spool,
            "kill the sink": self.kill_sink,
        }

    def until(self, what: str, met: Callable[[], bool]) -> None:
        """Wait for a condition; what dies is started again, as a process manager does."""

        def tended() -> bool:
            self.sinks.tend()
            return met()

        self.workers.until(what, tended)

    def close(self) -> None:
        self.workers.close()
        self.sinks.close()
        self.server.stop()

    def kill(self) -> None:
        victim = self.chosen.randrange(2)
        self.workers.kill(victim)
        self.workers.start(victim)

    def freeze(self) -> None:
        victim = self.chosen.randrange(2)
        self.workers.freeze(victim)
        self.until("the session is over", Fleet.after(10.0))  # the other one has its partitions
        self.workers.thaw(victim)

    def restart(self) -> None:
        self.server.stop()
        self.server.start()

    def rebalance(self) -> None:
        self._end(1)
        self.workers.start(1, 2)
        self.until("the third has partitions", lambda: "partitions assigned" in self.workers.said(2))
        self._end(1)
        self._end(2)
        self.until("the one goes on", Fleet.after(1.0))
        self.workers.start(1)

    def _end(self, number: int) -> None:
        """Asked to stop, a worker may find itself replaced in the middle of a rebalance."""
        status = self.workers.end(number)
        assert status in (0, 70), f"{status}\n{self.workers.said(number)}"

    def spool(self) -> None:
        self.server.stop()
        writer = self.edge.start("--rate", "real")
        try:
            self.until("something is in the spool", lambda: self.edge.spooled() > 10_000)
        finally:
            writer.kill()
            writer.wait()
        self.server.start()
        assert self.edge.start().wait(120.0) == 0
        assert self.edge.spooled() == 0

    def kill_sink(self) -> None:
        self.sinks.kill(0)
        self.sinks.start(0)

    def delivered(self) -> dict[str, Document]:
        """What a sink should have delivered, by id."""
        found = {}
        for topic, kind in TOPICS.items():
            if topic is Topic.PAGES:
                continue
            for m in self.bus.read(topic):
                origin = Origin(self.bus.name(topic), m.partition() or 0, m.offset() or 0)
                for document in documents(kind, origin, m.key() or b"", m.value() or b"", m.headers()):
                    found[document.id] = document
        return found

    def indexed(self) -> dict[str, int]:
        """Documents in the data streams of connections and verdicts."""
        counts = {}
        for kind in ("connection", "verdict"):
            index = f"{self.search}/logs-wireverdict.{kind}-{self.namespace}"
            fetch(f"{index}/_refresh", "POST")
            counts[kind] = int(fetch(f"{index}/_count")["count"])
        return counts


def test_nothing_is_lost_and_nothing_comes_twice(tmp_path: Path) -> None:
    chosen = random.Random(SEED)
    (tmp_path / "kafka").mkdir()
    server = KafkaServer(tmp_path / "kafka")
    server.start()
    game = Game(tmp_path, server, chosen)
    bus, messages = game.bus, interleaved(4)
    moves = ["kill a worker"] * KILLS + ["restart the broker"] * (1 + KILLS // 10)
    moves += ["freeze a worker", "one worker, three, one", "kill the producer while it spools", "kill the sink"]
    chosen.shuffle(moves)
    moments = sorted(chosen.sample(range(len(messages) // 20, len(messages)), len(moves)))
    again = chosen.sample(range(len(messages)), 2)
    print(f"seed {SEED}, {len(messages)} messages; sent again before {again}")
    publisher = Publisher(bus, messages, 3.0 * len(moves), again)
    try:
        game.workers.start(0, 1)
        game.sinks.start(0)
        publisher.start()
        for move, moment in zip(moves, moments, strict=True):
            game.until("the next moment", lambda moment=moment: publisher.sent >= moment)  # type: ignore[misc]
            print(f"at message {moment} of {len(messages)}: {move}", flush=True)
            game.moves[move]()
        game.until("all is sent", lambda: not publisher.is_alive())
        lag = Lag(bus)
        game.until("everything applied", lambda: lag() == 0)
        answered, documents = said(bus), game.delivered()
        sink = Lag(bus, f"{bus.prefix}.sink.elasticsearch", (Topic.CONNECTIONS, Topic.VERDICTS))
        game.sinks.until("everything delivered", lambda: sink() == 0)
        counts = game.indexed()
        verdicts = fetch(f"{game.search}/logs-wireverdict.verdict-{game.namespace}/_search?size=10000")["hits"]["hits"]
    finally:
        publisher.stop()
        game.close()
    expected = answers() | {"edge": answer(list(header_batches([OURS[0]])))}
    assert answered.keys() == expected.keys()
    assert {name: answered[name] for name in expected} == expected
    kinds = [str(document.kind) for document in documents.values()]
    assert counts == {kind: kinds.count(kind) for kind in ("connection", "verdict")}
    assert {hit["_id"]: hit["_source"] for hit in verdicts} == {
        document.id: orjson.loads(document.body) for document in documents.values() if str(document.kind) == "verdict"
    }
    print(f"workers ended with {sorted(game.workers.statuses)}; {counts} in Elasticsearch")
