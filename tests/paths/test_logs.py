"""Logs read where they lie, against numpy on copies of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths.drive import drive, play
from tests.paths.network import SECOND
from wireverdict.paths import Paths, layout
from wireverdict.paths.events import EVENT, HIGH, REPEAT
from wireverdict.paths.logs import gather, remember, survey
from wireverdict.paths.observe import FULL_PACKET


def counts(log: NDArray[np.void], direction: int) -> tuple[int, int]:
    """Data packets of a direction, and those sent again."""
    mine = log[(log["flags"] & HIGH == direction) & (log["payload"] > 0)]
    packets = -(-mine["payload"].astype(np.int64) // FULL_PACKET)
    return int(packets.sum()), int(packets[(mine["flags"] & REPEAT) != 0].sum())


@pytest.mark.parametrize("name", ["policer", "clean"])
@pytest.mark.parametrize("seconds", [(0, 5, 15), (3, 4, 5), (0, 0, 60), (20, 30, 40)])
def test_what_was_sent_in_a_window(name: str, seconds: tuple[int, int, int]) -> None:
    paths = drive(play(name).sender).paths
    whole = paths.events(0)
    since, start, end = (int(whole["ts"][0]) + second * SECOND for second in seconds)
    counted = np.full((2, 3), -1)
    survey(paths.pairs, paths.logs, paths.links, np.zeros(1, np.int64), since, start, end, counted)
    log = whole[(whole["ts"] >= since) & (whole["ts"] < end)]
    for direction in range(2):
        expected = *counts(log[log["ts"] >= start], direction), counts(log, direction)[1]
        assert tuple(counted[direction]) == expected
    assert counted[0, 0] or seconds[0] >= 20 or name == "clean"


def test_any_part_of_a_log() -> None:
    paths = drive(play("policer", connections=2).sender).paths
    whole = paths.events(0)
    out = np.zeros(int(paths.pairs["chunks"][0]) * layout.CHUNK, EVENT)
    first = int(whole["ts"][0])
    for since, end, last in (
        (0, 1 << 62, 1 << 32),
        (first + SECOND, first + 4 * SECOND, 1 << 32),
        (first, 1 << 62, 99),
    ):
        many = gather(paths.pairs, paths.logs, paths.links, 0, since, end, last, out)
        wanted = whole[(whole["ts"] >= since) & (whole["ts"] < end) & (whole["number"] <= last)]
        assert many == len(wanted) > 0
        assert all(np.array_equal(out[:many][name], wanted[name]) for name in EVENT.names or ())


def members(paths: Paths, count: int, **values: int) -> NDArray[np.void]:
    found = paths.members[:count]
    for name, value in values.items():
        found[name] = value
    return found


def test_answers_are_kept_for_those_who_lost_packets() -> None:
    paths = drive(play("policer", connections=3).sender).paths
    log = paths.events(0)
    last = [int(log["number"][log["connection"] == number][-1]) for number in range(3)]
    found = members(paths, 3, policed=0, pending=layout.TRUE, judged_event=1, last_event=2)
    found["last_event"][1] = 1  # it has not gone on after it was judged: what waits is replaced, not counted
    found["ordinal"][2] = 77  # its row is somebody else's now
    marks, stamp = np.zeros(len(paths.members), np.int64), np.zeros(1, np.int64)
    lost, rows = np.array([0, 2]), np.zeros(2, np.int64)
    remember(log, 0, 1, layout.FALSE, lost, rows, marks, stamp, paths.members)
    assert rows.tolist() == [log["member"][log["connection"] == 0][0], -1]
    assert found["policed"].tolist() == [layout.TRUE, 0, 0]
    assert found["pending"].tolist() == [layout.FALSE << 2, 0, layout.TRUE]
    assert found["judged_event"].tolist() == [*last[:2], 1]

    remember(log, 0, 0, layout.TRUE, lost, rows, marks, stamp, paths.members)  # the same window, the other direction
    assert found["pending"].tolist() == [layout.FALSE << 2 | layout.TRUE, 0, layout.TRUE]
    assert found["policed"].tolist() == [layout.TRUE, 0, 0]
