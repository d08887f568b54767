from __future__ import annotations

from streams.losses import MOST, Losses
from wireverdict.windows.part import WindowPart, empty

WIDTH = 10


def part(number: int) -> WindowPart:
    return empty(number, number * WIDTH, (number + 1) * WIDTH)


def told(losses: Losses, parts: list[WindowPart], through: int) -> list[tuple[int, int]]:
    return [(each.number, each.capture.reported_drops) for each in losses.book(parts, through)]


def test_a_loss_is_booked_to_the_window_in_which_it_was_missed() -> None:
    losses = Losses(WIDTH)
    losses.note(7, 31, 38)
    assert told(losses, [part(2)], 2) == [(2, 0)]
    assert told(losses, [part(3)], 3) == [(3, 7)]
    assert told(losses, [part(4)], 4) == [(4, 0)]  # once


def test_a_long_loss_is_spread_and_nothing_of_it_gets_lost() -> None:
    losses = Losses(WIDTH)
    losses.note(8, 15, 35)
    assert told(losses, [part(1), part(3)], 3) == [(1, 3), (3, 2), (2, 3)]  # nobody else had a part of window 2
    losses.note(10**6, -(10**15), 10**9)
    assert sum(count for _, count in told(losses, [], 10**9)) == 10**6
    losses.note(3, -(10**15), 10**9)
    assert {number > 10**8 - MOST for number, _ in told(losses, [], 10**9)} == {True}


def test_nothing_lost_is_nothing_said() -> None:
    losses = Losses(WIDTH)
    losses.note(0, 0, 100)
    losses.note(-5, 0, 100)
    parts = [part(0)]
    assert losses.book(parts, 100) == parts


def test_a_copy_goes_on_as_the_first_would_have() -> None:
    losses, copy = Losses(WIDTH), Losses(WIDTH)
    losses.note(5, 0, 29)
    copy.load(losses.dump())
    assert told(copy, [], 9) == told(losses, [], 9) == [(0, 2), (1, 2), (2, 1)]
