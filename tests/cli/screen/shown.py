"""The screen without a terminal: keys go in, the text of each line comes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from textual.pilot import Pilot

from tests.headers import SETTINGS
from wireverdict.cli.screen.app import WatchApp
from wireverdict.explain.text import parts
from wireverdict.explain.verdict import explain
from wireverdict.output.panels import Incident
from wireverdict.watch.watcher import Watcher


class Watched:
    """A watcher and an app that ask each other in one thread."""

    def __init__(self, watcher: Watcher, source: str = "demo") -> None:
        self.watcher = watcher
        self.app = WatchApp(source, self.explained, self.changed)
        self.app.started = self.changed
        self.changes = 0

    def explained(self, incident: Incident) -> list[tuple[str, list[str]]]:
        document = incident.worst.to_json()
        return parts(document, explain(document, SETTINGS))

    def changed(self) -> None:
        self.changes += 1
        self.app.give(self.watcher.picture(self.app.filter))

    @property
    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def play(watched: Watched, size: tuple[int, int], act: Callable[[Pilot[Any]], Awaitable[None]]) -> int:
    """Run the app on a screen of that many columns and lines; what it returned."""

    async def run() -> int:
        async with watched.app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.pause()
            await act(pilot)
        return watched.app.return_value or 0

    return asyncio.run(run())


async def keys(pilot: Pilot[Any], *pressed: str) -> None:
    """Press keys, one after the other; a word of several letters that is no key's name is typed."""
    for key in pressed:
        await pilot.press(key)
    await pilot.pause()


def typed(text: str) -> Iterator[str]:
    """The keys of a text."""
    names = {" ": "space", "/": "slash", ":": "colon", ".": "full_stop", "_": "underscore"}
    for letter in text:
        yield names.get(letter, letter)
