"""A table on the screen: a heading, perhaps a note, and the rows that fit; only these are ever made into text."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from wireverdict.watch.listing import Cell, Listing, cut
from wireverdict.watch.tables import Sort

_GROUND, _UNDER = "#12161b", "#2c4a63"
_COLOURS = {
    "": ("#d0d0d0", False),
    "strong": ("#ffffff", True),
    "dim": ("#8a8a8a", False),
    "good": ("#5fd787", False),
    "warn": ("#ffd75f", False),
    "bad": ("#ff6b6b", True),
    "mark": ("#5fafff", False),
}
_STYLES = {
    (mood, under): Style(color=colour, bold=bold, bgcolor=_UNDER if under else _GROUND)
    for mood, (colour, bold) in _COLOURS.items()
    for under in (False, True)
}
_HEAD = Style(color="#e4e4e4", bgcolor="#303a46")
_HEAD_FOCUSED = Style(color="#ffffff", bgcolor="#1f5f8b", bold=True)
_NOTE = Style(color="#8a8a8a", italic=True, bgcolor=_GROUND)
Line = tuple[tuple[str, Style], ...]
"""Texts and their styles; together as wide as the panel."""
_NOTE_FROM = 4
"""Lines of a panel from which a note has room."""


class Panel(Widget, can_focus=True):
    """Shows a Listing. The cursor stays on its row when the rows below it change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Enter or a click on the row under the cursor."""

        def __init__(self, panel: Panel, row: int) -> None:
            super().__init__()
            self.panel, self.row = panel, row

    def __init__(self, name: str, number: int) -> None:
        super().__init__(id=name)
        self.kind, self.number = name, number
        self.sort = Sort()
        self.listing: Listing | None = None
        self.cursor = 0
        self._top = 0
        self._lines: list[Line] = []
        self._named: Hashable = None

    def show(self, listing: Listing) -> None:
        """Other rows, or the same ones with other numbers."""
        self.listing = listing
        if self._named is not None:
            names = (listing.name(row) for row in listing.order.tolist())
            self.cursor = next((place for place, name in enumerate(names) if name == self._named), self.cursor)
        self._move_to(self.cursor, named=self._named is not None)

    def render_line(self, y: int) -> Strip:
        """One line of the widget, made by `_paint`."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, _STYLES["", False])
        return Strip([Segment(text, style) for text, style in self._lines[y]], self.size.width)

    def _paint(self) -> None:
        """Make all lines, and have those drawn that have changed: drawing costs more than making them."""
        width, before = self.size.width, self._lines
        listing = self.listing
        if listing is None or width < 10:
            self._lines = []
        else:
            shown = listing.shown(width - 2)
            self._lines = [self._line(listing, shown, y, width) for y in range(self.size.height)]
        if len(before) != len(self._lines):
            self.refresh()
            return
        pairs = zip(before, self._lines, strict=True)
        changed = [Region(0, y, width, 1) for y, (old, new) in enumerate(pairs) if old != new]
        if changed:
            self.refresh(*changed)

    def _line(self, listing: Listing, shown: list[tuple[int, int]], y: int, width: int) -> Line:
        if y == 0:
            return self._heading(listing, shown, width)
        head = self._head(listing)
        if y == 1 and head == 2:
            return ((f" {cut(listing.note, width - 2)}".ljust(width), _NOTE),)
        place = self._top + y - head
        if place >= len(listing):
            text = f"   {listing.empty}" if not len(listing) and y == head else ""
            return ((cut(text, width).ljust(width), _STYLES["dim", False]),)
        return self._row(listing, shown, place, width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As much as there is."""
        return container.height

    def _head(self, listing: Listing) -> int:
        return 2 if listing.note and self.size.height >= _NOTE_FROM else 1

    @property
    def _room(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height - (self._head(self.listing) if self.listing else 1))

    def _heading(self, listing: Listing, shown: list[tuple[int, int]], width: int) -> Line:
        """The title in place of the first column's, and the titles of the others."""
        style = _HEAD_FOCUSED if self.has_focus else _HEAD
        many = len(listing)
        place = f" {self.cursor + 1}/{many}" if many > self._room else ""
        title = f" {self.number} {listing.title}{place}"
        by = [number for number, column in enumerate(listing.columns) if column.by]
        sorted_by = by[(self.sort.column - 1) % len(by)] if self.sort.column else -1
        flexible = [number for number, _ in shown if not listing.columns[number].by]
        # The first columns are of text and need no titles: theirs is the panel's.
        room = 1 + sum(size + 1 for number, size in shown if number in flexible)
        parts = [cut(title, room).ljust(room)]
        for number, size in shown:
            if number in flexible:
                continue
            arrow = ("▲" if self.sort.backwards else "▼") if number == sorted_by else ""
            parts.append(cut(arrow + listing.columns[number].title, size).rjust(size) + " ")
        return ((cut("".join(parts), width).ljust(width), style),)

    def _row(self, listing: Listing, shown: list[tuple[int, int]], place: int, width: int) -> Line:
        under = self.has_focus and place == self.cursor
        cells: list[Cell] = listing.cells(int(listing.order[place]))
        texts, moods, used = ["▌" if under else " "], ["mark"], 1
        for number, size in shown:
            text, mood = cells[number]
            text = cut(text, size)
            text = text.rjust(size) if listing.columns[number].right else text.ljust(size)
            used += size + 1
            if mood == moods[-1]:
                texts[-1] += text + " "
            else:
                texts.append(text + " ")
                moods.append(mood)
        texts[-1] += " " * max(0, width - used)
        if used > width:  # a screen too narrow for the columns that are always shown
            texts, moods = [cut("".join(texts), width)], [""]
        return tuple((text, _STYLES[mood, under]) for text, mood in zip(texts, moods, strict=True))

    def action_move(self, by: int) -> None:
        """The cursor up or down."""
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """A page up or down."""
        self._move_to(self.cursor + by * self._room)

    def action_choose(self) -> None:
        """The row under the cursor is wanted in detail."""
        if self.listing is not None and len(self.listing):
            self.post_message(self.Chosen(self, int(self.listing.order[self.cursor])))

    def on_focus(self) -> None:
        """The heading and the row under the cursor look otherwise."""
        self._paint()

    def on_blur(self) -> None:
        """And as before."""
        self._paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        self._move_to(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        self._move_to(self.cursor - 3)

    def on_click(self, event: events.Click) -> None:
        """The row that was clicked; twice to open it."""
        if self.listing is None:
            return
        place = self._top + event.y - self._head(self.listing)
        if 0 <= place < len(self.listing) and event.y >= self._head(self.listing):
            self._move_to(place)
            if event.chain == 2:
                self.action_choose()

    def on_resize(self) -> None:
        """The cursor stays in sight."""
        self._move_to(self.cursor, named=self._named is not None)

    def _move_to(self, place: int, *, named: bool = True) -> None:
        """Put the cursor somewhere and keep it in sight. `named`: it stays on that very row from now on; at the top of the
        table it stays at the top, whatever comes there."""
        if self.listing is None:
            return
        last = max(0, len(self.listing) - 1)
        self.cursor = min(max(place, 0), last)
        self._top = min(max(self._top, self.cursor - self._room + 1), self.cursor)
        self._top = max(0, min(self._top, last + 1 - self._room))
        keep = named and self.cursor > 0 and len(self.listing)
        self._named = self.listing.name(int(self.listing.order[self.cursor])) if keep else None
        self._paint()
