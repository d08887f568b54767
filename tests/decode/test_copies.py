"""Packets that were captured twice, against a plain reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.decode.copies import SIGHT, SIGHTS, mark_copies
from wireverdict.headers import COPY, HEADER, TCP, TCP_HEADER, UDP

FIELDS = ("seq", "src_lo", "dst_lo", "sport", "dport", "payload_length", "ack", "tsval", "tcp_flags")
PLACES = ("ttl", "vlan", "direction")
BIT = st.integers(0, 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([TCP, TCP, UDP]), st.sampled_from(FIELDS + PLACES), BIT, st.booleans()
    ),
    max_size=20,
)


def made(given: list[tuple[int, int, str, int, bool]]) -> Any:
    """Rows that are alike but for one field each, and their time."""
    rows = np.zeros(len(given), HEADER)
    for row, (step, protocol, name, value, data) in zip(rows, given, strict=True):
        row["protocol"], row["present"] = protocol, TCP_HEADER if protocol == TCP else 0
        row["payload_length"] = 100 * data
        row[name] = value
        row["ts"] = step * 400_000
    rows["ts"] = np.cumsum(rows["ts"])
    return rows


def copies(rows: Any) -> list[bool]:
    """Whether each row is the one before it again, or was seen elsewhere in the last millisecond."""
    told = []
    first: dict[tuple[int, ...], tuple[int, tuple[int, ...]]] = {}
    for i, row in enumerate(rows):
        last = rows[i - 1] if i else np.zeros(1, HEADER)[0]
        copy = (
            bool(row["protocol"] == TCP == last["protocol"])
            and all(row[name] == last[name] for name in FIELDS)
            and 0 <= row["ts"] - last["ts"] < 1_000_000
        )
        if row["protocol"] == TCP:
            packet = tuple(int(row[name]) for name in FIELDS)
            place = tuple(int(row[name]) for name in PLACES)
            if packet not in first or row["ts"] - first[packet][0] >= 1_000_000 or first[packet][1] == place:
                first[packet] = int(row["ts"]), place
            copy = copy or first[packet][1] != place
        told.append(copy)
    return told


@given(ROWS, st.lists(st.integers(0, 20), max_size=3))
def test_copies_whatever_the_batches(given: list[tuple[int, int, str, int, bool]], cuts: list[int]) -> None:
    rows = made(given)
    expected = copies(rows)
    before, seen = np.zeros(1, HEADER), np.zeros(SIGHTS, SIGHT)
    for part in np.split(rows, sorted(cuts)):
        mark_copies(before, seen, part)
    assert (rows["present"] & COPY != 0).tolist() == expected


def forwarded(hops: int, later: int, **changed: int) -> list[bool]:
    """Ten packets in a row, seen again `later` ns afterwards with a TTL that is `hops` less; which were called copies."""
    rows = np.zeros(20, HEADER)
    rows["protocol"], rows["present"], rows["payload_length"], rows["ttl"] = TCP, TCP_HEADER, 100, 64
    rows["seq"] = 100 * np.tile(np.arange(10), 2)
    rows["ts"] = 1_000 * np.tile(np.arange(10), 2)
    rows["ts"][10:] += later
    rows["ttl"][10:] -= hops
    for name, value in changed.items():
        rows[name][10:] = value
    mark_copies(np.zeros(1, HEADER), np.zeros(SIGHTS, SIGHT), rows)
    told: list[bool] = (rows["present"] & COPY != 0).tolist()
    return told


def test_what_a_router_forwards_is_a_copy_though_others_pass_meanwhile() -> None:
    assert forwarded(1, 50_000) == [False] * 10 + [True] * 10
    assert forwarded(0, 50_000, vlan=7) == [False] * 10 + [True] * 10
    assert forwarded(0, 50_000, direction=2) == [False] * 10 + [True] * 10


def test_what_came_the_same_way_or_later_was_sent_again() -> None:
    assert not any(forwarded(0, 200_000))
    assert not any(forwarded(1, 2_000_000))
    assert not any(forwarded(1, 50_000, ack=1))
