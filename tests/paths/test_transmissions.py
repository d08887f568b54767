"""Logs of several connections: told apart, replayed and summed up, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.paths.drive import drive, play
from tests.paths.test_scoreboard import data, log
from wireverdict.paths.events import EVENT, LOST
from wireverdict.paths.scoreboard import FULL_PAYLOAD, HOLE, LONG_HOLE
from wireverdict.paths.transmissions import GROUP, divide, measure, transmissions


@given(st.lists(st.sampled_from([0, 1, 2, 7, 1 << 20, (1 << 32) - 1]), max_size=60))
@settings(max_examples=100, deadline=None)
def test_connections_are_told_apart(numbers: list[int]) -> None:
    events = np.zeros(len(numbers), EVENT)
    events["connection"] = numbers
    events["payload"] = np.arange(len(numbers))
    size = len(numbers)
    of, order, groups = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size, GROUP)
    count = divide(events, 0, np.empty(2 << size.bit_length(), np.int32), of, order, groups)
    assert sorted(groups["connection"][:count].tolist()) == sorted(set(numbers))
    for k, group in enumerate(groups[:count]):
        mine = [j for j, number in enumerate(numbers) if number == group["connection"]]
        assert order[group["first"] : group["stop"]].tolist() == mine
        assert of[mine].tolist() == [k] * len(mine)
        assert group["largest"] == max(mine)


def room(events: NDArray[np.void]) -> tuple[int, int]:
    """Bytes of a full packet, and how many transmissions there may be."""
    groups = np.zeros(1, GROUP)
    groups["stop"], groups["largest"] = len(events), events["payload"].max()
    measure(events, 0, np.arange(len(events), dtype=np.int32), groups[0])
    return int(groups["full"][0]), int(groups["room"][0])


def test_pieces_of_holes_are_bounded() -> None:
    rows = log(data(0, 0, 1000), data(1, 5000, 1000), data(2, 2**30, 1000))
    assert room(rows) == (1000, 64 + 3 * 2 * 3 + 5 + LONG_HOLE)
    assert len(transmissions(rows, 0, 0).rows) == 0  # nothing was acknowledged


def test_full_packets() -> None:
    assert room(log(data(0, 0, 900), data(1, 900, 1200)))[0] == 1200
    assert room(log(data(0, 0, 4000)))[0] == FULL_PAYLOAD
    assert room(log(data(0, 0, 4000, flags=1 << 5)))[0] == FULL_PAYLOAD - 12


@pytest.mark.parametrize("end", ["sender", "receiver"])
@pytest.mark.parametrize(("name", "connections"), [("policer", 3), ("random loss", 1), ("clean", 2)])
def test_the_sums_are_those_of_the_rows(name: str, connections: int, end: str) -> None:
    events = drive(getattr(play(name, connections=connections), end)).paths.events(0)
    found = transmissions(events, 0, 18)
    rows = found.rows
    lost = rows["fate"] == LOST
    assert np.array_equal(found.lost, lost.astype(np.uint8))
    assert np.array_equal(found.sizes, rows["size"])
    assert np.array_equal(found.gaps, np.maximum(np.diff(rows["ts"], prepend=rows["ts"][:1]), 0))
    assert np.all(np.diff(rows["event"]) >= 0)
    assert found.at_receiver == bool((rows["rtt"] == HOLE).any())
    at = np.flatnonzero(lost)
    assert found.losses == len(at) == sum(found.lost_by.values())
    numbers, counts = np.unique(events["connection"][rows["event"][at]], return_counts=True)
    assert list(found.lost_by.items()) == list(zip(numbers.tolist(), counts.tolist(), strict=True))
    if name == "clean":
        assert not len(at)
        return
    times = rows["ts"][at]
    between = rows[at[0] : at[-1] + 1]
    assert (found.first_loss, found.last_loss) == (times[0], times[-1])
    assert found.episodes == 1 + np.count_nonzero(np.diff(times) > found.base_rtt)
    assert found.delivered == between["size"][between["fate"] != LOST].sum()
    one = [transmissions(events[events["connection"] == number], 0, 18).base_rtt for number in range(connections)]
    assert found.base_rtt == min(one)
