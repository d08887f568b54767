"""Rows by connection, sensor and time, against numpy's sort."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.headers import ACK, SYN
from wireverdict.location import arrange
from wireverdict.location.layout import CONN, ROW

PACKET = st.tuples(st.integers(0, 1), st.integers(1, 3), st.integers(0, 1), st.integers(0, 9), st.integers(0, 8))


def made(packets: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    rows = np.zeros(len(packets), ROW)
    for at, (link, port, side, ts, seq) in enumerate(packets):
        rows["place"][at], rows["low_port"][at], rows["side"][at], rows["ts"][at] = link, port, side, ts
        rows["seq"][at], rows["flags"][at] = seq, SYN if seq < 2 else ACK
    return rows


def assigned(rows: np.ndarray) -> tuple[np.ndarray, int]:
    conns, index = np.zeros(len(rows), CONN), np.zeros(256, np.int32)
    return conns, arrange.assign(rows, 0, len(rows), conns, index, 0)


@given(st.lists(PACKET, min_size=1, max_size=60))
def test_connections_as_a_dictionary_tells(packets: list[tuple[int, int, int, int, int]]) -> None:
    """A SYN of a number that is new begins one; each side comes to it when its own SYN does."""
    rows = made(packets)
    conns, used = assigned(rows)
    chains: dict[tuple[int, int], list[dict[str, object]]] = {}
    every: list[dict[str, object]] = []
    for (link, port, side, ts, seq), place in zip(packets, rows["place"].tolist(), strict=True):
        chain = chains.setdefault((link, port), [])
        opening = seq < 2
        found = [one for one in chain if (one["isn"] == seq if opening else side in one["seen"])]  # type: ignore[operator]
        if not chain or (opening and not found):
            chain.append({"number": len(every), "isn": seq if opening else None, "seen": set(), "last": {}})
            every.append(chain[-1])
            found = chain[-1:]
        mine = found[-1] if found else chain[0]
        if opening:
            mine["seen"].add(side)  # type: ignore[attr-defined]
        mine["last"][side] = max(ts, mine["last"].get(side, ts))  # type: ignore[attr-defined, index]
        assert place == mine["number"]
    assert used == len(every)
    for conn, one in zip(conns[:used], every, strict=True):
        for side in (0, 1):
            assert conn["last"][side] == one["last"].get(side, np.iinfo(np.int64).min)  # type: ignore[attr-defined]
    again = np.zeros(256, np.int32)
    arrange.enter(conns, used, again)
    assert sorted(again[again > 0].tolist()) == sorted(chain[-1]["number"] + 1 for chain in chains.values())  # type: ignore[operator]


@given(st.lists(PACKET, min_size=1, max_size=60))
def test_rows_are_sorted_by_connection_side_and_time(packets: list[tuple[int, int, int, int, int]]) -> None:
    rows = made(packets)
    _, used = assigned(rows)
    starts, out = np.zeros(2 * used + 1, np.int64), np.zeros(len(rows), ROW)
    work = np.zeros((3, len(rows)), np.int64)
    arrange.group(rows, len(rows), used, starts, work[0], work[1], work[2], out)
    expected = rows[np.lexsort((rows["ts"], rows["side"], rows["place"]))]
    assert (out == expected).all()
    keys = 2 * expected["place"].astype(np.int64) + expected["side"]
    assert starts.tolist() == np.searchsorted(keys, np.arange(2 * used + 1)).tolist()
