"""The screen: panels over a picture, and keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Input, Static

from wireverdict.cli.screen.details import HELP, Details, Parts
from wireverdict.cli.screen.head import Head
from wireverdict.cli.screen.panel import Panel
from wireverdict.output.endpoints import endpoints
from wireverdict.output.panels import Incident, brief
from wireverdict.watch.filters import Filter, FilterRefused
from wireverdict.watch.picture import Picture
from wireverdict.watch.story import story
from wireverdict.watch.tables import Sort, sortable, table
from wireverdict.windows.home import address_text

NAMES = ("pairs", "resolvers", "troubles", "connections")
WIDE = 140
"""Columns from which panels stand side by side."""
KEYS = (
    ("1-4", "panel"),
    ("⏎", "open"),
    ("s", "sort"),
    ("/", "filter"),
    ("f", "flag"),
    ("p", "pause"),
    ("?", "help"),
    ("q", "quit"),
)
HINT = " host net port src dst · tcp udp ip6 · flag state open ended · and or not ( ) · or text"


class WatchApp(App[int]):
    """`explain`: from a trouble to headings and lines. `chosen`: called when the filter or the pause changes, from the
    screen's thread; whoever makes pictures heeds it. `asked`: the number of a signal that asks to stop, or 0. `started` is
    called when pictures can be given. Returns 130 after ctrl+c, else 0."""

    CSS = """
    Screen { background: #12161b; color: #d0d0d0; }
    Head { height: 3; }
    #body { layout: vertical; height: 1fr; }
    #body.wide { layout: grid; grid-size: 2 2; grid-gutter: 0 1; }
    Panel { height: 1fr; }
    #body.alone { layout: vertical; }
    #body.alone Panel { display: none; }
    #body.alone Panel.chosen { display: block; }
    #foot { height: 1; background: #1c222a; }
    #filter { height: 1; border: none; padding: 0 1; background: #1f5f8b; display: none; }
    #filter:focus { border: none; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"alone('{name}')", show=False) for number, name in enumerate(NAMES, 1)),
        Binding("tab", "focus_next", show=False),
        Binding("shift+tab", "focus_previous", show=False),
        Binding("s", "sort(1)", show=False),
        Binding("S", "sort(-1)", show=False),
        Binding("r", "turn", show=False),
        Binding("slash", "filter", show=False),
        Binding("f", "flag", show=False),
        Binding("p,space", "pause", show=False),
        Binding("question_mark,h", "help", show=False),
        Binding("escape", "undo", show=False),
        Binding("q", "leave", show=False),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        source: str,
        explain: Callable[[Incident], Parts],
        chosen: Callable[[], None] = lambda: None,
        asked: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__()
        self.source, self._explain, self._chosen, self._asked = source, explain, chosen, asked
        self.picture: Picture | None = None
        self.filter: Filter | None = None
        self.paused = False
        self.notice = ""
        self.started: Callable[[], None] = lambda: None
        self._given: Picture | None = None
        self._lock = threading.Lock()
        self._flag = ""
        self._fresh = False  # a picture that the filter asked for is on its way
        self._before: Panel

    def compose(self) -> ComposeResult:
        """Head, four panels, a line of keys."""
        yield Head()
        with Container(id="body"):
            for number, name in enumerate(NAMES, 1):
                yield Panel(name, number)
        yield Input(id="filter", placeholder="everything", compact=True)
        yield Static(id="foot")

    def on_mount(self) -> None:
        """Begin with the first panel."""
        self.query_one("#pairs").focus()
        self._draw()
        self.set_interval(0.25, self._look)
        self.started()

    def give(self, picture: Picture) -> None:
        """The next picture; from any thread. Of several that come at once the last is shown."""
        with self._lock:
            waiting, self._given = self._given, picture
        if waiting is None:
            self.call_later(self._take)

    def on_resize(self, event: events.Resize) -> None:
        """Side by side where there is room."""
        self.query_one("#body").set_class(event.size.width >= WIDE, "wide")
        self.call_after_refresh(self._draw)

    def on_descendant_focus(self) -> None:
        """The heading of the panel with the keys is another."""
        self._foot()

    def _look(self) -> None:
        """A signal may have come, which only Python's main thread hears of."""
        if number := self._asked():
            self.exit(128 + number)

    def _take(self) -> None:
        with self._lock:
            given, self._given = self._given, None
        if given is not None and (not self.paused or self._fresh):
            self.picture, self._fresh = given, False
            self._draw()

    def _draw(self) -> None:
        if not self.is_running:
            return
        mode = "paused" if self.paused else "end of the input" if self.picture is not None and self.picture.over else ""
        self.query_one(Head).show(self.source, self.picture, mode, self.notice)
        if self.picture is not None:
            for panel in self.query(Panel):
                if panel.display:
                    panel.show(table(panel.kind, self.picture, panel.sort, self.filter))
        self._foot()

    def _foot(self, words: str = "", style: str = "#d0d0d0") -> None:
        """Keys, or `words` while there is something to be typed."""
        if not self.is_running or not self.query("#foot"):
            return
        if not words and self.query_one("#filter").display:
            return
        text = Text(words, style, no_wrap=True, overflow="ellipsis")
        if words:
            self.query_one("#foot", Static).update(text)
            return
        if self.filter is not None:
            text.append(f" filter: {self.filter.expression} ", "bold #ffffff on #1f5f8b")
        for key, words in KEYS:
            text.append(f" {key}", "bold #5fafff").append(f" {words} ", "#b0b0b0")
        self.query_one("#foot", Static).update(text)

    @property
    def _panel(self) -> Panel:
        """The one with the keys."""
        return self.focused if isinstance(self.focused, Panel) else self.query(Panel).first()

    def action_alone(self, name: str) -> None:
        """One panel for the whole screen, or all of them again."""
        body, panel = self.query_one("#body"), self.query_one(f"#{name}", Panel)
        alone = not (body.has_class("alone") and panel.has_class("chosen"))
        for other in self.query(Panel):
            other.set_class(alone and other is panel, "chosen")
        body.set_class(alone, "alone")
        self._focus(panel)
        self.call_after_refresh(self._draw)

    def _focus(self, panel: Panel) -> None:
        """Now, and not when all that waits has been done: the next key is meant for that panel."""
        self.screen.set_focus(panel)
        if self.focused is not panel:
            panel.focus()  # once it is there

    def action_sort(self, by: int) -> None:
        """Another column."""
        panel = self._panel
        if panel.listing is not None:
            many = len(sortable(panel.listing)) + 1
            panel.sort = Sort((panel.sort.column + by) % many)
            self._draw()

    def action_turn(self) -> None:
        """Least first, or most first."""
        panel = self._panel
        panel.sort = panel.sort._replace(backwards=not panel.sort.backwards)
        self._draw()

    def action_filter(self) -> None:
        """Ask for an expression."""
        asked = self.query_one("#filter", Input)
        self._before = self._panel
        asked.value = self.filter.expression if self.filter is not None else ""
        asked.display = True
        self._foot(HINT)
        asked.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The expression is there."""
        try:
            self._only(event.value)
        except FilterRefused as error:
            self._foot(f" {error}", "bold #ff6b6b")
            return
        self._close_filter()

    def _only(self, expression: str) -> None:
        """Show what matches. Raises FilterRefused."""
        self.filter = Filter(expression) if expression.strip() else None
        self._fresh = True
        self._chosen()
        self._draw()

    def _close_filter(self) -> None:
        self.query_one("#filter").display = False
        self._focus(self._before)
        self._foot()

    def action_flag(self) -> None:
        """Connections with the next flag that was raised; after the last, all."""
        if self.picture is None:
            return
        raised = [name for name, _ in self.picture.raised]
        place = raised.index(self._flag) + 1 if self._flag in raised else 0
        self._flag = raised[place] if place < len(raised) else ""
        self._only(f"flag {self._flag}" if self._flag else "")
        if not self.query_one("#connections").display:
            self.action_alone("connections")
        self._focus(self.query_one("#connections", Panel))

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self.paused = not self.paused
        self._chosen()
        self._draw()

    def action_undo(self) -> None:
        """Undo the last thing: the question for a filter, the filter, one panel alone."""
        if self.query_one("#filter").display:
            self._close_filter()
        elif self.filter is not None:
            self._flag = ""
            self._only("")
        else:
            for panel in self.query(".chosen"):
                self.action_alone(str(panel.id))

    def action_help(self) -> None:
        """What the keys do."""
        self.push_screen(Details("help", HELP))

    def action_leave(self) -> None:
        """The end."""
        self.exit(0)

    def action_interrupt(self) -> None:
        """The end, at once."""
        self.exit(130)

    def on_panel_chosen(self, event: Panel.Chosen) -> None:
        """What is under the cursor, in detail."""
        picture, row = self.picture, event.row
        if picture is None:
            return
        if event.panel.kind == "troubles":
            incident = picture.incidents[row]
            self.push_screen(Details(brief(incident), self._explain(incident)))
        elif event.panel.kind == "connections":
            record = picture.connections[row : row + 1]
            self.push_screen(Details(endpoints(record)[0], story(record)))
        else:
            self._connections_of(picture, event.panel.kind, row)

    def _connections_of(self, picture: Picture, kind: str, row: int) -> None:
        if kind == "pairs":
            ends: list[Any] = [picture.pairs.ours[row].tolist(), picture.pairs.peer[row].tolist()]
            self._only(" and ".join(f"host {address_text(*end)}" for end in ends))
        else:
            self._only(f"host {address_text(*picture.resolvers.address[row].tolist())} and port 53")
        if not (self.query_one("#body").has_class("alone") and self.query_one("#connections").display):
            self.action_alone("connections")
