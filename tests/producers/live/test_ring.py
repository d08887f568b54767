"""One ring on a wire; how rings work together is in test_source.py."""

from __future__ import annotations

import select
from collections.abc import Iterator

import numpy as np
import pytest

from producers.live.memory import Region
from producers.live.program import NOTHING, program
from producers.live.ring import Ring, Shape, empty, most_frames
from tests.producers.live.place import Wire, inside, udp, wire

pytestmark = pytest.mark.lab
SHAPE = Shape(1 << 16, 4, 10, 100)


@pytest.fixture(scope="module")
def between() -> Iterator[Wire]:
    with wire() as made:
        yield made


@pytest.fixture
def ring(between: Wire) -> Iterator[Ring]:
    with inside(between.taker):
        made = Ring("in0", Region(2 * SHAPE.size), SHAPE.size, SHAPE, 7)
        made.bind(False)
    yield made
    made.close()


def wait(ring: Ring) -> None:
    poll = select.poll()
    poll.register(ring.socket, select.POLLIN)
    assert poll.poll(10_000)


def test_nothing_comes_in_before_it_is_let_in(between: Wire, ring: Ring) -> None:
    between.send(udp(1))
    ring.filter(program("", (1,), SHAPE.snap))
    between.send(udp(2, bytes(200)))
    wait(ring)
    frames = empty(most_frames(SHAPE))
    count, disorder = ring.take(frames, 4)
    assert (count, disorder) == (1, False)
    assert frames["length"][0] == len(udp(2, bytes(200)))
    assert (frames["captured"][0], frames["file"][0]) == (SHAPE.snap, 7)
    assert frames["offset"][0] >= SHAPE.size
    assert ring.block_of(frames[:1]).tolist() == [0]
    assert ring.fill == 0.25
    ring.give(1)
    ring.count()
    assert (ring.fill, ring.received, ring.dropped, ring.broken) == (0.0, 1, 0, 0)


def test_room_is_left_for_whole_blocks_only(between: Wire, ring: Ring) -> None:
    ring.filter(program("", (1,), SHAPE.snap))
    between.send(udp(1), udp(2))
    wait(ring)
    assert ring.take(empty(1), 4) == (0, False)
    assert ring.take(empty(2), 4) == (2, False)


def test_what_finds_no_room_is_counted(between: Wire, ring: Ring) -> None:
    ring.filter(program("", (1,), SHAPE.snap))
    between.send(*(udp(number, bytes(100)) for number in range(3_000)))
    ring.filter(NOTHING)
    assert ring.fill == 1.0
    frames = empty(10 * most_frames(SHAPE))
    count, _ = ring.take(frames, 4)
    ring.count()
    assert (ring.received, ring.received + ring.dropped) == (count, 3_000)
    assert ring.freezes == 1
    ports = np.array([ring._data[offset + 34 : offset + 36].view(">u2")[0] for offset in frames["offset"][:count]])
    assert ports.tolist() == [10_000 + number for number in range(count)]  # the first ones


def test_what_happens_to_the_interface_is_told(between: Wire, ring: Ring) -> None:
    assert ring.error() == 0
    between.taker.ip("link", "set", "in0", "down")
    assert ring.error() == 100  # ENETDOWN
    between.taker.ip("link", "set", "in0", "up")
    between.sender.ip("link", "set", "out0", "up")
    assert ring.error() == 0
