"""The index of connections against a dict, where hashes collide as much as they can."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from numpy.typing import NDArray

from wireverdict.connections import index
from wireverdict.connections.layout import CONN

U8 = np.uint64


@numba.njit  # type: ignore[untyped-decorator]
def insert(table: Any, conn: Any, row: int) -> bool:
    """Put a row of `conn` into the index; False if its key is there already."""
    c = conn[row]
    ports = index.pack_ports(c.low_port, c.high_port, c.protocol, c.way)
    hashed = index.hash_of_row(c)
    at, place = index.find(table, conn, hashed, c.low_hi, c.low_lo, c.high_hi, c.high_lo, ports)
    if at >= 0:
        return False
    table[place] = index.entry_for(hashed, row)
    return True


@numba.njit  # type: ignore[untyped-decorator]
def lookup(table: Any, conn: Any, row: int) -> int:
    """The row that the index gives for the key of conn[row]."""
    c = conn[row]
    ports = index.pack_ports(c.low_port, c.high_port, c.protocol, c.way)
    at, _ = index.find(table, conn, index.hash_of_row(c), c.low_hi, c.low_lo, c.high_hi, c.high_lo, ports)
    return int(at)


@numba.njit  # type: ignore[untyped-decorator]
def hashes(conn: Any, out: Any) -> None:
    """The hash of every row."""
    for row in range(len(conn)):
        out[row] = index.hash_of_row(conn[row])


def keys(count: int, seed: int = 1) -> NDArray[np.void]:
    """Rows with distinct keys."""
    dice = np.random.default_rng(seed)
    conn = np.zeros(count, CONN)
    conn["low_lo"] = dice.integers(0, 1 << 32, count)
    conn["high_lo"] = dice.integers(0, 1 << 32, count)
    conn["low_port"] = np.arange(count) % 65_536
    conn["protocol"] = 6
    return conn


def colliding(wanted: int) -> NDArray[np.void]:
    """Keys whose hashes have few homes in a table of 64 and, what is more, equal tags: every probe must look at a row."""
    conn = keys(400_000)
    found = np.zeros(len(conn), np.uint64)
    hashes(conn, found)
    homes = found & U8(63)
    chosen = np.flatnonzero((found >> U8(56) == 7) & ((homes >= 62) | (homes <= 1)))[:wanted]
    assert len(chosen) == wanted
    return conn[chosen].copy()


COLLIDING = colliding(48)


@effort(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, len(COLLIDING) - 1)), max_size=120))
def test_insertion_and_removal_under_collisions(steps: list[tuple[bool, int]]) -> None:
    table = np.zeros(64, np.uint32)
    model: set[int] = set()
    for put, row in steps:
        if put:
            assert insert(table, COLLIDING, row) == (row not in model)
            model.add(row)
        else:
            index.remove(table, COLLIDING, row)
            model.discard(row)
        assert np.count_nonzero(table) == len(model)
    for row in range(len(COLLIDING)):
        assert lookup(table, COLLIDING, row) == (row if row in model else -1)


def test_a_full_life_of_many_keys() -> None:
    conn = keys(30_000, seed=2)
    table = np.zeros(1 << 16, np.uint32)
    assert all(insert(table, conn, row) for row in range(len(conn)))
    dice = np.random.default_rng(3)
    gone = dice.permutation(len(conn))[:20_000]
    for row in gone:
        index.remove(table, conn, row)
    left = np.setdiff1d(np.arange(len(conn)), gone)
    assert [lookup(table, conn, row) for row in left] == left.tolist()
    assert {lookup(table, conn, row) for row in gone} == {-1}
    assert np.count_nonzero(table) == len(left)


def test_removal_leaves_an_entry_that_was_given_to_another_row() -> None:
    conn = keys(2)
    conn[1] = conn[0]  # the same key begins a new connection: its entry is overwritten in place
    table = np.zeros(64, np.uint32)
    insert(table, conn, 0)
    place = int(np.flatnonzero(table)[0])
    table[place] += np.uint32(1)
    index.remove(table, conn, 0)
    assert lookup(table, conn, 0) == 1


def test_keys_differ_by_every_field() -> None:
    conn = np.zeros(9, CONN)
    for row, name in enumerate(("low_hi", "low_lo", "high_hi", "high_lo", "low_port", "high_port", "protocol", "way")):
        conn[row][name] = 1
    table = np.zeros(64, np.uint32)
    assert all(insert(table, conn, row) for row in range(len(conn)))
    found = np.zeros(len(conn), np.uint64)
    hashes(conn, found)
    assert len(np.unique(found)) == len(conn)


def test_rows_and_tags_share_an_entry() -> None:
    conn = np.zeros(1, CONN)
    hashed = np.zeros(1, np.uint64)
    hashes(conn, hashed)
    assert int(index.ROW_MASK) == index.MAX_ROWS + 1
    entry = index.entry_for.py_func(hashed[0], index.MAX_ROWS - 1)  # type: ignore[attr-defined]
    assert entry == int(hashed[0]) >> 56 << 24 | index.MAX_ROWS


def test_neighbouring_addresses_and_ports_spread_over_a_table() -> None:
    conn = np.zeros(1 << 16, CONN)
    conn["low_lo"] = 0xFFFF_C000_0200 + np.arange(len(conn)) // 256
    conn["high_lo"] = 0xFFFF_0A00_0001
    conn["low_port"] = 40_000 + np.arange(len(conn)) % 256
    conn["high_port"], conn["protocol"] = 443, 6
    found = np.zeros(len(conn), np.uint64)
    hashes(conn, found)
    for bits in (found & U8(0xFFF), found >> U8(56)):
        counts = np.bincount(bits.astype(np.int64))
        mean = counts.mean()
        assert counts.max() < mean + 6 * mean**0.5
        assert counts.min() > mean - 6 * mean**0.5
