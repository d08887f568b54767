"""Windows from the parts of shards, whatever the order in which they come and however often."""

from __future__ import annotations

import random

import pytest

from wireverdict import compose, snapshot
from wireverdict.settings import Settings
from wireverdict.windows.merge import Merge
from wireverdict.windows.part import WindowPart, empty
from wireverdict.windows.view import WindowView

SECOND = 1_000_000_000


def part(number: int, packets: int = 1, late: int = 0) -> WindowPart:
    made = empty(number, number * SECOND, (number + 1) * SECOND, late)
    made.packets = packets
    return made


def told(views: list[WindowView]) -> list[tuple[int, int, int]]:
    return [(view.number, view.packets, view.capture.late) for view in views]


def test_a_window_waits_for_every_shard() -> None:
    merge = compose.merge(Settings(), 2)
    assert told(merge.add(0, [part(3, 5), part(4, 6)], 4)) == []
    assert told(merge.add(1, [part(3, 7)], 3)) == [(3, 12, 0)]
    assert told(merge.add(1, [], 4)) == [(4, 6, 0)]
    assert told(merge.finish()) == []


def test_empty_windows_are_left_out_and_what_was_late_is_told_by_the_next() -> None:
    merge = Merge(1)
    assert told(merge.add(0, [part(1), part(2, 0, late=3), part(5, late=1)], 9)) == [(1, 1, 0), (5, 1, 4)]


def test_what_no_window_tells_of_is_kept() -> None:
    merge = Merge(1)
    merge.add(0, [part(1, 0, late=3)], 9)
    assert (told(merge.finish()), merge.late) == ([], 3)


def test_a_shard_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="shard 2 of 2"):
        Merge(2).add(2, [], 0)
    with pytest.raises(ValueError, match="at least one"):
        Merge(0)
    with pytest.raises(ValueError, match="snapshot of 2 shards"):
        Merge(3).load(Merge(2).dump())


@pytest.mark.parametrize("seed", range(20))
def test_any_order_any_repeats_and_restarts_in_between(seed: int) -> None:
    chance = random.Random(seed)
    given = {shard: [n for n in range(12) if chance.random() < 0.5] for shard in range(3)}
    expected = [
        (n, sum(10**shard for shard in given if n in given[shard]), 0)
        for n in range(12)
        if any(n in numbers for numbers in given.values())
    ]
    merge, said = Merge(3), []
    reached = dict.fromkeys(given, -1)
    while min(reached.values()) < 11:
        shard = chance.randrange(3)
        start = chance.randint(0, reached[shard] + 1)  # from there on once more, after a restart
        reached[shard] = max(reached[shard], min(11, start + chance.randrange(4)))
        parts = [part(n, 10**shard) for n in given[shard] if start <= n <= reached[shard]]
        said += told(merge.add(shard, parts, reached[shard]))
        if chance.random() < 0.3:
            state = snapshot.unpack(snapshot.pack(merge.dump()))
            merge = Merge(3)
            merge.load(state)
    assert said + told(merge.finish()) == expected
