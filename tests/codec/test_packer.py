"""Headers held as columns: in any pieces the same message, and nothing left of the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.codec.made import assert_equal, random_batch
from wireverdict.codec.headers import decode_headers, encode_headers
from wireverdict.codec.packer import NAMES, Packer
from wireverdict.headers import HEADER, HeaderBatch


def fill(packer: Packer, batch: HeaderBatch, which: NDArray[Any], clocks: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Take up some of the rows for message 0: which messages were full, and when."""
    return list(packer.add(batch.rows, batch.names, which, np.array([len(which)]), clocks))


def test_pieces_make_the_message_that_the_whole_makes() -> None:
    packer = Packer(301)
    for seed, count in ((1, 300), (2, 7), (3, 120)):
        batch, clock = random_batch(seed, count, 0.9)
        for part in np.array_split(np.arange(count), 5):
            assert fill(packer, batch, part, clock) == []
        assert packer.count() == count
        assert packer.times() == (int(batch.rows["ts"].min()), int(batch.rows["ts"].max()))
        assert packer.finish() == encode_headers(batch, clock)
        assert packer.count() == 0


def test_messages_are_made_side_by_side_and_given_when_they_are_full() -> None:
    batch, clock = random_batch(6, 500, 0.9)
    numbers = np.random.default_rng(6).integers(0, 3, 500)
    packer = Packer(60, 3)
    order = np.argsort(numbers, kind="stable")
    ends = np.searchsorted(numbers[order], range(3), "right")
    made: list[list[bytes]] = [[], [], []]
    for message, behind in packer.add(batch.rows, batch.names, order, ends, clock):
        assert numbers[order[behind - 1]] == message
        assert packer.count(message) == 60
        made[message].append(packer.finish(message))
    for message in range(3):
        made[message].append(packer.finish(message))
        mine = np.flatnonzero(numbers == message)
        parts = [mine[at : at + 60] for at in range(0, len(mine), 60)]
        rows = [HeaderBatch(batch.rows[part], batch.names) for part in parts]
        assert made[message] == [encode_headers(one, clock[part]) for one, part in zip(rows, parts, strict=True)]


def test_rows_are_taken_in_the_order_that_is_asked_for() -> None:
    batch, clock = random_batch(4, 60, 0.9)
    chosen = np.arange(59, 0, -3)
    packer = Packer(60)
    fill(packer, batch, chosen, clock)
    decoded, back = decode_headers(packer.finish())
    assert_equal(HeaderBatch(batch.rows[chosen], batch.names), decoded)
    np.testing.assert_array_equal(back, clock[chosen])


def test_names_get_the_room_that_they_need() -> None:
    rows = np.zeros(400, HEADER)
    rows["name_offset"], rows["name_length"] = 255 * np.arange(400), 255
    names = np.random.default_rng(1).integers(0, 256, 255 * 400, dtype=np.uint8)
    assert len(names) > NAMES
    packer = Packer(400, 2)
    order, ends = np.tile(np.arange(400), 2), np.array([400, 800])
    full = packer.add(rows, names, order, ends, rows["ts"].copy())
    for message, _ in full:
        assert_equal(decode_headers(packer.finish(message))[0], HeaderBatch(rows, names))


def test_after_an_error_nothing_is_held() -> None:
    batch, clock = random_batch(5, 30, 0.9)
    packer = Packer(40)
    for names, clocks, reason in (
        (batch.names[:2].copy(), clock, "outside"),
        (batch.names, clock - 1, "at least as late"),
    ):
        with pytest.raises(ValueError, match=reason):
            fill(packer, HeaderBatch(batch.rows, names), np.arange(30), clocks)
        assert packer.count() == 0
    fill(packer, batch, np.arange(30), clock)
    assert packer.finish() == encode_headers(batch, clock)
