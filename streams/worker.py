"""One worker process: the application, its outputs, its clocks and its end."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from prometheus_client import start_http_server

from streams.app import Agents, make_app
from streams.checkpoints import Ledger
from streams.keeper import Keeper
from streams.liveness import Watchdog
from streams.messages import State
from streams.metrics import Metrics
from streams.outbox import Outbox
from streams.topics import client_options, partitions
from wireverdict.bus import Topic
from wireverdict.settings import Settings

LOG = logging.getLogger("wireverdict.stream")
STOPPED, BROKEN = 0, 70
"""Exit statuses: asked to stop; anything else (EX_SOFTWARE of sysexits.h), to be started again."""
TICK = 0.5
LATER = [f"wireverdict.paths.{name}" for name in ("busy", "ended", "load", "logs", "policing")]
"""Modules that are else imported when traffic first needs them."""


Makers = Mapping[Topic, Callable[[int], State]]
"""An empty state for each partition of the topics that are read."""


def states(settings: Settings, metrics: Metrics) -> Makers:
    """Those of the two agents. Imported here: it takes a second, and a supervisor does not need them. Kernels are put into
    memory now, those too that only some traffic needs: what is loaded hours later may be of newer sources, and not fit."""
    from streams.connections import Connections
    from streams.verdicts import Verdicts
    from wireverdict.kernels import load_all

    for module in LATER:
        importlib.import_module(module)
    load_all()

    return {
        Topic.HEADERS: partial(Connections, settings, metrics),
        Topic.WINDOWS: partial(Verdicts, settings, metrics),
    }


@dataclass
class Worker:
    """See `run`."""

    settings: Settings
    instance: str = ""
    make: Callable[[Settings, Metrics], Makers] = states
    index: int = 0

    def run(self) -> int:
        """Work until SIGTERM or SIGINT. Does not return when anything breaks: the process ends with BROKEN."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        bus, stream = self.settings.bus, self.settings.stream
        options = client_options(self.settings, self.instance)
        self.metrics = Metrics()
        group = f"{bus.prefix}-{stream.group}"
        counts = await asyncio.to_thread(partitions, self.settings, options)
        self.keepers = {
            topic: Keeper(
                topic,
                stream,
                Outbox(bus, options),
                self.metrics,
                make=make,
                open_ledger=partial(self._ledger, options, group, topic, counts),
                earliest=partial(self._earliest, options, bus.topic(topic)),
                threads=stream.threads if topic is Topic.HEADERS else 1,
            )
            for topic, make in self.make(self.settings, self.metrics).items()
        }
        self.app = make_app(bus, stream, self.instance)
        self.agents = Agents(self.app, self.keepers, die)
        self._beat = time.monotonic()
        self._stop = asyncio.Event()
        self._nudges: asyncio.Queue[list[tuple[str, int]]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

        def nudge(places: list[tuple[str, int]]) -> None:
            loop.call_soon_threadsafe(self._nudges.put_nowait, places)

        watchdog = Watchdog(
            options,
            stream.stall,
            applied=self._applied,
            beat=lambda: self._beat,
            joining=lambda: bool(self.app.rebalancing) or not self.agents.ready,
            die=lambda sentence: die(sentence, None),
            nudge=nudge,
        )
        self._watch(watchdog)
        watchdog.start()
        await self.app.start()
        LOG.info("worker started", extra={"instance": self.instance, "group": group})
        clock = loop.create_task(self._clock())
        ended = loop.create_task(self.app.wait_until_stopped())
        await asyncio.wait({loop.create_task(self._stop.wait()), ended, clock}, return_when=asyncio.FIRST_COMPLETED)
        if not self._stop.is_set():
            error = clock.exception() if clock.done() else self.app.crash_reason
            die("the application stopped", error)
        LOG.info("stopping")
        last = threading.Timer(
            stream.shutdown, os._exit, (STOPPED,)
        )  # Faust has been seen to hang: what counts is durable
        last.daemon = True
        last.start()
        watchdog.stop()
        await clock  # to its end: a checkpoint that was begun cannot be left, nor begun twice
        await self.agents.checkpoint(everything=True)
        for keeper in self.keepers.values():
            keeper.drop()
        await self.app.stop()
        LOG.info("stopped")
        logging.shutdown()
        os._exit(STOPPED)  # threads of clients that will not end are not waited for

    async def _clock(self) -> None:
        """Checkpoints that are due, and signs of life."""
        while not self._stop.is_set():
            self._beat = time.monotonic()
            await asyncio.sleep(TICK)
            await self.agents.checkpoint()
            while not self._nudges.empty():
                await self.agents.nudge(self._nudges.get_nowait())
            for keeper in self.keepers.values():
                keeper.outbox.poll()

    def _applied(self) -> dict[tuple[str, int], int]:
        return {
            (keeper.outbox.bus.topic(topic), number): held.position.applied
            for topic, keeper in self.keepers.items()
            for number, held in keeper.held.copy().items()
        }

    def _ledger(
        self, options: dict[str, Any], group: str, topic: Topic, counts: dict[Topic, int], number: int
    ) -> Ledger:
        """Partitions of both topics are spread over those of the checkpoints so that they meet as little as can be."""
        place = number if topic is Topic.HEADERS else counts[Topic.HEADERS] + number
        return Ledger(
            options,
            self.settings.bus.topic(Topic.CHECKPOINTS),
            group,
            (self.settings.bus.topic(topic), number),
            partition=place % counts[Topic.CHECKPOINTS],
            chunk=self.settings.stream.checkpoint_chunk,
        )

    @staticmethod
    def _earliest(options: dict[str, Any], topic: str, number: int) -> int:
        client = Consumer(options | {"group.id": "none"})
        try:
            return client.get_watermark_offsets(TopicPartition(topic, number), 30.0, cached=False)[0]
        finally:
            client.close()

    def _watch(self, watchdog: Watchdog) -> None:
        """Gauges, and the port where they are read."""
        metrics, port = self.metrics, self.settings.stream.metrics_port
        metrics.watch(
            "wireverdict_stream_lag",
            "Messages not applied yet.",
            ["topic", "partition"],
            lambda: [((name, str(number)), lag) for (name, number), lag in watchdog.lags.items()],
        )
        metrics.watch(
            "wireverdict_stream_checkpoint_age_seconds",
            "Since the last snapshot.",
            ["topic", "partition"],
            lambda: [
                ((str(topic), str(number)), age)
                for topic, keeper in self.keepers.items()
                for number, age in keeper.ages().items()
            ],
        )
        metrics.watch(
            "wireverdict_stream_watermark_delay_seconds",
            "From a sensor's clock to now.",
            ["sensor"],
            lambda: [((sensor,), delay) for sensor, delay in metrics.delays().items()],
        )
        metrics.watch(
            "wireverdict_stream_open_connections",
            "Connections in the tables.",
            ["partition"],
            lambda: [
                ((str(number),), float(held.state.open))
                for number, held in self.keepers[Topic.HEADERS].held.copy().items()
            ],
        )
        if port:
            start_http_server(port + self.index, self.settings.stream.metrics_address, metrics.registry)


def die(what: str, error: BaseException | None) -> None:
    """End the process here and now: what matters is durable, and what is not is read again by whoever comes next."""
    LOG.critical(what, exc_info=error, extra={"error": repr(error) if error else ""})
    logging.shutdown()
    os._exit(BROKEN)
