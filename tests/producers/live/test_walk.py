"""The kernels on blocks that were packed by hand, against a plain reading of the same packets."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from producers.live import walk as w
from tests.producers.live.made import Packet, block
from wireverdict.frames import FRAME, IN, OUT, UNKNOWN

SIZE, SNAP = 1 << 16, 120


def walked(memory: NDArray[np.uint8], at: int = 0) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    frames, tally = np.zeros(1_000, FRAME), np.zeros(w.TALLY, np.int64)
    words = memory.view(np.uint16), memory.view(np.uint32)
    count = w.walk(memory, *words, at, SIZE, w.LINK_OF, SNAP, 3, frames, 0, tally)
    return frames[:count], tally


def expected(packet: Packet) -> tuple[bytes, int, int, int]:
    """Captured bytes, length on the wire, link type and direction, by the rules in words."""
    link = {1: 1, 772: 1, 801: 105, 802: 119, 803: 127}.get(packet.hardware, 101)
    data, length = packet.data, packet.length
    if link == 101:
        data, length = data[packet.net :], length - packet.net
    if link == 1 and packet.tag is not None and len(data) >= 12:
        data = data[:12] + struct.pack(">HH", packet.tag[0] or 0x8100, packet.tag[1]) + data[12:]
        data, length = data[:SNAP], length + 4
    direction = {0: IN, 1: IN, 2: IN, 4: OUT}.get(packet.kind, UNKNOWN)
    return data, length, link, UNKNOWN if packet.hardware == 772 else direction


packets = st.lists(
    st.builds(
        lambda ts, data, more, hardware, kind, tag: Packet(ts, data, len(data) + more, 14, hardware, kind, tag),
        st.integers(0, (1 << 32) * 1_000_000_000 - 1),
        st.binary(min_size=14, max_size=SNAP),
        st.integers(0, 2_000),
        st.sampled_from([1, 1, 1, 772, 803, 65_534, 512]),
        st.integers(0, 6),
        st.none() | st.tuples(st.sampled_from([0, 0x8100, 0x88A8]), st.integers(0, 65_535)),
    ),
    max_size=60,
)


@given(packets, st.integers(0, 2))
def test_every_packet_of_a_block_becomes_a_frame(given_packets: list[Packet], place: int) -> None:
    memory = np.zeros(3 * SIZE, np.uint8)
    memory[place * SIZE : (place + 1) * SIZE] = block(SIZE, given_packets)
    frames, tally = walked(memory, place * SIZE)
    assert frames["ts"].tolist() == [packet.ts for packet in given_packets]
    for frame, packet in zip(frames, given_packets, strict=True):
        data, length, link, direction = expected(packet)
        start = int(frame["offset"])
        assert memory[start : start + int(frame["captured"])].tobytes() == data
        assert (frame["length"], frame["link"], frame["direction"], frame["file"]) == (length, link, direction, 3)
    later = [after.ts < before.ts for before, after in pairwise(given_packets)]
    assert tally[w.DISORDER] == sum(later)
    assert tally[w.BROKEN] == 0


def test_a_block_that_cannot_be_read_is_counted_and_does_no_harm() -> None:
    good = Packet(1, bytes(60), 60)
    memory = block(SIZE, [good, good, good])
    words = memory.view(np.uint32)
    first = 48 >> 2
    words[first + 3] = 1 << 20  # captured: beyond the block
    frames, tally = walked(memory)
    assert (len(frames), tally[w.BROKEN]) == (2, 1)
    words[first] = SIZE  # the next one: beyond the block
    frames, tally = walked(memory)
    assert (len(frames), tally[w.BROKEN]) == (0, 2)


def test_blocks_that_are_ours_are_counted_from_any_on_and_given_back() -> None:
    status = [1, 1, 0, 1]
    memory = np.concatenate([np.zeros(SIZE, np.uint8), *(block(SIZE, [], each) for each in status)])
    words = memory.view(np.uint32)
    assert [w.ready(words, SIZE, SIZE, 4, first, 4) for first in range(5)] == [2, 1, 0, 3, 2]
    assert w.ready(words, SIZE, SIZE, 4, 3, 2) == 2
    w.give_back(words, SIZE, SIZE, 4, 3, 2)  # blocks 3 and 0
    assert [w.ready(words, SIZE, SIZE, 4, first, 4) for first in range(4)] == [0, 1, 0, 0]


def test_blocks_are_taken_until_there_is_no_room_or_none_is_ours() -> None:
    packet = Packet(7, bytes(60), 60)
    counts, status = [2, 3, 1, 4], [1, 1, 0, 1]
    blocks = [block(SIZE, [packet] * count, mine) for count, mine in zip(counts, status, strict=True)]
    memory = np.concatenate([np.zeros(SIZE, np.uint8), *blocks])
    views = memory, memory.view(np.uint16), memory.view(np.uint32)

    def taken(first: int, most: int, room: int) -> tuple[int, int]:
        frames, tally = np.zeros(room, FRAME), np.zeros(w.TALLY, np.int64)
        found = w.take(*views, SIZE, SIZE, 4, first, most, w.LINK_OF, SNAP, 3, frames, tally)
        assert frames["ts"].tolist() == [7] * found[0] + [0] * (room - found[0])
        return int(found[0]), int(found[1])

    assert taken(0, 4, 100) == (5, 2)
    assert taken(3, 4, 100) == (9, 3)  # from the last one on to the first ones
    assert taken(3, 2, 100) == (6, 2)
    assert taken(3, 4, 6) == (6, 2)
    assert taken(3, 4, 3) == (0, 0)
    assert taken(2, 4, 100) == (0, 0)


def test_a_tag_goes_behind_the_addresses() -> None:
    data = np.arange(40, dtype=np.uint8)
    w.insert_tag(data, 10, 0x8100, 0x1234)
    assert data.tolist() == [*range(6), *range(10, 22), 0x81, 0x00, 0x12, 0x34, *range(22, 40)]
