"""Headers held as columns: in any pieces the same message, and nothing left of the one before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codec.made import assert_equal, random_batch
from wireverdict.codec.headers import decode_headers, encode_headers
from wireverdict.codec.packer import NAMES, Packer
from wireverdict.headers import HEADER, HeaderBatch


def test_pieces_make_the_message_that_the_whole_makes() -> None:
    packer = Packer(300)
    for seed, count in ((1, 300), (2, 7), (3, 120)):
        batch, clock = random_batch(seed, count, 0.9)
        for part in np.array_split(np.arange(count), 5):
            packer.add(batch.rows, batch.names, part, clock)
        assert packer.count == count
        assert (packer.first, packer.last) == (int(batch.rows["ts"].min()), int(batch.rows["ts"].max()))
        assert packer.finish() == encode_headers(batch, clock)
        assert packer.count == 0


def test_rows_are_taken_in_the_order_that_is_asked_for() -> None:
    batch, clock = random_batch(4, 60, 0.9)
    chosen = np.arange(59, 0, -3)
    packer = Packer(60)
    packer.add(batch.rows, batch.names, chosen, clock)
    decoded, back = decode_headers(packer.finish())
    assert_equal(HeaderBatch(batch.rows[chosen], batch.names), decoded)
    np.testing.assert_array_equal(back, clock[chosen])


def test_names_get_the_room_that_they_need() -> None:
    rows = np.zeros(400, HEADER)
    rows["name_offset"], rows["name_length"] = 255 * np.arange(400), 255
    names = np.random.default_rng(1).integers(0, 256, 255 * 400, dtype=np.uint8)
    assert len(names) > NAMES
    packer = Packer(400)
    packer.add(rows, names, np.arange(400), rows["ts"].copy())
    assert_equal(decode_headers(packer.finish())[0], HeaderBatch(rows, names))


def test_after_an_error_nothing_is_held() -> None:
    batch, clock = random_batch(5, 30, 0.9)
    packer = Packer(40)
    for names, clocks, reason in (
        (batch.names[:2].copy(), clock, "outside"),
        (batch.names, clock - 1, "at least as late"),
    ):
        with pytest.raises(ValueError, match=reason):
            packer.add(batch.rows, names, np.arange(30), clocks)
        assert packer.count == 0
    packer.add(batch.rows, batch.names, np.arange(30), clock)
    with pytest.raises(ValueError, match="40 are the most"):
        packer.add(batch.rows, batch.names, np.arange(30), clock)
    assert packer.finish() == encode_headers(batch, clock)
