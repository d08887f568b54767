"""What is said where there is no screen."""

from __future__ import annotations

from tests.headers import SETTINGS
from tests.watch.made import OUTAGE, watcher
from wireverdict.compose import pipeline
from wireverdict.watch.lines import ending, losses, status, step
from wireverdict.watch.picture import Losses
from wireverdict.watch.watcher import Watcher


def test_a_line_says_how_things_stand() -> None:
    line = status(watcher(packets=OUTAGE).picture())
    assert line.startswith("07:02:1")
    for part in (" packets/s · ", "bit/s · no drops · ", " open · DNS ", " % unanswered · 4 firing"):
        assert part in line
    assert "\n" not in line


def test_nothing_so_far() -> None:
    line = status(Watcher(pipeline(SETTINGS)).picture())
    assert line == "00:00:00 UTC · 0 packets · 0 packets/s · 0 bit/s · no drops · 0 open · nothing firing"


def test_losses_are_told_by_kind() -> None:
    assert losses(Losses()) == "no drops"
    assert losses(Losses(fill=0.01)) == "no drops"
    assert losses(Losses(fill=0.42)) == "no drops, ring 42 % full"
    assert losses(Losses(1_200, 2, 5, 0.99)) == "1,200 drops, 2 freezes, 5 left out by sampling, ring 99 % full"


def test_each_step_of_a_verdict_is_a_line() -> None:
    made = watcher()
    made.finish()
    told = [step(verdict) for verdict in made.verdicts()]
    assert len(told) == 8
    assert told[0].startswith(
        "07:02:00 UTC · CRITICAL fired · DNS queries go unanswered: 198.18.0.2 to port 53 · since 07:01:50, for 10 s · 1 answer"
    )
    assert [line.split(" · ")[1] for line in told] == ["CRITICAL fired"] * 4 + ["CRITICAL resolved"] * 4
    assert ending(made.picture()) == (
        "end: 16,990 packets in 1 min 40 s, 8,266 connections; 4 verdicts, 4 of them over"
    )
    assert ending(Watcher(pipeline(SETTINGS)).picture()) == "end: 0 packets in 0 µs, 0 connections; nothing found"
