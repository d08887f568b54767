"""The table of addresses against a dictionary."""

from __future__ import annotations

import numpy as np

from wireverdict.headers import HEADER, QUOTED
from wireverdict.privacy.known import Known, replace

PAIRS = (
    ("src_hi", "src_lo"),
    ("dst_hi", "dst_lo"),
    ("quoted_src_hi", "quoted_src_lo"),
    ("quoted_dst_hi", "quoted_dst_lo"),
)


def headers(seed: int, many: int, addresses: int) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    random = np.random.default_rng(seed)
    rows = np.zeros(many, HEADER)
    rows["present"] = QUOTED * (random.random(many) < 0.3)
    for number, (hi, lo) in enumerate(PAIRS):
        value = random.integers(0, addresses, many).astype(np.uint64)
        rows[hi], rows[lo] = value % np.uint64(3), value << np.uint64(20)
        if number > 1:
            rows[hi] *= rows["present"] == QUOTED
            rows[lo] *= rows["present"] == QUOTED
    return rows


def expected(rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    out = rows.copy()
    for number, (hi, lo) in enumerate(PAIRS):
        these = np.flatnonzero(rows["present"]) if number > 1 else np.arange(len(rows))
        out[hi][these], out[lo][these] = rows[hi][these] + 1, rows[lo][these] ^ 5
    return out


def test_every_address_is_given_out_once_and_put_back_everywhere() -> None:
    known, seen = Known(1 << 12), set()
    for seed in range(6):
        rows = headers(seed, known.rows, 400)
        used = known.used
        fresh = known.enrol(rows)
        assert known.used == used + len(fresh)
        for cell in fresh.tolist():
            address = tuple(known.keys[cell].tolist())
            assert address not in seen
            seen.add(address)
            known.values[cell] = known.keys[cell, 0] + 1, known.keys[cell, 1] ^ 5
        before = expected(rows)
        replace(rows, known.keys, known.values, known.taken)
        assert np.array_equal(rows, before)
    assert 350 < len(seen) <= 401


def test_a_table_that_fills_up_begins_anew() -> None:
    known = Known(1 << 8)
    for seed in range(40):
        rows = headers(seed, known.rows, 10**9)
        fresh = known.enrol(rows)
        assert len(fresh)
        known.values[fresh] = known.keys[fresh] ^ np.array([0, 5], np.uint64) + np.array([1, 0], np.uint64)
        known.values[fresh, 0], known.values[fresh, 1] = known.keys[fresh, 0] + 1, known.keys[fresh, 1] ^ 5
        assert known.used == known.taken.sum() <= 3 / 4 * (1 << 8)
        before = expected(rows)
        replace(rows, known.keys, known.values, known.taken)
        assert np.array_equal(rows, before)
