"""Lanes over rings that are made by hand: blocks in plain memory, without a socket."""

from __future__ import annotations

from typing import Any

import numpy as np

from producers.live.lane import Lane, merged
from producers.live.ring import Ring, Shape, empty, most_frames
from producers.live.walk import TALLY
from tests.producers.live.made import Packet, block
from wireverdict.frames import FRAME

SIZE = 1 << 16
BLOCKS = 4


class Made(Ring):
    """A ring whose kernel is the test."""

    def __init__(self) -> None:
        self.shape = Shape(SIZE, BLOCKS, 10, 128)
        self.taken = self.given = self.file = 0
        self._at = 0
        self._data: Any = np.concatenate([block(SIZE, [], 0)] * BLOCKS)
        self._halves, self._words = self._data.view(np.uint16), self._data.view(np.uint32)
        self._tally = np.zeros(TALLY, np.int64)
        self._filled = 0

    def hand_over(self, *times: int) -> None:
        """The kernel hands over a block with packets of these times."""
        at = self._filled % BLOCKS * SIZE
        self._data[at : at + SIZE] = block(SIZE, [Packet(ts, bytes(60), 60) for ts in times])
        self._filled += 1


def times(frames: Any) -> list[int]:
    return [int(ts) for ts in frames["ts"]]


def test_frames_wait_until_no_earlier_one_can_come_and_their_blocks_with_them() -> None:
    ring = Made()
    lane = Lane(ring, most_frames(ring.shape))
    ring.hand_over(1, 2, 3)
    ring.hand_over(4, 5)
    assert lane.look(4) == 5  # all was read up to its last packet, whatever is certain
    assert times(lane.split(4)) == [1, 2, 3, 4]
    lane.give_back()
    assert (ring.taken, ring.given, lane.holding) == (2, 1, True)
    assert lane.look(9) == 9
    assert times(lane.split(9)) == [5]
    lane.give_back()
    assert (ring.given, lane.holding) == (2, False)


def test_disorder_within_a_ring_is_put_right_as_far_as_frames_wait() -> None:
    ring = Made()
    lane = Lane(ring, most_frames(ring.shape))
    ring.hand_over(3, 1, 5)
    lane.look(0)
    ring.hand_over(4, 6)
    assert lane.look(0) == 6
    assert times(lane.split(None)) == [1, 3, 4, 5, 6]


def test_a_ring_that_is_half_held() -> None:
    ring = Made()
    lane = Lane(ring, most_frames(ring.shape))
    for count, half in enumerate((False, False, True), 1):
        ring.hand_over(count)
        lane.look(0)
        assert lane.half_full == half


def test_the_ring_goes_round() -> None:
    ring = Made()
    lane = Lane(ring, most_frames(ring.shape))
    for turn in range(10):
        ring.hand_over(turn)
        frames, all_read = lane.read()
        assert (times(frames), all_read) == ([turn], True)
        lane.give_back()
    assert (ring.taken, ring.given) == (10, 10)


def test_merging_prefers_the_first_of_equal_times() -> None:
    one, two = np.zeros(3, FRAME), np.zeros(2, FRAME)
    one["ts"], two["ts"], two["file"] = (1, 5, 9), (5, 6), 1
    both = merged([one, empty(0), two])
    assert times(both) == [1, 5, 5, 6, 9]
    assert both["file"].tolist() == [0, 0, 1, 1, 0]
    assert merged([empty(0), two]) is two
    assert len(merged([empty(0), empty(0)])) == 0
