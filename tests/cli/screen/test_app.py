"""The screen over the demo's outage, by real key presses: what is on it, at any size."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.cli.screen.shown import Watched, keys, play, typed
from tests.headers import SETTINGS
from tests.watch.made import OUTAGE, watcher
from wireverdict.compose import pipeline
from wireverdict.watch.watcher import Watcher

NARROW, WIDE = (80, 24), (200, 50)


def test_all_that_matters_is_on_a_small_screen() -> None:
    watched = Watched(watcher(packets=OUTAGE), "eth0")

    async def act(pilot: Pilot[Any]) -> None:
        lines = watched.lines
        assert len(lines) == 24
        assert lines[0].startswith(" wireverdict watch  eth0")
        assert lines[0].endswith("UTC")
        assert "packets/s" in lines[1]
        assert "no drops" in lines[1]
        assert lines[2] == " ● CRITICAL  DNS queries go unanswered: 198.18.0.2 to port 53 and 3 more"
        heads = [number for number, line in enumerate(lines) if line[1:2] in "1234" and line[2:3] == " "]
        assert [lines[number].split()[1] for number in heads] == ["busiest", "DNS", "verdicts", "connections"]
        assert lines[heads[0] + 1].split()[:2] == ["▌198.18.0.2", "192.0.2.80"]
        assert lines[heads[1] + 1].split()[0].startswith("198.19.")
        assert lines[heads[2] + 1].split()[:2] == ["CRITICAL", "DNS"]
        assert "open," in lines[heads[3] + 1]
        assert lines[23].startswith(" 1-4 panel  ⏎ open  s sort")

    play(watched, NARROW, act)


@pytest.mark.parametrize("size", [(40, 10), NARROW, (100, 30), (140, 40), WIDE])
def test_nothing_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        for pressed in ("1", "2", "3", "4", "4", "question_mark", "escape", "slash", "escape"):
            await keys(pilot, pressed)
            strips = watched.app.screen._compositor.render_strips()
            assert len(strips) == size[1]
            assert {strip.cell_length for strip in strips} == {size[0]}

    play(watched, size, act)


def test_a_wide_screen_has_panels_side_by_side() -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        assert " 1 busiest pairs" in watched.lines[3]
        assert " 2 DNS by resolver" in watched.lines[3]
        assert "failed" in watched.lines[3]
        await keys(pilot, "2")
        assert "1 busiest pairs" not in watched.text
        assert "2001:db8:500:" in watched.text
        await keys(pilot, "2")
        assert "1 busiest pairs" in watched.text

    play(watched, WIDE, act)


def test_a_verdict_explains_itself() -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        await keys(pilot, "3", "enter")
        assert "CRITICAL  DNS queries go unanswered: 198.18.0.2 to port 53" in watched.text
        assert "The rule" in watched.text
        assert "detectors.dns_loss.min_attempts" in watched.text
        await keys(pilot, "escape")
        assert "The rule" not in watched.text

    play(watched, (120, 60), act)


def test_a_pair_leads_to_its_connections_and_they_tell_their_story() -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        await keys(pilot, "down", "down", "enter")
        assert watched.app.filter is not None
        pair = watched.app.filter.expression
        assert pair.startswith("host 198.18.0.2 and host 198.19.")
        rows = [line for line in watched.lines if " > " in line]
        assert len(rows) > 10
        assert all(pair.split()[-1] in line for line in rows)
        assert f"filter: {pair}" in watched.lines[-1]
        await keys(pilot, "down", "enter")
        assert "What was sent" in watched.text
        assert "The originator sent" in watched.text
        await keys(pilot, "escape", "escape")
        assert watched.app.filter is None
        await keys(pilot, "escape")
        assert "1 busiest pairs" in watched.text
        await keys(pilot, "2", "enter")
        assert watched.app.filter.expression.endswith("and port 53")

    play(watched, (120, 40), act)


def test_filters_are_typed_refused_and_taken_back() -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        await keys(pilot, "slash")
        assert "host net port" in watched.lines[-1]
        await keys(pilot, *typed("host nowhere"), "enter")
        assert watched.lines[-1] == " 'nowhere' is neither an address nor a network"
        await keys(pilot, "ctrl+u", *typed("net 2001:db8:500::/48"), "enter")
        assert "filter: net 2001:db8:500::/48" in watched.lines[-1]
        shown = [line for line in watched.lines[4:-1] if "198.1" in line]
        assert shown == []
        assert "2001:db8:500:" in watched.text
        await keys(pilot, "slash", "escape")
        assert "filter: net" in watched.lines[-1]
        await keys(pilot, "escape")
        assert "198.19." in watched.text

    play(watched, NARROW, act)


def test_sorting_and_turning_round() -> None:
    watched = Watched(watcher(packets=OUTAGE))

    async def act(pilot: Pilot[Any]) -> None:
        def ratios() -> list[float]:
            rows = [line.split() for line in watched.lines[4:-1] if line.strip()]
            return [float(row[5]) for row in rows]

        await keys(pilot, "1", "s", "s", "s")
        assert "▼in/out" in watched.text
        assert ratios() == sorted(ratios(), reverse=True)
        await keys(pilot, "r")
        assert "▲in/out" in watched.text
        assert ratios() == sorted(ratios())
        assert ratios()[0] < 0.1
        await keys(pilot, "S", "S", "S", "r")
        assert "▼" not in watched.text

    play(watched, (100, 60), act)


def test_flags_one_after_the_other() -> None:
    made = watcher()
    made.finish()
    watched = Watched(made)

    async def act(pilot: Pilot[Any]) -> None:
        assert "end of the input" in watched.lines[0]
        assert "4 verdicts in the past" in watched.lines[2]
        await keys(pilot, "4", "f")
        rows = [line for line in watched.lines if " > " in line]
        assert len(rows) > 20
        assert all("one sided" in line for line in rows)
        await keys(pilot, "f")
        assert watched.app.filter is None

    play(watched, (120, 40), act)


def test_a_pause_stands_still() -> None:
    watched = Watched(watcher(packets=4_096))

    async def act(pilot: Pilot[Any]) -> None:
        before = watched.lines[1:4]
        await keys(pilot, "p")
        assert "paused" in watched.lines[0]
        watched.watcher = watcher(packets=OUTAGE)
        watched.app.give(watched.watcher.picture())
        await pilot.pause()
        assert watched.lines[1:4] == before
        await keys(pilot, "space")
        assert "paused" not in watched.lines[0]
        assert "CRITICAL" in watched.lines[2]

    play(watched, NARROW, act)


def test_the_cursor_stays_on_its_row() -> None:
    watched = Watched(watcher(packets=4_096))

    async def act(pilot: Pilot[Any]) -> None:
        def under() -> list[str]:
            (line,) = [line for line in watched.lines if line.startswith("▌")]
            return line[1:].split()[:2]

        await keys(pilot, "1", "down", "down", "down", "down")
        chosen = under()
        watched.watcher = watcher(packets=OUTAGE)
        watched.changed()
        await pilot.pause()
        assert under() == chosen
        await keys(pilot, "home")
        watched.watcher = watcher(packets=4_096)
        watched.changed()
        await pilot.pause()
        assert under() == ["198.18.0.2", "192.0.2.80"]

    play(watched, (100, 24), act)


def test_before_the_first_packet() -> None:
    watched = Watched(Watcher(pipeline(SETTINGS)), "eth0")

    async def act(pilot: Pilot[Any]) -> None:
        assert watched.text.count("waiting for packets") == 4
        watched.app.notice = "the interface eth0 went down; waiting for it"
        watched.changed()
        await pilot.pause()
        assert "went down" in watched.lines[2]
        for pressed in ("enter", "f", "s", "end", "pagedown"):
            await keys(pilot, pressed)

    play(watched, NARROW, act)


@pytest.mark.parametrize(("pressed", "status"), [("q", 0), ("ctrl+c", 130)])
def test_leaving(pressed: str, status: int) -> None:
    async def act(pilot: Pilot[Any]) -> None:
        await keys(pilot, "question_mark")
        assert "What the words mean" in watched.text
        if pressed == "q":
            await keys(pilot, "q")
            assert "What the words mean" not in watched.text
        await keys(pilot, pressed)

    watched = Watched(watcher(packets=4_096))
    assert play(watched, (120, 50), act) == status
