"""The worker's recovery, with a state that only counts: whatever is lost or applied twice shows in the numbers."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.services.kafka import KafkaServer
from tests.services.secure import SecureKafka
from tests.streams.broker import Bus
from tests.streams.fleet import Ends, Fleet, environment
from wireverdict.bus import Topic, librdkafka

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.services


class Feed(threading.Thread):
    """Sends small messages to all partitions, a few hundred a second, until it is stopped."""

    def __init__(self, bus: Bus) -> None:
        super().__init__()
        self.bus, self.count = bus, 0
        self._over = threading.Event()

    def run(self) -> None:
        producer = Producer(self.bus.options | {"enable.idempotence": True, "linger.ms": 5})
        topic = self.bus.name(Topic.HEADERS)
        while not self._over.wait(0.02):
            for _ in range(10):
                value = bytes(5_000 if self.count % 3 else 50)  # large ones are applied in a thread, small ones at once
                producer.produce(topic, key=b"edge", value=value, partition=self.count % self.bus.partitions)
                self.count += 1
            producer.poll(0)
        assert producer.flush(60.0) == 0

    def stop(self) -> None:
        self._over.set()
        self.join()


def counting(number: int) -> list[str]:
    return ["-m", "tests.streams.counting", f"w{number}"]


@contextmanager
def playing(bus: Bus, logs: Path) -> Iterator[tuple[Fleet, Feed, Ends]]:
    with Fleet(counting, logs, environment(bus)) as fleet:
        feed = Feed(bus)
        feed.start()
        try:
            yield fleet, feed, Ends(bus, Topic.WINDOWS)
        finally:
            feed.stop()


def check(bus: Bus, fleet: Fleet, feed: Feed, ends: Ends) -> None:
    """Each message was applied once, in order, as far as what was sent shows."""
    feed.stop()
    fleet.until("all messages applied", lambda: counted(bus, Topic.WINDOWS) == feed.count)
    windows = ends()
    fleet.until("all their outputs applied", lambda: counted(bus, Topic.VERDICTS) == windows)


def counted(bus: Bus, topic: Topic) -> int:
    """Different messages on a topic; each says that it is the n-th of its partition, and after n - 1 others."""
    values = {bytes(m.value() or b"") for m in bus.read(topic)}
    numbers = [tuple(map(int, value.split())) for value in values]
    assert all(offset + 1 == count for _, offset, count in numbers)
    return len(numbers)


def after(fleet: Fleet, ends: Ends, messages: int) -> None:
    """Wait until so many more messages have come out."""
    target = ends() + messages
    fleet.until(f"{messages} more messages", lambda: ends() >= target)


def test_killed_stopped_and_frozen_workers_lose_and_double_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("WIREVERDICT_SEED", "1"))
    kills = int(os.environ.get("WIREVERDICT_KILLS", "3"))
    chosen = random.Random(seed)
    bus = Bus(partitions=4)
    with playing(bus, tmp_path) as (fleet, feed, ends):
        fleet.start(0, 1)
        for number in range(kills):
            after(fleet, ends, wait := chosen.randrange(100, 800))
            worker = chosen.randrange(2)
            print(f"seed {seed}: kill {number} after {wait} messages: worker {worker}")
            fleet.kill(worker)
            fleet.start(worker)
        after(fleet, ends, 100)
        assert fleet.end(0) == 0
        fleet.start(0)
        after(fleet, ends, 500)
        fleet.freeze(1)
        after(fleet, ends, 4_000)  # more than the session's six seconds: the other one has its partitions
        fleet.thaw(1)
        after(fleet, ends, 500)
        check(bus, fleet, feed, ends)
        assert set(fleet.statuses) <= {70}  # the frozen one may have found itself replaced


def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    server = KafkaServer(tmp_path / "kafka")
    server.start()
    try:
        bus = Bus(partitions=2, servers=server.address)
        with playing(bus, tmp_path) as (fleet, feed, ends):
            fleet.start(0)
            after(fleet, ends, 500)
            server.kill()
            server.start()
            after(fleet, ends, 500)
            check(bus, fleet, feed, ends)
    finally:
        server.stop()


def test_partitions_move_as_workers_come_and_go(tmp_path: Path) -> None:
    bus = Bus(partitions=4)
    with playing(bus, tmp_path) as (fleet, feed, ends):
        fleet.start(0)
        after(fleet, ends, 200)
        fleet.start(1, 2)
        fleet.until("all have partitions", lambda: all(fleet.said(n).count("partitions assigned") for n in (1, 2)))
        after(fleet, ends, 500)
        assert [fleet.end(number) for number in (0, 2)] == [0, 0]
        after(fleet, ends, 500)
        check(bus, fleet, feed, ends)
        assert fleet.statuses == []


def test_too_many_bad_messages_stop_the_worker(tmp_path: Path) -> None:
    bus = Bus(partitions=1)
    bus.send(Topic.HEADERS, [(0, b"edge", b"bad", [])] * 200)
    with Fleet(counting, tmp_path, environment(bus)) as fleet:
        fleet.start(0)
        assert fleet.running[0].wait(60.0) == 70
        assert "more than 100 of the last 1000 messages" in fleet.said()


def test_a_broker_that_asks_for_a_login_over_tls(tmp_path: Path) -> None:
    """Both clients get the settings: librdkafka for what is written, aiokafka for what is read."""
    server = SecureKafka(tmp_path)
    server.start()
    try:
        settings = server.settings()
        bus = Bus(partitions=1, servers=server.address, login=librdkafka(settings))
        bus.send(Topic.HEADERS, [(0, b"edge", b"good", [])] * 10)
        names = ("security_protocol", "sasl_mechanism", "sasl_username", "sasl_password", "ca_file")
        login = {f"WIREVERDICT_BUS__{name.upper()}": str(getattr(settings, name)) for name in names}
        with Fleet(counting, tmp_path, environment(bus) | login) as fleet:
            fleet.start(0)
            fleet.until("all applied twice", lambda: counted(bus, Topic.VERDICTS) == 10)
            assert fleet.end(0) == 0
    finally:
        server.stop()


def test_a_worker_loads_nothing_later() -> None:
    """Neither kernels nor modules: hours later, the files may be those of another version."""
    program = """
import sys
from pathlib import Path
from streams.metrics import Metrics
from streams.worker import states
from tests.streams.publishing import header_batches, publication
from wireverdict.bus import Topic
from wireverdict.kernels import NATIVE
from wireverdict.settings import Settings

places = [next(Path("tests/lab/captures").glob(f"{name}.client.*")) for name in ("policed-down-several", "bufferbloat-up")]
sent = publication(list(header_batches(places)), "edge", 1)
made = states(Settings(), Metrics())
known = set(sys.modules)
print(len(NATIVE), sum(each._entry is None for each in NATIVE))
headers, windows = made[Topic.HEADERS](0), made[Topic.WINDOWS](0)
verdicts = 0
for offset, message in enumerate(sent):
    for output in headers.apply(message.incoming(offset))():
        if output.topic is Topic.WINDOWS:
            verdicts += len(windows.apply(message.incoming(offset)._replace(
                value=output.value, headers=output.headers, key=output.key))())
headers.dump()()
new = sorted(name for name in set(sys.modules) - known if name.startswith(("wireverdict", "streams")))
print(len(NATIVE), verdicts > 0, new)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    (before, missing), (after, *told) = (line.split(maxsplit=2) for line in done.stdout.splitlines())
    assert (before, missing, told) == (after, "0", ["True", "[]"])
