"""Packets that were captured twice, against a plain reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.decode.copies import SIGHT, SIGHTS, mark_copies
from wireverdict.headers import COPY, HEADER, TCP, TCP_HEADER, UDP

FIELDS = (
    "seq",
    "src_lo",
    "dst_lo",
    "sport",
    "dport",
    "payload_length",
    "ack",
    "tsval",
    "tcp_flags",
    "window",
    "sack1_right",
)
PLACES = ("ttl", "vlan", "direction")
BIT = st.integers(0, 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([TCP, TCP, UDP]),
        st.sampled_from(FIELDS + PLACES),
        BIT,
        st.booleans(),
        st.integers(0, 2),
    ),
    max_size=20,
)


Given = list[tuple[int, int, str, int, bool, int]]


def made(given: Given) -> Any:
    """Rows that are alike but for one field each, and their time."""
    rows = np.zeros(len(given), HEADER)
    for row, (step, protocol, name, value, data, _) in zip(rows, given, strict=True):
        row["protocol"], row["present"] = protocol, TCP_HEADER if protocol == TCP else 0
        row["payload_length"] = 100 * data
        row[name] = value
        row["ts"] = (0, 10_000, 400_000, 800_000)[step]
    rows["ts"] = np.cumsum(rows["ts"])
    return rows


def copies(rows: Any, ids: Any) -> list[bool]:
    """Whether each row was seen before: elsewhere or with the same number in the last millisecond, and data without a number
    at once, or next to each other."""
    told = []
    first: dict[tuple[int, ...], tuple[int, tuple[int, ...], int]] = {}
    before: tuple[int, ...] = ()
    for row, number in zip(rows, ids.tolist(), strict=True):
        packet = tuple(int(row[name]) for name in FIELDS) if row["protocol"] == TCP else ()
        place = tuple(int(row[name]) for name in PLACES)
        within = 0
        if packet and packet in first:
            when, where, known = first[packet]
            if where != place or number == known > 0:
                within = 1_000_000
            elif number == known and row["payload_length"]:
                within = 1_000_000 if packet == before else 20_000
            within = within if row["ts"] - when < within else 0
        if packet and not within:
            first[packet] = int(row["ts"]), place, number
        before = packet
        told.append(within > 0)
    return told


@given(ROWS, st.lists(st.integers(0, 20), max_size=3))
def test_copies_whatever_the_batches(given: Given, cuts: list[int]) -> None:
    rows, ids = made(given), np.array([row[-1] for row in given], np.uint16)
    expected = copies(rows, ids)
    seen = np.zeros(SIGHTS + 1, SIGHT)
    for part, mine in zip(np.split(rows, sorted(cuts)), np.split(ids, sorted(cuts)), strict=True):
        mark_copies(seen, part, mine)
    assert (rows["present"] & COPY != 0).tolist() == expected


def forwarded(hops: int, later: int, numbers: tuple[int, int] = (0, 0), **changed: int) -> list[bool]:
    """Ten packets in a row, seen again `later` ns afterwards with a TTL that is `hops` less; which were called copies.
    `numbers`: of the first packet, and of the first one that is seen again."""
    rows = np.zeros(20, HEADER)
    rows["protocol"], rows["present"], rows["payload_length"], rows["ttl"] = TCP, TCP_HEADER, 100, 64
    rows["seq"] = 100 * np.tile(np.arange(10), 2)
    rows["ts"] = 1_000 * np.tile(np.arange(10), 2)
    rows["ts"][10:] += later
    rows["ttl"][10:] -= hops
    for name, value in changed.items():
        rows[name][10:] = value
    ids = np.concatenate([number + np.arange(10) * (number > 0) for number in numbers]).astype(np.uint16)
    mark_copies(np.zeros(SIGHTS + 1, SIGHT), rows, ids)
    told: list[bool] = (rows["present"] & COPY != 0).tolist()
    return told


def test_what_a_router_forwards_is_a_copy_though_others_pass_meanwhile() -> None:
    assert forwarded(1, 50_000) == [False] * 10 + [True] * 10
    assert forwarded(0, 50_000, vlan=7) == [False] * 10 + [True] * 10
    assert forwarded(0, 50_000, direction=2) == [False] * 10 + [True] * 10


def test_what_a_switch_shows_coming_in_and_going_out_is_a_copy_by_its_number() -> None:
    assert forwarded(0, 5_000, (700, 700)) == [False] * 10 + [True] * 10
    assert not any(forwarded(0, 200_000, (700, 800)))
    assert forwarded(0, 15_000) == [False] * 10 + [True] * 10


def test_what_came_the_same_way_or_later_was_sent_again() -> None:
    assert not any(forwarded(0, 200_000))
    assert not any(forwarded(1, 2_000_000))
    assert not any(forwarded(1, 50_000, ack=1))
