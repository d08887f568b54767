"""Panels: moving, scrolling, the mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from wireverdict.cli.screen.panel import Panel
from wireverdict.watch.listing import Cell, Column, Listing

COLUMNS = (Column("name", 0, False, by=False), Column("size", 6))


def listing(rows: list[int], note: str = "") -> Listing:
    return Listing(
        "things", COLUMNS, np.arange(len(rows)), lambda row: [Cell(f"row {rows[row]}"), Cell(str(rows[row]))],
        lambda row: rows[row], "nothing here", note,
    )  # fmt: skip


class One(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[int] = []

    def compose(self) -> ComposeResult:
        yield Panel("pairs", 1)

    def on_panel_chosen(self, event: Panel.Chosen) -> None:
        self.chosen.append(event.row)


def played(act: Any, size: tuple[int, int] = (30, 8)) -> One:
    import asyncio

    app = One()

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            panel = app.query_one(Panel)
            panel.focus()
            await pilot.pause()
            await act(pilot, panel)

    asyncio.run(run())
    return app


def lines(panel: Panel) -> list[str]:
    return [panel.render_line(y).text.rstrip() for y in range(panel.size.height)]


def test_moving_keeps_the_cursor_in_sight() -> None:
    async def act(pilot: Pilot[None], panel: Panel) -> None:
        panel.show(listing(list(range(20))))
        assert lines(panel)[0].split() == ["1", "things", "1/20", "size"]
        assert [line.split() for line in lines(panel)[1:]] == [["▌row", "0", "0"]] + [
            ["row", str(n), str(n)] for n in range(1, 7)
        ]
        assert {len(line) for line in lines(panel)[1:]} == {29}
        await pilot.press("end")
        assert lines(panel)[7].startswith("▌row 19")
        await pilot.press("up", "up")
        assert lines(panel)[5].startswith("▌row 17")
        await pilot.press("pageup", "pageup")
        assert lines(panel)[1].startswith("▌row 3")
        await pilot.press("home", "up", "k")
        assert lines(panel)[1].startswith("▌row 0")
        await pilot.press("j", "enter")

    assert played(act).chosen == [1]


def test_fewer_rows_than_before() -> None:
    async def act(pilot: Pilot[None], panel: Panel) -> None:
        panel.show(listing(list(range(20)), "a note"))
        assert lines(panel)[1] == " a note"
        await pilot.press("end")
        panel.show(listing([3, 4]))
        assert [line[:6] for line in lines(panel)[1:4]] == [" row 3", "▌row 4", ""]
        panel.show(listing([]))
        assert lines(panel)[1] == "   nothing here"
        await pilot.press("enter", "down")

    assert played(act).chosen == []


def test_the_cursor_follows_its_row_and_stays_at_the_top() -> None:
    async def act(pilot: Pilot[None], panel: Panel) -> None:
        panel.show(listing([1, 2, 3]))
        panel.show(listing([9, 1, 2, 3]))
        assert lines(panel)[1].startswith("▌row 9")
        await pilot.press("down", "down")
        panel.show(listing([2, 9, 1, 3]))
        assert lines(panel)[1].startswith("▌row 2")
        panel.show(listing([5, 6, 7, 8, 2]))
        assert lines(panel)[1].startswith("▌row 5") or lines(panel)[5].startswith("▌row 2")

    played(act)


def test_the_mouse() -> None:
    async def act(pilot: Pilot[None], panel: Panel) -> None:
        panel.show(listing(list(range(20))))
        await pilot.click(Panel, offset=(5, 3))
        assert lines(panel)[3].startswith("▌row 2")
        await pilot.click(Panel, offset=(5, 4), times=2)
        await pilot.click(Panel, offset=(5, 0))
        assert panel.cursor == 3

    assert played(act).chosen == [3]


def test_too_small_to_say_anything() -> None:
    async def act(pilot: Pilot[None], panel: Panel) -> None:
        panel.show(listing([1]))
        assert lines(panel) == ["", ""]

    played(act, (8, 2))
