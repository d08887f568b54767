"""Keeps the state of the partitions of one topic: restores it, applies messages to it, snapshots it.

Everything that changes what is held runs under one lock, so that a snapshot is of a moment between two messages. What
blocks runs in threads, so that the event loop can answer the brokers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from streams.checkpoints import CheckpointError, Ledger, Snapshot
from streams.messages import Incoming, Outgoing, State
from streams.metrics import Metrics
from streams.outbox import DeliveryError, Outbox
from streams.position import Action, Position, Tolerance
from wireverdict.bus import BadMessage, Topic
from wireverdict.streaming import StreamSettings

SMALL = 2_048
"""Bytes of a value below which its message is applied at once and not in a thread: a tick takes microseconds."""
LETTER = 1_800_000
"""Bytes of a dead letter; of what is larger the rest is left away, and its size noted."""
FLUSH = 60.0
"""s that outputs may take to arrive before a checkpoint."""


SEEK = 5.0
"""s that reading has to get back to where it should be, before it is told so again."""
SEEKS = 12
"""Times in a row before the worker gives up."""


class Missing(RuntimeError):
    """Messages between two offsets are not read though they are there and were asked for again."""


class TooManyBad(RuntimeError):
    """More bad messages than is borne."""


@dataclass(slots=True)
class Held:
    """One partition."""

    state: State
    position: Position
    ledger: Ledger
    tolerance: Tolerance
    saved_at: float  # monotonic
    sought_at: float = -SEEK
    seeks: int = 0  # in a row


class Keeper:
    """See the module. `make`: an empty state for a partition. `open_ledger`: takes a partition over, blocking."""

    def __init__(
        self,
        topic: Topic,
        settings: StreamSettings,
        outbox: Outbox,
        metrics: Metrics,
        *,
        make: Callable[[int], State],
        open_ledger: Callable[[int], Ledger],
        earliest: Callable[[int], int],
    ) -> None:
        """`earliest`: the first offset that a partition still has; blocks. `seek` is to be set before anything is read:
        read a partition from an offset on."""
        self.topic = topic
        self.settings = settings
        self.outbox = outbox
        self.metrics = metrics
        self.held: dict[int, Held] = {}
        self.lock = asyncio.Lock()
        self.applied = 0
        self.seek: Callable[[int, int], Awaitable[None]] | None = None
        self._make, self._open, self._earliest = make, open_ledger, earliest
        self._thread = ThreadPoolExecutor(1, f"{topic}")
        self._others = ThreadPoolExecutor(8, f"{topic}-snapshots")

    async def take_up(self, partitions: Iterable[int]) -> dict[int, int | None]:
        """Restore the state of partitions; the last offset applied in each, None where there was no snapshot.

        Raises CheckpointError.
        """
        async with self.lock:
            loop = asyncio.get_running_loop()
            numbers = sorted(partitions)
            begun = time.monotonic()
            restored = await asyncio.gather(
                *(loop.run_in_executor(self._others, self._restore, number) for number in numbers)
            )
            self.held = dict(zip(numbers, restored, strict=True))
            self.metrics.restored(self.topic, time.monotonic() - begun, len(numbers))
            return {
                number: held.position.saved if held.position.saved >= 0 else None for number, held in self.held.items()
            }

    def _restore(self, number: int) -> Held:
        ledger = self._open(number)
        snapshot = ledger.restore()
        state = self._make(number)
        if snapshot is not None:
            state.load(snapshot.state)
        return Held(
            state,
            Position(None if snapshot is None else snapshot.offset),
            ledger,
            Tolerance(self.settings.max_bad, self.settings.bad_window),
            time.monotonic(),
        )

    async def let_go(self) -> None:
        """Snapshot and forget everything that is held. What cannot be saved will be read again."""
        async with self.lock:
            try:
                await self._save_all()
            except (CheckpointError, DeliveryError) as error:
                self.metrics.event("checkpoint_failed", topic=str(self.topic), error=str(error))
            finally:
                self.held = {}

    async def handle(self, message: Incoming, current: Callable[[], bool]) -> None:
        """Apply one message and send what it causes. `current`: whether it is still ours to apply, asked under the lock.

        Raises Missing, TooManyBad, DeliveryError, and whatever the state raises: then the worker has to stop.
        """
        async with self.lock:
            held = self.held.get(message.partition)
            if held is None or not current():
                return
            action = held.position.look(message.offset)
            if action is Action.SEEN:
                return
            if action is Action.GAP and not await self._gap(held, message):
                return
            loop = asyncio.get_running_loop()
            if len(message.value) < SMALL:
                good = self._apply(held, message)
            else:
                good = await loop.run_in_executor(self._thread, self._apply, held, message)
            held.position.advance(message.offset)
            held.seeks = 0
            self.applied += 1
            if not held.tolerance.count(not good):
                raise TooManyBad(
                    f"more than {self.settings.max_bad} of the last {self.settings.bad_window} messages of "
                    f"{self.outbox.bus.topic(self.topic)}[{message.partition}] cannot be used; the last one is at "
                    f"offset {message.offset}. The dead letters have the reasons (stream.max_bad sets the limit)"
                )

    def _apply(self, held: Held, message: Incoming) -> bool:
        try:
            outputs = held.state.apply(message)
        except BadMessage as error:
            self.outbox.send([self._dead_letter(message, str(error))])
            self.metrics.bad(self.topic, message, str(error))
            return False
        self.outbox.send(outputs)
        self.metrics.took(self.topic, message, outputs)
        return True

    def _dead_letter(self, message: Incoming, reason: str) -> Outgoing:
        source = self.outbox.bus.topic(self.topic)
        headers = [
            ("wv-id", f"{source}/{message.partition}/{message.offset}".encode()),
            ("wv-topic", source.encode()),
            ("wv-partition", str(message.partition).encode()),
            ("wv-offset", str(message.offset).encode()),
            ("wv-reason", reason.encode()),
        ]
        original = [(f"original-{name}", value) for name, value in message.headers]
        if len(message.value) > LETTER:
            headers.append(("wv-cut", str(len(message.value)).encode()))
        return Outgoing(Topic.DEAD_LETTERS, message.key or b"", message.value[:LETTER], headers + original)

    async def _gap(self, held: Held, message: Incoming) -> bool:
        """Messages before this one are missing: whether to go on with it, because the topic no longer has them. Else
        reading has gone astray, as it does when one rebalance follows another; it is led back. Raises Missing."""
        if time.monotonic() - held.sought_at < SEEK:
            return False
        loop = asyncio.get_running_loop()
        first = await loop.run_in_executor(self._thread, self._earliest, message.partition)
        if first > held.position.applied + 1:
            self.metrics.expired(self.topic, message.partition, message.offset - held.position.applied - 1)
            return True
        await self._lead(message.partition, held)
        return False

    async def nudge(self, partition: int) -> None:
        """Read a partition again from where it should be: somebody has seen that nothing comes. Raises Missing."""
        async with self.lock:
            held = self.held.get(partition)
            if held is not None and time.monotonic() - held.sought_at >= SEEK:
                await self._lead(partition, held)

    async def _lead(self, partition: int, held: Held) -> None:
        held.sought_at, held.seeks = time.monotonic(), held.seeks + 1
        name, offset = self.outbox.bus.topic(self.topic), held.position.applied + 1
        if held.seeks > SEEKS or self.seek is None:
            raise Missing(f"messages from offset {offset} of {name}[{partition}] on are there and do not come")
        self.metrics.event("reading led back", topic=str(self.topic), partition=partition, offset=offset)
        await self.seek(partition, offset)

    async def checkpoint(self, *, everything: bool = False) -> dict[int, int]:
        """Snapshot the partitions whose time has come; the offsets that are durable since. Raises CheckpointError,
        DeliveryError."""
        async with self.lock:
            due = time.monotonic() - self.settings.checkpoint_interval
            numbers = [
                number
                for number, held in self.held.items()
                if held.position.unsaved and (everything or held.saved_at <= due)
            ]
            return await self._save(numbers)

    async def _save_all(self) -> dict[int, int]:
        return await self._save([number for number, held in self.held.items() if held.position.unsaved])

    async def _save(self, numbers: list[int]) -> dict[int, int]:
        """Under the lock: copy, then outputs, then the transaction; only then does a message count as done."""
        if not numbers:
            return {}
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self.outbox.flush, FLUSH)
        await asyncio.gather(
            *(loop.run_in_executor(self._others, self._save_one, number, self.held[number]) for number in numbers)
        )
        return {number: self.held[number].position.saved for number in numbers}

    def _save_one(self, number: int, held: Held) -> None:
        begun = time.monotonic()
        state = held.state.dump()
        held.ledger.save(Snapshot(held.position.applied, state))
        held.position.keep()
        held.saved_at = time.monotonic()
        self.metrics.saved(self.topic, number, len(state), held.saved_at - begun)

    def ages(self) -> Any:
        """Seconds since the last snapshot, per partition."""
        now = time.monotonic()
        return {number: now - held.saved_at for number, held in self.held.items()}
