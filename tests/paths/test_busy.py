"""Looks over the tables against plain references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.paths.busy import losing_pairs, rings_now, rings_of
from wireverdict.paths.layout import AGAIN, BASES, BINS, FALSE, LOAD, MEMBER, PAIR, RING, TRUE

SECOND = 1_000_000_000
PERIOD = 10 * SECOND
LATEST = 1_000  # period
END = LATEST * PERIOD


def suspects(pairs: np.ndarray, horizon: int, least: int) -> list[int]:
    """What `losing_pairs` is to find, by numpy."""
    latest = pairs["period"][:, None]
    numbers = latest - (latest - np.arange(AGAIN)) % AGAIN
    inside = (numbers * PERIOD < END) & ((numbers + 1) * PERIOD > END - horizon)
    again = np.where(inside[:, None, :] | (horizon > (AGAIN - 3) * PERIOD), pairs["again"], 0).sum(axis=2)
    losing = (pairs["members"] >= 0) & (pairs["loss_ts"] > 0) & (pairs["loss_ts"] >= END - horizon)
    return np.flatnonzero(losing & (again >= least).any(axis=1)).tolist()


@given(st.integers(0, 1 << 32), st.sampled_from([30, 35, 200]), st.integers(1, 60))
def test_pairs_that_lose(seed: int, seconds: int, least: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = np.zeros(40, PAIR)
    pairs["period"] = LATEST + rng.integers(-5, 3, 40)
    pairs["again"] = rng.integers(0, 12, (40, 2, AGAIN)) * rng.integers(0, 2, (40, 2, AGAIN))
    pairs["members"] = rng.integers(-1, 2, 40)
    pairs["loss_ts"] = np.where(rng.random(40) < 0.2, 0, END - rng.integers(0, 60, 40) * SECOND)
    found = np.empty(40, np.int64)
    many = losing_pairs(pairs, 40, END, seconds * SECOND, PERIOD, least, found)
    assert found[:many].tolist() == suspects(pairs, seconds * SECOND, least)
    assert losing_pairs(pairs, 7, END, seconds * SECOND, PERIOD, least, found) <= 7


def one(direction: int, *, newest: int = LATEST * 10 + 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rings, members, pairs: member 1 of pair 2 has ring 1."""
    rings, members, pairs = np.zeros(2, RING), np.zeros(2, MEMBER), np.zeros(3, PAIR)
    rings["member"] = [-1, 1]
    rings[1]["newest"], rings[1]["judged"], rings[1]["pending"], rings[1]["direction"] = (
        newest,
        newest - 5,
        TRUE,
        direction,
    )
    members[1]["pair"] = 2
    members["ring"][1, direction] = 2
    pairs[2]["generation"] = LATEST
    base = pairs["base"]
    base[2, 1, LATEST % BASES] = 50
    base[2, 1, (LATEST - 1) % BASES] = 70
    base[2, 1, (LATEST - BASES + 1) % BASES] = 60
    base[2, 0, (LATEST - 3) % BASES] = 5
    return rings, members, pairs


@pytest.mark.parametrize("direction", [0, 1])
def test_rings_of_a_window_and_their_base_round_trips(direction: int) -> None:
    def at(before: int) -> list[int]:
        rings, members, pairs = one(direction)
        found, bases = np.empty(2, np.int64), np.empty((2, 2), np.int64)
        until = 20_000
        assert (
            rings_now(rings, np.zeros((2, BINS), LOAD), 2, LATEST * 10, until, before, members, pairs, found, bases)
            == 1
        )
        assert found[0] == 1
        assert rings[1]["judged"] == until - 1
        assert (members[1]["bloated"], rings[1]["pending"]) == (TRUE, 0)  # there is load after the window before
        near, far = bases[0].tolist()
        return [near, far] if direction == 0 else [far, near]

    # a direction's near part ends at its receiver: the higher address for what the lower one sends
    assert at(LATEST + 1) == [50, 5]
    assert at(LATEST) == [60, 5]
    assert at(LATEST - 3) == [60, 0]
    assert at(LATEST - BASES) == [0, 0]


def test_silent_rings_are_left_alone() -> None:
    rings, members, pairs = one(0)
    found, bases = np.empty(2, np.int64), np.empty((2, 2), np.int64)
    assert (
        rings_now(rings, np.zeros((2, BINS), LOAD), 2, LATEST * 10 + 4, 20_000, LATEST, members, pairs, found, bases)
        == 0
    )
    assert (members[1]["bloated"], rings[1]["pending"]) == (0, TRUE)


@pytest.mark.parametrize("direction", [0, 1])
def test_rings_of_ended_members(direction: int) -> None:
    rings, members, pairs = one(direction)
    rings[1]["judged"], rings[1]["pending"] = rings[1]["newest"], FALSE  # the last window is looked at again
    members["base"][1] = [3, 65]  # its own: smaller to the lower address
    owners, found, untils = np.empty((3, 4), np.int64)
    bases = np.empty((4, 2), np.int64)
    rows = np.array([0, 1])
    assert rings_of(rows, members, rings, pairs, PERIOD, owners, found, untils, bases) == 1
    assert (owners[0], found[0], untils[0]) == (1, 1, LATEST * 10 + 4)
    assert bases[0].tolist() == ([60, 3] if direction == 0 else [3, 60])
    assert (members[1]["bloated"], rings[1]["pending"]) == (0, FALSE)
