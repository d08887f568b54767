"""Worker processes that a test starts, kills, freezes and starts again, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.processes import ask
from tests.streams.broker import Bus
from wireverdict.bus import Topic

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300.0
"""s after which a test gives up: far more than anything takes."""


class Fleet:
    """Workers by number. `command`: of worker n. Their output goes to files in `logs`."""

    def __init__(
        self, command: Callable[[int], Sequence[str]], logs: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.command, self.logs = command, logs
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.environment = os.environ | {"PYTHONPATH": path} | (environment or {})
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.statuses: list[int] = []

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill all."""
        for number in list(self.running):
            self.thaw(number)
            self.kill(number)

    def start(self, *numbers: int) -> None:
        for number in numbers:
            with (self.logs / f"worker-{number}.log").open("ab") as log:
                self.running[number] = subprocess.Popen(
                    [sys.executable, *self.command(number)],
                    cwd=ROOT,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def kill(self, number: int) -> None:
        self.running[number].kill()
        self.running.pop(number).wait()

    def end(self, number: int) -> int:
        """Ask it to stop, once it has started; its exit status."""
        ask(self.running[number])
        return self.running.pop(number).wait(PATIENCE)

    def freeze(self, number: int) -> None:
        os.kill(self.running[number].pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.running[number].pid, signal.SIGCONT)

    def tend(self) -> None:
        """Start again what has died, as a process manager does."""
        for number, process in list(self.running.items()):
            status = process.poll()
            if status is not None:
                self.statuses.append(status)
                assert len(self.statuses) < 20, f"workers die again and again\n{self.said()}"
                self.start(number)

    def until(self, what: str, met: Callable[[], bool]) -> None:
        """Wait for a condition, tending all the while."""
        end = time.monotonic() + PATIENCE
        while not met():
            self.tend()
            assert time.monotonic() < end, f"not in {PATIENCE:.0f} s: {what}\n{self.said()}"
            time.sleep(0.1)

    @staticmethod
    def after(seconds: float) -> Callable[[], bool]:
        """A condition that is met after a time: for what only time does."""
        end = time.monotonic() + seconds
        return lambda: time.monotonic() > end

    def said(self, number: int | None = None) -> str:
        """The ends of what workers have written, or one of them."""
        logs = sorted(self.logs.glob("worker-*.log" if number is None else f"worker-{number}.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


class Ends:
    """How many messages there are on a topic."""

    def __init__(self, bus: Bus, topic: Topic) -> None:
        self.bus, self.topic = bus, bus.name(topic)
        self._client = Consumer(bus.options | {"group.id": "ends"})
        self._numbers = list(self._client.list_topics(self.topic, timeout=30.0).topics[self.topic].partitions)

    def __call__(self) -> int:
        """0 while the broker is away."""
        try:
            return sum(
                self._client.get_watermark_offsets(TopicPartition(self.topic, number), 5.0, cached=False)[1]
                for number in self._numbers
            )
        except KafkaException:
            return 0


class Lag:
    """How many messages on both topics are not behind a checkpoint yet; more than 0 while the broker is away."""

    def __init__(self, bus: Bus, group: str = "", topics: Sequence[Topic] = (Topic.HEADERS, Topic.WINDOWS)) -> None:
        group = group or f"{bus.prefix}-stream"
        self._client = Consumer(bus.options | {"group.id": group, "enable.auto.commit": False})
        self._topics = [bus.name(topic) for topic in topics]

    def __call__(self) -> int:
        try:
            return sum(map(self._of, self._topics))  # headers first: what they cause is on the other topic by then
        except KafkaException:
            return 1

    def _of(self, topic: str) -> int:
        places = [
            TopicPartition(topic, number) for number in self._client.list_topics(topic, 10.0).topics[topic].partitions
        ]
        behind = 0
        for place in self._client.committed(places, 10.0):
            _, high = self._client.get_watermark_offsets(place, 10.0, cached=False)
            behind += high - max(place.offset, 0)
        return behind


def environment(bus: Bus, **settings: object) -> dict[str, str]:
    """Quick checkpoints, and `settings` of the section stream, for workers."""
    chosen = {"checkpoint_interval": 0.5, "session_timeout": 6.0, "shutdown": 10.0} | settings
    given = {f"WIREVERDICT_STREAM__{name.upper()}": str(value) for name, value in chosen.items()}
    return given | {"WIREVERDICT_BUS__SERVERS": bus.servers, "WIREVERDICT_BUS__PREFIX": bus.prefix}


def worker(number: int) -> list[str]:
    """The command of a real worker."""
    return ["-m", "wireverdict", "stream", "--instance", f"w{number}"]
