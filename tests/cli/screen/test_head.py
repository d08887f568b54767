"""The first lines of the screen."""

from __future__ import annotations

import dataclasses

import pytest

from tests.watch.made import OUTAGE, watcher
from wireverdict.cli.screen.head import middle, spark, state, top
from wireverdict.watch.picture import Losses

DURING = watcher(packets=OUTAGE).picture()


@pytest.mark.parametrize("width", [20, 40, 80, 120, 250])
def test_lines_fit(width: int) -> None:
    lost = dataclasses.replace(DURING, losses=Losses(10**9, 10**6, 10**8, 0.99))
    for picture in (DURING, lost):
        made = (top("a" * 60, picture, "paused", width), middle(picture, width), state(picture, "n" * 300, width))
        assert all(len(line) <= width for line in made)


def test_drops_are_told_loudly() -> None:
    lost = middle(dataclasses.replace(DURING, losses=Losses(1_234)), 120)
    assert "1,234 drops" in lost.plain
    assert any("#ff6b6b" in str(span.style) for span in lost.spans)
    assert "no drops" in middle(DURING, 120).plain


def test_a_warning_shows_where_nothing_is_worse() -> None:
    calm = dataclasses.replace(DURING, incidents=[])
    assert state(calm, "the interface eth0 went down", 80).plain == " ▲ the interface eth0 went down"
    assert state(calm, "", 80).plain == " ○ nothing found so far"
    assert state(dataclasses.replace(calm, windows=0), "", 80).plain == " ○ nothing judged yet"
    assert state(DURING, "something", 80).plain.startswith(" ● CRITICAL")


def test_blocks_are_as_high_as_numbers() -> None:
    assert spark([0, 1, 4, 8]) == " ▁▄█"
    assert spark([0, 0]) == "  "
    assert spark([]) == ""
