"""What closed windows give back, and what they must not."""

from __future__ import annotations

import numpy as np

from tests.paths.test_observe import SMALL, Traffic
from wireverdict.connections.notes import NEW
from wireverdict.paths import Paths, layout
from wireverdict.paths.release import release

SECOND = 1_000_000_000


def watched() -> Paths:
    traffic = Traffic()
    for slot in range(4):
        for k in range(4):
            traffic.data(1_000 * slot + k, slot, pair=slot, events=NEW if k == 0 else 0)
    return traffic.watched(SMALL)


def run(paths: Paths, end: int, silent: int) -> None:
    release(end, silent, paths.members, paths.pairs, paths.rings, paths.table, paths.sieve, paths.links, paths.counters)


def test_living_members_stay() -> None:
    paths = watched()
    run(paths, 1 << 62, 1 << 62)
    assert paths.pairs["members"][:4].tolist() == [1] * 4
    assert np.count_nonzero(paths.table) == 4


def test_departed_members_stay_until_their_last_window_has_closed() -> None:
    paths = watched()
    paths.members["bits"][:4] |= layout.DEPARTED
    last = paths.members["last_ts"][:4].copy()
    run(paths, int(last[1]) + 1, 0)
    assert paths.members["pair"][:4].tolist() == [-1, -1, 2, 3]
    assert paths.pairs["members"][:4].tolist() == [0, 0, 1, 1]
    assert np.count_nonzero(paths.table) == 4  # their pairs may be heard of again


def test_silent_pairs_go_and_the_others_are_still_found() -> None:
    paths = watched()
    paths.members["bits"][:2] |= layout.DEPARTED
    run(paths, 1 << 62, int(paths.pairs["last_ts"][1]))
    assert paths.pairs["members"][:4].tolist() == [-1, 0, 1, 1]
    assert sorted(paths.table[paths.table > 0].tolist()) == [2, 3, 4]
    assert paths.counters[layout.PAIRS_USED] == 3
    assert paths.counters[layout.FREE_PAIR] == 1
