"""Windows over the screen."""

from __future__ import annotations

import asyncio

from textual.app import App

from wireverdict.cli.screen.details import HELP, Details


def test_long_texts_scroll_and_columns_stay_apart() -> None:
    app: App[None] = App()

    async def run() -> None:
        async with app.run_test(size=(60, 12)) as pilot:
            app.push_screen(
                Details("a title", [("first", ["key\twords " * 8]), ("second", [f"line {n}" for n in range(40)])])
            )
            await pilot.pause()
            text = [strip.text for strip in app.screen._compositor.render_strips()]
            assert "a title" in text[0] or "a title" in text[1]
            assert "line 39" not in "".join(text)
            await pilot.press("end")
            await pilot.pause()
            await pilot.pause(0.6)
            assert "line 39" in "".join(strip.text for strip in app.screen._compositor.render_strips())
            await pilot.press("enter")
            await pilot.pause()
            assert not isinstance(app.screen, Details)

    asyncio.run(run())


def test_help_names_every_key_in_two_columns() -> None:
    lines = [line for _, texts in HELP for line in texts]
    assert all(line.count("\t") == 1 for line in lines)
    keys = " ".join(line.split("\t")[0] for line in lines)
    for key in ("1 2 3 4", "tab", "enter", "esc", "s, S, r", "/", "f", "p, space", "q"):
        assert key in keys
