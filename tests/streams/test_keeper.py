from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable

import pytest

from streams.checkpoints import Fenced, Ledger
from streams.keeper import Keeper, Missing, TooManyBad, _asked
from streams.messages import Incoming, Outgoing, Outputs
from streams.metrics import Metrics
from streams.outbox import DeliveryError, Outbox
from tests.streams.broker import Bus
from tests.streams.counting import Counting
from wireverdict.bus import BadMessage, Topic
from wireverdict.streaming import StreamSettings

pytestmark = pytest.mark.services
SETTINGS = StreamSettings(max_bad=2, bad_window=4)


@pytest.fixture
def bus() -> Bus:
    return Bus(partitions=1)


def keeper(bus: Bus, earliest: Callable[[int], int] = lambda number: 0, threads: int = 1) -> Keeper:
    source = bus.name(Topic.HEADERS)
    return Keeper(
        Topic.HEADERS,
        SETTINGS,
        Outbox(bus.settings, bus.options),
        Metrics(),
        make=Counting,
        open_ledger=lambda number: Ledger(
            bus.options, bus.name(Topic.CHECKPOINTS), "g", (source, number), partition=number
        ),
        earliest=earliest,
        threads=threads,
    )


def message(offset: int, value: bytes = b"good") -> Incoming:
    return Incoming(0, offset, 0, b"edge", value, [("wv", b"{}")])


async def feed(kept: Keeper, messages: Iterable[Incoming], current: bool = True) -> None:
    for each in messages:
        await kept.handle(each, lambda: current)
    await kept.drained()
    await asyncio.sleep(0)  # what was asked of the loop meanwhile


def sent(bus: Bus) -> list[bytes]:
    return [bytes(m.value() or b"") for m in bus.read(Topic.WINDOWS)]


def test_whoever_takes_over_goes_on_where_the_last_snapshot_was(bus: Bus) -> None:
    async def play() -> None:
        first = keeper(bus)
        assert await first.take_up([0]) == {0: None}
        await feed(first, map(message, range(3)))
        assert await first.checkpoint(everything=True) == {0: 2}
        await feed(first, map(message, range(3, 5)))  # applied and perhaps sent, but in no snapshot
        first.outbox.flush(30.0)
        second = keeper(bus)
        assert await second.take_up([0]) == {0: 2}
        await feed(second, map(message, range(6)))  # the first three are in the snapshot
        await second.let_go()
        assert await keeper(bus).take_up([0]) == {0: 5}

    asyncio.run(play())
    assert sent(bus) == [b"0 %d %d" % (n, n + 1) for n in (0, 1, 2, 3, 4, 3, 4, 5)]  # again, byte for byte


def test_a_worker_that_comes_back_too_late_cannot_save(bus: Bus) -> None:
    async def play() -> None:
        first, second = keeper(bus), keeper(bus)
        await first.take_up([0])
        await feed(first, map(message, range(3)))
        await second.take_up([0])
        with pytest.raises(Fenced):
            await first.checkpoint(everything=True)
        await first.let_go()  # says so in its log, and forgets
        assert first.held == {}

    asyncio.run(play())


def test_what_is_of_another_generation_or_partition_is_left_alone(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus)
        await kept.take_up([0])
        await feed(kept, [message(0)], current=False)
        await feed(kept, [message(0)._replace(partition=7)])
        assert kept.held[0].position.applied == -1
        kept.outbox.flush(30.0)

    asyncio.run(play())
    assert sent(bus) == []


