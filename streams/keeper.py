"""Keeps the state of the partitions of one topic: restores it, applies messages to it, snapshots it.

What concerns a partition's state is done by one thread at a time, in the order in which it was asked for (`Turns`), so that
a snapshot is of a moment between two messages; partitions go on beside each other. For a snapshot the state is only
copied there: packing and sending the copy holds nobody up. What blocks runs in threads, so that the event loop can
answer the brokers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streams.checkpoints import CheckpointError, Ledger, Snapshot
from streams.messages import Incoming, Outgoing, Outputs, State, marked, nothing
from streams.metrics import Metrics
from streams.outbox import DeliveryError, Outbox
from streams.position import Action, Position, Tolerance
from streams.turns import Crew, Early, Room, Turns
from wireverdict.bus import BadMessage, Topic
from wireverdict.streaming import StreamSettings

LETTER = 1_800_000
"""Bytes of a dead letter; of what is larger the rest is left away, and its size noted."""
FLUSH = 60.0
"""s that outputs may take to arrive before a checkpoint."""
COPIES = 4
"""Snapshots on their way at once: each is a copy of a partition's state in memory."""


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
    """One partition. What `turns` do changes it, one at a time; others only look."""

    number: int
    state: State
    position: Position
    ledger: Ledger
    tolerance: Tolerance
    turns: Turns
    sending: Turns  # what was applied, in the same order
    unsent: bool = False  # something could not be sent
    saved_at: float = field(default_factory=time.monotonic)
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
        threads: int = 1,
    ) -> None:
        """`earliest`: the first offset that a partition still has; blocks. `threads`: partitions that are worked on at the same
        time. `seek` is to be set before anything is read: read a partition from an offset on. `failed` hears which message
        could not be applied, and why, in any thread: then the worker has to stop."""
        self.topic = topic
        self.settings = settings
        self.outbox = outbox
        self.metrics = metrics
        self.held: dict[int, Held] = {}
        self.lock = asyncio.Lock()
        self.applied = 0
        self.error: Exception | None = None
        self.seek: Callable[[int, int], Awaitable[None]] | None = None
        self.failed: Callable[[str, Exception], None] = lambda place, error: None
        self._make, self._open, self._earliest = make, open_ledger, earliest
        self._threads = Crew(threads, f"{topic}")
        self._others = ThreadPoolExecutor(8, f"{topic}-snapshots")
        self._room = Room(settings.buffer)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def take_up(self, partitions: Iterable[int]) -> dict[int, int | None]:
        """Restore the state of partitions; the last offset applied in each, None where there was no snapshot.

        Raises CheckpointError.
        """
        async with self.lock:
            loop = self._loop = asyncio.get_running_loop()
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
            number,
            state,
            # Without a snapshot reading begins where the topic does, and nowhere else: what an earlier assignment had read
            # ahead and not applied may come first.
            Position(self._earliest(number) - 1 if snapshot is None else snapshot.offset),
            ledger,
            Tolerance(self.settings.max_bad, self.settings.bad_window),
            Turns(self._threads, self._room),
            Turns(self._threads, self._room),
        )

    async def let_go(self) -> None:
        """Snapshot and forget everything that is held. What cannot be saved will be read again."""
        async with self.lock:
            try:
                await self._save(list(self.held.values()), last=True)
            except (CheckpointError, DeliveryError) as error:
                self.metrics.event("checkpoint_failed", topic=str(self.topic), error=str(error))
            finally:
                self.drop()

    def drop(self) -> None:
        """Forget everything that is held."""
        held, self.held = self.held, {}
        for each in held.values():
            each.turns.close()
            each.sending.close()

    async def handle(self, message: Incoming, current: Callable[[], bool]) -> None:
        """Line up one message, to be applied and what it causes to be sent; waits while too many wait. `current`: whether it
        is still ours to apply, asked just before.

        Raises what an earlier message made fail: Missing, TooManyBad, DeliveryError, and whatever the state raises.
        """
        await self._room.wait()
        if self.error is not None:
            raise self.error
        held = self.held.get(message.partition)
        if held is not None:
            early = Early(partial(held.state.prepare, message))
            held.turns.add(partial(self._take, held, message, early, current), counts=True, early=early)

    async def drained(self) -> None:
        """When everything that was lined up before has been applied, and what it causes sent. Raises what made it fail."""
        for line in "turns", "sending":
            lines = [getattr(held, line) for held in self.held.values()]
            await asyncio.gather(*(asyncio.wrap_future(_asked(each, lambda: None)) for each in lines))
        if self.error is not None:
            raise self.error

    def _take(self, held: Held, message: Incoming, early: Early, current: Callable[[], bool]) -> None:
        if self.error is not None or not current():
            return
        try:
            action = held.position.look(message.offset)
            if action is Action.SEEN or (action is Action.GAP and not self._gap(held, message)):
                return
            good = self._apply(held, message, early)
            held.position.advance(message.offset)
            held.seeks = 0
            self.applied += 1
            if not held.tolerance.count(not good):
                raise TooManyBad(
                    f"more than {self.settings.max_bad} of the last {self.settings.bad_window} messages of "
                    f"{self.outbox.bus.topic(self.topic)}[{message.partition}] cannot be used; the last one is at "
                    f"offset {message.offset}. The dead letters have the reasons (stream.max_bad sets the limit)"
                )
        except Exception as error:  # noqa: BLE001 - going on would lose the message
            self._fail(held, message.offset, error)

    def _fail(self, held: Held, offset: int, error: Exception) -> None:
        self.error = error
        self.failed(f"{self.outbox.bus.topic(self.topic)}[{held.number}] at offset {offset}", error)

    def _apply(self, held: Held, message: Incoming, early: Early) -> bool:
        try:
            outputs = held.state.apply(message, early.value())
        except BadMessage as error:
            letter = self._dead_letter(message, str(error))
            self._later(held, message, lambda: [letter], good=False)
            self.metrics.bad(self.topic, message, str(error))
            return False
        self._later(held, message, outputs)
        return True

    def _later(self, held: Held, message: Incoming, outputs: Outputs, good: bool = True) -> None:
        """Make and send what a message causes after what those before it cause: here and now if nothing else has to be done
        before and no thread has time for it, else beside the messages that follow."""
        send = partial(self._send, held, message, outputs, good)
        if held.sending.idle and (outputs is nothing or not self._threads.spare):
            send()
        else:
            held.sending.add(send, counts=True)

    def _send(self, held: Held, message: Incoming, outputs: Outputs, good: bool) -> None:
        if held.unsent:
            return
        try:
            made = marked(message, outputs())
            self.outbox.send(made)
        except Exception as error:  # noqa: BLE001 - going on would lose it
            held.unsent = True
            self._fail(held, message.offset, error)
            return
        if good:
            self.metrics.took(self.topic, message, made)

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

    def _gap(self, held: Held, message: Incoming) -> bool:
        """Messages before this one are missing: whether to go on with it, because the topic no longer has them. Else
        reading has gone astray, as it does when one rebalance follows another; it is led back. Raises Missing."""
        if time.monotonic() - held.sought_at < SEEK:
            return False
        first = self._earliest(message.partition)
        if first > held.position.applied + 1:
            self.metrics.expired(self.topic, message.partition, message.offset - held.position.applied - 1)
            held.state.missed()
            return True
        self._lead(held)
        return False

    async def nudge(self, partition: int) -> None:
        """Read a partition again from where it should be: somebody has seen that nothing comes."""
        held = self.held.get(partition)
        if held is not None:
            held.turns.add(partial(self._nudged, held))

    def _nudged(self, held: Held) -> None:
        try:
            if time.monotonic() - held.sought_at >= SEEK:
                self._lead(held)
        except Missing as error:
            self._fail(held, held.position.applied + 1, error)

    def _lead(self, held: Held) -> None:
        held.sought_at, held.seeks = time.monotonic(), held.seeks + 1
        name, offset = self.outbox.bus.topic(self.topic), held.position.applied + 1
        if held.seeks > SEEKS or self.seek is None or self._loop is None:
            raise Missing(f"messages from offset {offset} of {name}[{held.number}] on are there and do not come")
        self.metrics.event("reading led back", topic=str(self.topic), partition=held.number, offset=offset)
        asyncio.run_coroutine_threadsafe(self._sought(held.number, offset), self._loop)

    async def _sought(self, number: int, offset: int) -> None:
        assert self.seek is not None
        try:
            await self.seek(number, offset)
        except Exception as error:  # noqa: BLE001 - the next look leads it back again
            self.metrics.event("seek_failed", topic=str(self.topic), partition=number, error=str(error))

    async def checkpoint(self, *, everything: bool = False) -> dict[int, int]:
        """Snapshot the partitions whose time has come; the offsets that are durable since. Raises CheckpointError,
        DeliveryError."""
        async with self.lock:
            due = time.monotonic() - self.settings.checkpoint_interval
            return await self._save([held for held in self.held.values() if everything or held.saved_at <= due])

    async def _save(self, partitions: list[Held], last: bool = False) -> dict[int, int]:
        some = asyncio.Semaphore(COPIES)

        async def save(held: Held) -> None:
            async with some:
                await self._save_one(held, last)

        partitions = [held for held in partitions if held.position.unsaved]
        done = await asyncio.gather(*(save(held) for held in partitions), return_exceptions=True)
        for error in done:
            if isinstance(error, BaseException):
                raise error
        return {held.number: held.position.saved for held in partitions}

    async def _save_one(self, held: Held, last: bool) -> None:
        """In this order: copy between two messages, then outputs, then the transaction; only then do those messages count as
        done. `last`: no message comes after it."""
        begun = time.monotonic()
        loop = asyncio.get_running_loop()
        copy = partial(self._copy, held, last)
        offset, packed, sent, copied = await asyncio.wrap_future(_asked(held.turns, copy, first=True))
        size = await loop.run_in_executor(self._others, self._write, held, offset, packed, sent)
        held.position.keep(offset)
        held.saved_at = time.monotonic()
        self.metrics.saved(self.topic, held.number, size, held.saved_at - begun, copied)

    def _copy(self, held: Held, last: bool) -> tuple[int, Callable[[], bytes], Future[Any], float]:
        begun = time.monotonic()
        copied = held.position.applied, held.state.dump()
        sent = _asked(held.sending, lambda: None)
        if last:
            held.turns.close()
        return *copied, sent, time.monotonic() - begun

    def _write(self, held: Held, offset: int, packed: Callable[[], bytes], sent: Future[Any]) -> int:
        """`sent`: done when the outputs of all that was copied were sent."""
        state = packed()
        sent.result()
        if held.unsent:
            raise DeliveryError(f"not all that messages up to {offset} cause could be sent")
        self.outbox.flush(FLUSH)
        held.ledger.save(Snapshot(offset, state))
        return len(state)

    def ages(self) -> Any:
        """Seconds since the last snapshot, per partition."""
        now = time.monotonic()
        return {number: now - held.saved_at for number, held in self.held.items()}


def _asked(line: Turns, what: Callable[[], Any], *, first: bool = False) -> Future[Any]:
    """Have something done after what is lined up, or `first`; what comes of it."""
    future: Future[Any] = Future()

    def do() -> None:
        try:
            future.set_result(what())
        except Exception as error:  # noqa: BLE001 - for whoever waits for it
            future.set_exception(error)

    if not line.add(do, first=first):
        future.cancel()
    return future
