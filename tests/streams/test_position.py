from __future__ import annotations

from streams.position import Action, Position, Tolerance


def test_without_a_snapshot_reading_begins_at_the_first_message_and_then_goes_on_without_gaps() -> None:
    position = Position(40)
    assert position.look(41) is Action.APPLY
    position.advance(41)
    assert [position.look(offset) for offset in (40, 41, 42, 43)] == [
        Action.SEEN,
        Action.SEEN,
        Action.APPLY,
        Action.GAP,
    ]


def test_after_a_snapshot_what_it_holds_is_left_out() -> None:
    position = Position(7)
    assert [position.look(offset) for offset in (0, 7, 8, 9)] == [
        Action.SEEN,
        Action.SEEN,
        Action.APPLY,
        Action.GAP,
    ]


def test_a_snapshot_of_the_first_message_is_not_taken_for_none() -> None:
    assert Position(0).look(2) is Action.GAP


def test_what_is_applied_is_unsaved_until_it_is_kept() -> None:
    position = Position(-1)
    assert not position.unsaved
    position.advance(3)
    assert (position.unsaved, position.saved) == (True, -1)
    position.keep(3)
    assert (position.unsaved, position.saved) == (False, 3)


def test_bad_messages_are_borne_while_they_are_few_among_the_last() -> None:
    tolerance = Tolerance(most=2, among=4)
    assert [tolerance.count(bad) for bad in (True, True, False, False)] == [True] * 4
    assert [tolerance.count(bad) for bad in (True, True)] == [True, True]  # the first two are forgotten
    assert tolerance.count(True) is False


def test_good_messages_are_forgotten_too() -> None:
    tolerance = Tolerance(most=1, among=3)
    for _ in range(100):
        assert tolerance.count(False)
    assert tolerance.count(True)
    assert not tolerance.count(True)
