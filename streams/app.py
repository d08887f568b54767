"""The Faust application: two agents whose state is restored before anything is read, and that never let Faust decide
which message counts as done.

One application with both topics, and so one consumer group: one rebalance, one restore and one thing that can stall,
instead of two that may disagree about who is alive. What follows was learnt on a real broker (docs/streams.md):

- Topics are declared without acknowledgements, so Faust commits nothing by itself. What is committed is the offset after
  the last snapshot, by `Agents.checkpoint`, and only so that others can see the lag: on assignment the snapshot decides.
- `_on_partitions_assigned` is overridden: the signal of that name is sent after Faust has begun to seek.
- Anything unexpected ends the process at once. A stopping worker has nothing to do that a killed one would not survive.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import faust
from aiokafka import TopicPartition
from faust.transport.drivers import aiokafka as aiokafka_driver
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.keeper import Keeper
from streams.messages import Incoming
from wireverdict.bus import BusSettings, Topic
from wireverdict.streaming import StreamSettings

LOG = logging.getLogger("wireverdict.stream")
FETCH = 1024 * 1024
"""Bytes of a partition in one answer."""
BUFFER = 16
"""Messages that Faust itself holds for an agent; a Keeper has a line of its own, from which several threads take."""
WAIT = 50
"""ms that a broker may hold back an answer with nothing in it. aiokafka has one request at a time under way to a broker, so
as long as one waits for quiet partitions, nothing is heard from busy ones. Faust has 1,500, and no setting for it."""

SHORT = 0.005
"""s to wait for some partitions while others are held back."""


class _Thread(AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = WAIT
        return consumer


class _Consumer(aiokafka_driver.Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> Any:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> Any:
        """Faust asks for no more of partitions whose line is long, and then waits for the others: up to 1 s, though the line is
        short again after some milliseconds, and what it wants lies ready."""
        if not self._buffered_partitions:
            return await super()._wait_next_records(timeout)
        if self.flow_active and not self._get_active_partitions():  # it would sleep
            await asyncio.sleep(SHORT)
            return {}, set()
        return await super()._wait_next_records(SHORT)


class StreamApp(faust.App):  # type: ignore[misc]
    """Faust with the two moments of a rebalance at which state is taken up and let go."""

    take_up: Callable[[set[TP]], Awaitable[None]]
    let_go: Callable[[], Awaitable[None]]
    die: Callable[[str, BaseException], None]

    def _new_transport(self) -> Any:
        made = super()._new_transport()
        made.Consumer = _Consumer
        return made

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        if not self.should_stop:
            # Faust stops reading when partitions are revoked, but not in a worker that had none, and takes the new ones for
            # active before it knows whose their messages are.
            self._hold(assigned)
            try:
                await self.take_up(assigned)
            except Exception as error:  # noqa: BLE001 - whatever it is, reading on without the state would lose
                self.die("partitions could not be restored", error)
            # What Faust began after the rebalance before may have ended in the meantime, and reads already.
            self._hold(assigned)
        await super()._on_partitions_assigned(assigned, generation_id)

    def _hold(self, partitions: set[TP]) -> None:
        """Read nothing until Faust has done what it does about new partitions, and forget what was read."""
        self.consumer.stop_flow()
        self.flow_control.suspend()
        self.consumer.pause_partitions(partitions)
        self.flow_control.clear()

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        if not self.should_stop:
            try:
                await self.let_go()
            except Exception as error:  # noqa: BLE001
                self.die("partitions could not be given back", error)
        await super()._on_partitions_revoked(revoked)


def make_app(bus: BusSettings, settings: StreamSettings, instance: str) -> StreamApp:
    """An application without agents. `instance`: this worker's name in the group, equal after a restart (static
    membership, KIP-345). Raises OSError for unreadable key files."""
    return StreamApp(
        f"{bus.prefix}-{settings.group}",
        broker=[f"kafka://{server.strip()}" for server in bus.servers.split(",")],
        broker_credentials=credentials(bus),
        consumer_group_instance_id=instance or None,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=min(settings.session_timeout / 5, 3.0),
        broker_request_timeout=max(40.0, settings.session_timeout + 10),
        broker_commit_interval=0.5,
        broker_max_poll_interval=300.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFER,
        stream_recovery_delay=0.0,
        stream_processing_timeout=3_600.0,  # liveness is our own: Faust only writes about it
        topic_disable_leader=True,
        topic_allow_declare=False,
        agent_supervisor="mode.supervisors.CrashingSupervisor",
        web_enabled=False,
        datadir=str(Path(tempfile.gettempdir()) / "wireverdict-faust"),
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
    )


def credentials(bus: BusSettings) -> Any:
    """The bus settings as Faust and aiokafka want them; None for plain text. Raises OSError."""
    context = None
    if bus.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=bus.ca_file or None)
        if bus.certificate_file:
            context.load_cert_chain(bus.certificate_file, bus.key_file or None)
    if bus.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=bus.sasl_username, password=bus.password(), mechanism=bus.sasl_mechanism, ssl_context=context
        )
    return None if context is None else faust.SSLCredentials(context)


class Agents:
    """Joins an application to the keepers of its topics."""

    def __init__(
        self, app: StreamApp, keepers: Mapping[Topic, Keeper], die: Callable[[str, BaseException], None]
    ) -> None:
        """`die`: ends the process; does not return."""
        self.app, self.keepers, self.die = app, keepers, die
        self.topics = {keeper.outbox.bus.topic(topic): keeper for topic, keeper in keepers.items()}
        self.ready = False
        self._owed: dict[TP, int] = {}  # in snapshots, and not told to the group yet
        app.take_up, app.let_go, app.die = self._take_up, self._let_go, die
        for name, keeper in self.topics.items():
            self._add(name, keeper)

    def _add(self, name: str, keeper: Keeper) -> None:
        keeper.seek = partial(self._seek, name)
        keeper.failed = self.die
        topic = self.app.topic(name, key_type=bytes, value_type=bytes, acks=False, internal=False)

        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                message = event.message
                await keeper.handle(incoming(message), partial(self._current, message))

        self.app.agent(topic, concurrency=1, name=f"{keeper.topic}")(agent)

    def _current(self, message: Any) -> bool:
        """Whether a message was read in the generation that holds its partition now."""
        return bool(message.generation_id == self.app.consumer_generation_id)

    async def _take_up(self, assigned: set[TP]) -> None:
        await self._stay_alive()
        offsets: dict[TP, int] = {}
        for name, keeper in self.topics.items():
            saved = await keeper.take_up(tp.partition for tp in assigned if tp.topic == name)
            for tp in assigned:
                if tp.topic == name:
                    offset = saved[tp.partition]
                    offsets[tp] = 0 if offset is None else offset + 1
        await self._commit(offsets, patience=60.0)
        self.ready = True
        LOG.info(
            "partitions assigned", extra={"partitions": [f"{tp.topic}[{tp.partition}]" for tp in sorted(assigned)]}
        )

    async def _stay_alive(self) -> None:
        """aiokafka sends no heartbeats until partitions are taken up, and who restores for long would be taken for dead."""
        thread = self.app.consumer._thread
        coordinator = thread._ensure_consumer()._coordinator

        async def start() -> None:
            coordinator._start_heartbeat_task()

        await thread.call_thread(start)

    async def _seek(self, name: str, partition: int, offset: int) -> None:
        """In the consumer's thread, and past Faust's own memory of what it has read."""
        consumer, tp = self.app.consumer, TP(name, partition)

        async def seek() -> None:
            if TopicPartition(name, partition) in consumer._thread._ensure_consumer().assignment():
                await consumer.seek(tp, offset)

        await consumer._thread.call_thread(seek)

    async def nudge(self, places: Iterable[tuple[str, int]]) -> None:
        """Nothing comes from these partitions though there is something: see Keeper.nudge."""
        for name, partition in places:
            if self.ready:
                await self.topics[name].nudge(partition)

    async def _let_go(self) -> None:
        self.ready = False
        await asyncio.gather(*(keeper.let_go() for keeper in self.keepers.values()))
        self._owed.clear()  # only now: a checkpoint that was under way has told of partitions that are not ours any more

    async def checkpoint(self, *, everything: bool = False) -> None:
        """Snapshot what is due, and let the group's offsets follow."""
        for name, keeper in self.topics.items():
            saved = await keeper.checkpoint(everything=everything)
            self._owed.update({TP(name, number): offset + 1 for number, offset in saved.items()})
        told = dict(self._owed)
        if self.ready and await self._commit(told):
            self._owed = {tp: offset for tp, offset in self._owed.items() if told.get(tp) != offset}

    async def _commit(self, offsets: Mapping[TP, int], patience: float = 0.0) -> bool:
        """Tell the group; whether that was done. Raises what aiokafka does, after `patience` s, if that is not 0."""
        if not offsets:
            return True
        thread = self.app.consumer._thread
        consumer = thread._ensure_consumer()
        structure = {TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        try:
            await asyncio.wait_for(thread.call_thread(consumer.commit, structure), patience or 10.0)
        except Exception as error:
            if patience:
                raise
            LOG.info("offsets not committed", extra={"error": str(error)})
            return False
        return True


def incoming(message: Any) -> Incoming:
    """A message of Faust's as ours."""
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return Incoming(
        message.partition,
        message.offset,
        round((message.timestamp or 0) * 1000),
        message.key,
        message.value or b"",
        [(name, value or b"") for name, value in pairs],
    )
