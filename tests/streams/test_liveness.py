from __future__ import annotations

from streams.liveness import Progress


def test_all_is_well_while_something_moves() -> None:
    progress = Progress(stall=10.0, now=0.0)
    assert all(progress.look(now, now, waiting=True) for now in (5.0, 14.0, 23.0))


def test_all_is_well_while_there_is_nothing_to_do() -> None:
    progress = Progress(stall=10.0, now=0.0)
    assert all(progress.look(now, "same", waiting=False) for now in (5.0, 14.0, 100.0))


def test_standing_still_with_something_to_do_is_a_stall() -> None:
    progress = Progress(stall=10.0, now=0.0)
    assert progress.look(1.0, "same", waiting=True)
    assert progress.look(11.0, "same", waiting=True)
    assert not progress.look(11.5, "same", waiting=True)


def test_the_time_counts_from_when_something_could_be_done() -> None:
    progress = Progress(stall=10.0, now=0.0)
    assert progress.look(100.0, "same", waiting=False)
    assert progress.look(109.0, "same", waiting=True)
    assert not progress.look(111.0, "same", waiting=True)


def test_absent_brokers_are_no_stall_and_leave_some_time_once_they_are_back() -> None:
    progress = Progress(stall=10.0, now=0.0)
    assert all(progress.look(float(now), "same", waiting=None) for now in range(0, 100, 5))
    assert progress.look(99.0, "same", waiting=True)
    assert not progress.look(106.0, "same", waiting=True)
