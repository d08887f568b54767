"""Packets of pairs that several sensors see, and no others, against a dictionary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.location.linked import header
from wireverdict.headers import COPY, FIN, SACK1, SYN, UDP
from wireverdict.location import gate
from wireverdict.location.layout import CELL, GROUP, LINK, ROW

HOSTS = [f"192.0.2.{number}" for number in range(1, 7)]


class Gate:
    def __init__(self, cells: int = 64, ring: int = 4_096, pairs: int = 64) -> None:
        self.cells, self.ring = np.zeros(cells, CELL), np.zeros(ring, ROW)
        self.groups, self.links = np.zeros(pairs, GROUP), np.zeros(2 * pairs, LINK)
        self.counters, self.message = np.zeros(gate.COUNTERS, np.int64), 0

    def take(self, sensor: int, rows: np.ndarray) -> np.ndarray:
        self.message += 1
        out, early = np.zeros(3 * len(rows), ROW), np.zeros(len(self.ring), ROW)
        keys = np.zeros(gate.BLOCK, np.uint64)
        tables = self.cells, self.groups, self.links, self.ring, self.counters
        made = gate.take(rows, sensor, self.message, *tables, out, early, keys)
        return np.concatenate([early[: self.counters[gate.EARLY]], out[:made]])

    def told(self, taken: np.ndarray) -> list[Any]:
        """Which packet (its number is in seq), of which sensor, for which two sensors."""
        links = self.links[taken["place"].astype(np.int64)]["sensors"]
        for row, sensors in zip(taken, links, strict=True):
            assert sensors[row["side"]] == row["sensor"]
        pairs = [tuple(sorted(each)) for each in links.tolist()]
        return sorted(zip(taken["seq"].tolist(), taken["sensor"].tolist(), pairs, strict=True))


MESSAGES = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.tuples(st.sampled_from(HOSTS), st.sampled_from(HOSTS)), max_size=40)),
    max_size=20,
)


@given(MESSAGES)
def test_as_a_dictionary_tells(messages: list[tuple[int, list[tuple[str, str]]]]) -> None:
    """The first four sensors of a pair are compared; what the first saw alone comes too, nothing else from before does."""
    made, number = Gate(), 0
    sensors: dict[tuple[str, ...], list[int]] = {}
    alone: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for sensor, hosts in messages:
        rows, wanted = [], []
        for source, destination in hosts:
            number += 1
            rows.append(header(source, destination, sport=number, dport=number, seq=number))
            pair = tuple(sorted((source, destination)))
            seen = sensors.setdefault(pair, [])
            if sensor not in seen and len(seen) < 4:
                seen.append(sensor)
            if len(seen) == 1:
                alone.setdefault(pair, []).append((number, sensor))
                continue
            wanted += [(old, one, tuple(sorted((one, sensor)))) for old, one in alone.pop(pair, [])]
            if sensor in seen:
                wanted += [(number, sensor, tuple(sorted((sensor, other)))) for other in seen if other != sensor]
        if rows:
            assert made.told(made.take(sensor, np.concatenate(rows))) == sorted(wanted)


def test_a_row_says_what_the_header_says() -> None:
    one = header(
        "198.51.100.1",
        "192.0.2.1",
        443,
        5_000,
        ts=7,
        seq=1,
        ack=2,
        payload_length=100,
        tsval=3,
        tsecr=4,
        tcp_flags=SYN | FIN,
    )
    one["present"] |= SACK1
    one["sack1_left"], one["sack1_right"], one["sack2_left"] = 5, 6, 99
    made = Gate()
    assert len(made.take(0, one)) == 0
    old, new = made.take(1, one)
    for row in (old, new):
        assert [int(row[name]) for name in ("ts", "seq", "ack", "length", "tsval", "tsecr")] == [7, 1, 2, 102, 3, 4]
        assert (row["sack_left"].tolist(), row["sack_right"].tolist()) == ([5, 0], [6, 0])
        assert (int(row["low_port"]), int(row["high_port"]), int(row["from_high"])) == (5_000, 443, 1)
    assert made.links["cut"][0] == 0


def test_only_whole_tcp_headers_once_captured_count() -> None:
    for values in ({"protocol": UDP}, {"present": 0}, {"present": header("192.0.2.1", "192.0.2.2")["present"] | COPY}):
        made = Gate()
        for sensor in (0, 1):
            assert len(made.take(sensor, header("192.0.2.1", "192.0.2.2", **values))) == 0


@pytest.mark.parametrize(("others", "cut"), [(3, 0), (4, 1)])
def test_what_the_ring_has_lost_is_known_to_be_missing(others: int, cut: int) -> None:
    made = Gate(ring=4)
    made.take(0, header(HOSTS[0], HOSTS[1], ts=1))
    for _ in range(others):
        made.take(0, header(HOSTS[2], HOSTS[3], ts=2))
    made.take(0, header(HOSTS[0], HOSTS[1], ts=3)) if cut else None
    made.take(1, header(HOSTS[0], HOSTS[1], ts=5))
    assert made.links["cut"][0] == cut
    if cut:
        assert made.links["began"][0].tolist() == [3, 5]


def test_pairs_that_were_dropped_are_known_to_be_late() -> None:
    made = Gate(cells=4)
    for number in range(40):
        made.take(0, header("192.0.2.1", f"198.51.100.{number}"))
    taken = made.take(1, header("192.0.2.1", "198.51.100.39"))
    assert len(taken) == 2
    assert made.links["cut"][0] == 1
    assert len(made.take(1, header("192.0.2.1", "198.51.100.0"))) == 0


def test_pairs_beyond_the_room_are_counted() -> None:
    made = Gate(pairs=1)
    for host in ("198.51.100.1", "198.51.100.2"):
        for sensor in (0, 1):
            made.take(sensor, header("192.0.2.1", host))
    assert made.counters[gate.FULL] == 1
    assert made.counters[gate.GROUPS] == 1
