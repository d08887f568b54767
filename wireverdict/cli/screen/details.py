"""Windows over the screen: one thing in detail, and help."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

Parts = list[tuple[str, list[str]]]

HELP: Parts = [
    (
        "Panels",
        [
            "1 2 3 4\tone panel alone, and back: pairs, resolvers, verdicts, connections",
            "tab\tthe next panel; shift+tab the one before",
            "↑ ↓ pgup pgdn\tmove (home, end, j, k as well); the cursor stays on its row",
            "enter\topen: a verdict explained, a connection's story, the connections of a pair or resolver",
            "esc\tback: close a window, clear the filter, show all panels",
        ],
    ),
    (
        "What is shown",
        [
            "s, S, r\tsort by the next column, by the one before; turn the order round",
            "/\tfilter as in tcpdump: host 192.0.2.1, net 10.0.0.0/8, port 53, udp, ip6, src, dst, and, or, not, ( ); "
            "also flag one_sided, state S0, open, ended; or a piece of text",
            "f\tonly connections with the next flag that was raised",
            "p, space\tpause: the screen stands still (packets of an interface are still taken)",
        ],
    ),
    (
        "What the words mean",
        [
            "in/out\tpackets that came back for each that went out; red where hardly anything comes back",
            "unanswered\tshare of DNS queries that got no answer in their time (5 s); waiting ones are left out",
            "drops\tpackets that came in and that nobody could look at, because there was no room",
        ],
    ),
    ("Leaving", ["q\tthe exit status is 1 if a verdict fired, else 0; ctrl+c leaves with 130"]),
]


class Details(ModalScreen[None]):
    """Headings and lines in a box, which can be scrolled. A tab in a line parts what stands in two columns."""

    CSS = """
    Details { align: center middle; background: #000000 50%; }
    Details VerticalScroll {
        width: 90%; max-width: 110; height: auto; max-height: 90%;
        background: #1c222a; border: round #1f5f8b; border-title-color: #ffffff; padding: 0 1; scrollbar-size: 1 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark", "dismiss_it", show=False),
        Binding("ctrl+c", "app.interrupt", show=False, priority=True),
    ]

    def __init__(self, title: str, parts: Parts) -> None:
        super().__init__()
        self._title, self._parts = title, parts

    def compose(self) -> ComposeResult:
        """The box."""
        told: list[RenderableType] = []
        for number, (heading, texts) in enumerate(self._parts):
            if number:
                told.append(Text())
            if heading:
                told.append(Text(heading, "bold #5fafff"))
            if any("\t" in text for text in texts):
                lines = Table.grid(padding=(0, 2))
                lines.add_column(min_width=13, style="#ffffff", no_wrap=True)
                lines.add_column()
                for text in texts:
                    lines.add_row(*text.split("\t", 1))
                told.append(lines)
            else:
                told += [Text(text) for text in texts]
        box = VerticalScroll(Static(Group(*told)))
        box.border_title = self._title
        box.border_subtitle = "esc closes"
        yield box

    def action_dismiss_it(self) -> None:
        """Close."""
        self.dismiss()
