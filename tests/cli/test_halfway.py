"""What is kept of a pass half-way: when, where, and how much it may cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wireverdict.cli.halfway import SHARE, Halfway


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_last_state_is_there_until_the_pass_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    kept = Halfway(folder, "a", 0.0)
    assert kept.load() is None
    for number in range(3):
        kept.keep({"number": number, "rows": np.arange(number)})
    (path,) = folder.iterdir()
    state = Halfway(folder, "a").load()
    assert state is not None
    assert (state["number"], state["rows"].tolist()) == (2, [0, 1])
    assert Halfway(folder, "b").load() is None
    path.write_bytes(path.read_bytes()[:-3])
    assert kept.load() is None  # half a file is none
    kept.drop()
    assert not list(folder.iterdir())
    kept.drop()


def test_it_takes_a_twentieth_of_the_time_at_most(tmp_path: Path) -> None:
    clock = Clock()
    kept = Halfway(tmp_path, "a", 30.0, clock)
    made = spent = 0.0
    while clock.now < 100_000:
        clock.now += 1
        if kept.due():
            assert kept.due()  # as often as it is asked, until it is there
            clock.now += 7  # that long it takes
            spent += 7
            kept.keep({})
            made += 1
    assert 0 < spent / 99_900 <= 1 / SHARE
    assert made > 99_900 / (7 * (SHARE + 2))


def test_a_cheap_one_is_made_as_often_as_was_asked(tmp_path: Path) -> None:
    clock = Clock()
    kept = Halfway(tmp_path, "a", 30.0, clock)
    times = []
    for _ in range(100):
        clock.now += 1
        if kept.due():
            times.append(clock.now)
            kept.keep({})
    assert times == [130.0, 160.0, 190.0]


def test_nowhere_nothing_is_kept() -> None:
    kept = Halfway(None, "", 0.0)
    assert not kept.due()
    assert kept.load() is None
    kept.drop()
