"""Rows in no order."""

from __future__ import annotations

import numpy as np

from wireverdict.windows.fields import SERVICE_KEY, Count
from wireverdict.windows.rows import Rows

KEYS = np.array(
    [(0, 5, 0, 9, 80, 6, 1, 0), (0, 1, 0, 5, 53, 17, 1, 0), (0, 5, 0, 9, 443, 6, 1, 0), (0, 5, 0, 5, 7, 6, 0, 0)],
    SERVICE_KEY,
)


def rows(asked: list[Count]) -> Rows:
    def column(what: Count) -> np.ndarray:
        asked.append(what)
        return np.arange(2 * len(KEYS)).reshape(-1, 2)

    return Rows(KEYS, column)


def test_a_column_is_made_once() -> None:
    asked: list[Count] = []
    made = rows(asked)
    assert made.of(Count.BYTES) is made.of(Count.BYTES)
    assert made.of(Count.PACKETS).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert asked == [Count.BYTES, Count.PACKETS]


def test_pairs_leave_services_out_of_account() -> None:
    made = rows([])
    assert made.pairs.of.tolist() == [0, 1, 0, 2]
    assert made.pairs.sums(made.of(Count.BYTES)).tolist() == [[4, 6], [2, 3], [6, 7]]


def test_hosts_are_met_at_either_end() -> None:
    made = rows([])
    assert made.hosts.of.tolist() == [[0, 1], [2, 0], [0, 1], [0, 0]]
    assert [made.words[first // 2, 2 * (first % 2) + 1] for first in made.hosts.firsts] == [5, 9, 1]