def test_reading_that_went_astray_is_led_back_and_given_up_only_after_a_while(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        sought = []

        async def seek(partition: int, offset: int) -> None:
            sought.append((partition, offset))

        kept = keeper(bus)
        kept.seek = seek
        await kept.take_up([0])
        await feed(kept, [message(0), message(3), message(4), message(5)])
        assert sought == [(0, 1)]  # once: what was on its way is left out meanwhile
        await feed(kept, map(message, range(1, 4)))
        assert kept.held[0].position.applied == 3
        monkeypatch.setattr("streams.keeper.SEEK", 0.0)
        await kept.nudge(0)
        await feed(kept, [])
        assert sought == [(0, 1), (0, 4)]
        with pytest.raises(Missing, match=r"messages from offset 4 of .*headers\[0\] on are there and do not come"):
            await feed(kept, map(message, range(10, 100)))
        kept.outbox.flush(30.0)

    asyncio.run(play())


def test_without_a_snapshot_reading_begins_where_the_topic_does(bus: Bus) -> None:
    """What an earlier assignment had read ahead may come first: applied, it would hide all that is before it."""

    async def play() -> None:
        kept, sought = keeper(bus), asyncio.Queue[tuple[int, int]]()

        async def seek(number: int, offset: int) -> None:
            sought.put_nowait((number, offset))

        kept.seek = seek
        await kept.take_up([0])
        await feed(kept, [message(5)])
        assert await sought.get() == (0, 0)
        assert kept.held[0].position.applied == -1
        await feed(kept, map(message, range(6)))
        assert kept.held[0].position.applied == 5

    asyncio.run(play())


def test_messages_that_the_topic_no_longer_has_are_counted(bus: Bus) -> None:
    async def play() -> None:
        first = [0]
        kept = keeper(bus, earliest=lambda number: first[0])
        await kept.take_up([0])
        await feed(kept, [message(0)])
        first[0] = 3
        await feed(kept, [message(3)])
        assert kept.held[0].position.applied == 3
        assert kept.metrics.registry.get_sample_value(
            "wireverdict_stream_expired_messages_total", {"topic": "headers"}
        ) == pytest.approx(2)

    asyncio.run(play())


def test_bad_messages_go_to_the_dead_letters_until_they_are_too_many(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus)
        await kept.take_up([0])
        await feed(kept, [message(0, b"bad"), message(1), message(2, b"bad"), message(3)])
        with pytest.raises(TooManyBad, match="more than 2 of the last 4 messages"):
            await feed(kept, [message(4, b"bad"), message(5, b"bad")])
        kept.outbox.flush(30.0)

    asyncio.run(play())
    assert sent(bus) == [b"0 1 1", b"0 3 2"]
    letters = bus.read(Topic.DEAD_LETTERS)
    assert [(m.key(), m.value()) for m in letters] == [(b"edge", b"bad")] * 4
    headers = dict(letters[1].headers() or [])
    assert headers == {
        "wv-id": f"{bus.name(Topic.HEADERS)}/0/2".encode(),
        "wv-topic": bus.name(Topic.HEADERS).encode(),
        "wv-partition": b"0",
        "wv-offset": b"2",
        "wv-reason": b"it says so itself",
        "original-wv": b"{}",
    }


def test_a_dead_letter_that_is_too_large_is_cut(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus)
        kept._make = Refusing
        await kept.take_up([0])
        await feed(kept, [message(0, bytes(1_900_000))])
        kept.outbox.flush(30.0)

    class Refusing(Counting):
        def apply(self, message: Incoming, prepared: str) -> Outputs:
            raise BadMessage("too large for my taste")

    asyncio.run(play())
    (letter,) = bus.read(Topic.DEAD_LETTERS)
    assert len(letter.value() or b"") == 1_800_000
    assert dict(letter.headers() or [])["wv-cut"] == b"1900000"


def test_a_fault_of_ours_is_not_swallowed(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus)
        await kept.take_up([0])
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await feed(kept, [message(0, b"broken")])

    asyncio.run(play())


class Slow(Counting):
    """Makes what the first message causes only when it is allowed to."""

    def __init__(self, partition: int) -> None:
        super().__init__(partition)
        self.allowed = threading.Event()
        self.fails = False

    def apply(self, message: Incoming, prepared: str) -> Outputs:
        outputs = super().apply(message, prepared)

        def make() -> list[Outgoing]:
            assert self.allowed.wait(60.0)
            if self.fails:
                raise RuntimeError("cannot be made")
            return outputs()

        return make if self.count == 1 else outputs


def test_messages_are_applied_while_what_others_cause_is_still_made_and_sent_in_order(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus, threads=2)
        kept._make = Slow
        await kept.take_up([0])
        for each in map(message, range(4)):
            await kept.handle(each, lambda: True)
        held = kept.held[0]
        await asyncio.wrap_future(_asked(held.turns, lambda: None))
        assert held.position.applied == 3
        saving = asyncio.create_task(kept.checkpoint(everything=True))
        await asyncio.wrap_future(_asked(held.turns, lambda: None))
        assert not held.sending.idle
        assert held.position.saved == -1  # nothing is durable of which something is not sent
        assert isinstance(held.state, Slow)
        held.state.allowed.set()
        assert await saving == {0: 3}

    asyncio.run(play())
    assert sent(bus) == [b"0 %d %d" % (n, n + 1) for n in range(4)]


def test_no_snapshot_is_made_of_messages_of_which_something_could_not_be_sent(bus: Bus) -> None:
    async def play() -> None:
        kept = keeper(bus, threads=2)
        kept._make = Slow
        await kept.take_up([0])
        held = kept.held[0]
        assert isinstance(held.state, Slow)
        held.state.fails = True
        for each in map(message, range(3)):
            await kept.handle(each, lambda: True)
        await asyncio.wrap_future(_asked(held.turns, lambda: None))
        assert held.position.applied == 2
        held.state.allowed.set()
        with pytest.raises(DeliveryError, match="not all that messages up to 2 cause could be sent"):
            await kept.checkpoint(everything=True)
        with pytest.raises(RuntimeError, match="cannot be made"):
            await kept.drained()
        kept.outbox.flush(30.0)

    asyncio.run(play())
    assert sent(bus) == []
