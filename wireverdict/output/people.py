"""The output for people: at most a screen that says what was read, what stands out, and what is wrong."""

from __future__ import annotations

import io
import os
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.endpoints import endpoints
from wireverdict.output.fields import FLAGS, STATES
from wireverdict.output.listing import HEADING, listing
from wireverdict.output.panels import Incident, brief, panel
from wireverdict.output.stream import Stream
from wireverdict.output.units import count, duration, printable, several, share, size
from wireverdict.records import CONNECTION
from wireverdict.verdicts import Verdict

SCREEN = 40
"""Lines that a page takes at most (a single very long verdict aside)."""
WIDTH = 100
"""Columns that a page uses at most: longer lines are tiring to read."""
BUSIEST = 5
BRIEF = 4
"""Lines kept for troubles that have no box."""


class People:
    """Takes what a run finds and prints a page at its end; with `live`, each verdict at once as well."""

    def __init__(self, stream: Stream, *, list_connections: bool = False, live: bool = False) -> None:
        self._stream = stream
        self._list = list_connections
        self._live = live
        self._heading = HEADING.encode()
        self._incidents: dict[str, Incident] = {}
        self._busiest: NDArray[np.void] = np.zeros(0, CONNECTION)
        self._flagged = np.zeros(len(FLAGS), np.int64)

    def connections(self, rows: NDArray[np.void]) -> None:
        """See Output."""
        if self._list:
            self._stream.write(self._heading + listing(rows))
            self._heading = b""
            return
        if not rows["final"].all():
            rows = rows[rows["final"] == 1]
        raised = rows["flags_true"]
        raised = raised[raised != 0]
        for bit in range(len(FLAGS)):
            self._flagged[bit] += np.count_nonzero(raised >> bit & 1)
        self._busiest = _top(np.concatenate((self._busiest, _top(rows))))

    def verdict(self, verdict: Verdict) -> None:
        """See Output."""
        incident = self._incidents.setdefault(verdict.incident, Incident(verdict))
        incident.add(verdict)
        if self._live:
            self._stream.write(render([panel(incident)]))

    def finish(self, summary: dict[str, Any]) -> None:
        """See Output."""
        page = [("", "")] if self._list else []  # texts and their styles
        page += [(line, "") for line in _heading(summary)]
        if not self._list and len(self._busiest):
            head, *body = _table(self._busiest, page_width())
            page += [("", ""), (head, "bold"), *((line, "") for line in body)]
            raised = [(name, int(number)) for name, number in zip(FLAGS, self._flagged, strict=True) if number]
            if raised:
                listed = " · ".join(f"{name.replace('_', ' ')} {count(number)}" for name, number in raised)
                page.append((f"Flags raised: {listed}", "dim"))
        page.append(("", ""))
        boxes: list[Any] = []
        incidents = sorted(self._incidents.values(), key=Incident.urgency)
        if not incidents:
            page.append(_nothing(summary))
        elif not self._live:
            boxes = _panels(incidents, SCREEN - lines(page).count(b"\n"))
        self._stream.write(lines(page, boxes))
        self._stream.close()


def page_width() -> int:
    """Columns that there are, or that are pleasant to read."""
    return max(60, min(shutil.get_terminal_size((80, 24)).columns, WIDTH))


def lines(texts: list[tuple[str, str]], boxes: Sequence[Any] = ()) -> bytes:
    """`texts`, each with its style, and then `boxes` as `render` writes them; rich is imported where it is needed."""
    width = page_width()
    if not boxes and not os.isatty(1) and all(_is_plain(text, width) for text, _ in texts):
        told = (text if len(text) <= width else textwrap.fill(text, width, break_on_hyphens=False) for text, _ in texts)
        return ("\n".join(line.rstrip() for line in told) + "\n").encode()
    from rich.text import Text

    return render([*(Text(text, style=style) for text, style in texts), *boxes])


def _is_plain(text: str, width: int) -> bool:
    """Whether every character takes one column, and whether the text fits a line or can be broken between its words."""
    narrow = text.isascii() or max(text.replace("…", "·"), default="") < "\u0300"
    words = text.split(" ") if len(text) > width else ()
    return narrow and text.isprintable() and all(0 < len(word) <= width for word in words)


def render(parts: list[Any]) -> bytes:
    """Rich's objects as text for standard output: in colour on a terminal, unless NO_COLOR says otherwise."""
    from rich.console import Console

    terminal = os.isatty(1)
    console = Console(
        file=io.StringIO(),
        width=page_width(),
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        highlight=False,
        emoji=False,
        markup=False,
    )
    console.print(*parts, sep="\n")
    written = console.file
    assert isinstance(written, io.StringIO)
    lines = (line.rstrip() for line in written.getvalue().splitlines())
    return ("\n".join(lines) + "\n").encode(errors="replace")


def _panels(incidents: list[Incident], room: int) -> list[Any]:
    """Boxes and lines, `room` in all: as many boxes as leave room for a line on each of the next few; at least one."""
    from rich.text import Text

    boxes: list[Any] = []
    for incident in incidents:
        made = panel(incident)
        room -= render([made]).count(b"\n")
        after = len(incidents) - len(boxes) - 1
        if boxes and room < min(after, BRIEF + 1):
            room += render([made]).count(b"\n")
            break
        boxes.append(made)
    rest = incidents[len(boxes) :]
    fit = len(rest) if len(rest) <= room else max(0, room - 1)
    told = [Text(_cut(brief(incident), page_width())) for incident in rest[:fit]]
    if len(rest) > fit:
        told.append(Text(f"and {len(rest) - fit} more; --json lists them all", style="bold"))
    return boxes + told


def _nothing(summary: dict[str, Any]) -> tuple[str, str]:
    """What is said where no verdict fired: that nothing is wrong only as far as there was anything to judge by."""
    told = summary["wireverdict"]
    unread = sum("error" in file for file in told["files"])
    if not any(told["connections"].values()):
        return "Nothing was there to judge by.", "bold yellow"
    if unread:
        return (
            f"Nothing found in what could be read: {several(unread, 'file')} could not, wholly or in part.",
            "bold yellow",
        )
    return "Nothing found.", "bold green"


def _heading(summary: dict[str, Any]) -> list[str]:
    told, event = summary["wireverdict"], summary["event"]
    files = told["files"]
    name = os.path.basename(files[0]["path"]) if len(files) == 1 else f"{len(files)} files"
    name = "standard input" if name == "-" else printable(name)
    lines = [f"{name}: {several(told['packets'], 'packet')}"]
    if "start" in event:
        begin = event["start"][:19].replace("T", " ")
        lines += [f"{duration(event['duration'])} from {begin} UTC"]
        if len(joined := " in ".join(lines)) <= page_width():
            lines = [joined]
    kinds = told["connections"]
    listed = ", ".join(f"{count(number)} {kind}" for kind, number in kinds.items() if number)
    lines.append(several(sum(kinds.values()), "connection") + (f": {listed}" if listed else ""))
    dns = told["dns"]
    if dns["attempts"]:
        answered = share(dns["answered"] / dns["attempts"])
        told_of = f"{answered} answered, {count(dns['unanswered'])} not" if dns["unanswered"] else "none unanswered"
        lines.append(f"DNS: {several(dns['attempts'], 'query', 'queries')}, {told_of}")
    if told["interrupted"]:
        lines.append("Stopped before the end of the input.")
    left_out = {reason: number for reason, number in told["skipped"].items() if number}
    if left_out:
        worst = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{count(number)} {reason.replace('_', ' ')}" for reason, number in worst[:3])
        lines.append(f"Left out: {listed}" + (f" and {len(worst) - 3} for other reasons" if len(worst) > 3 else ""))
    return lines


def _top(rows: NDArray[np.void]) -> NDArray[np.void]:
    """The busiest connections, most bytes first; of equals, the one that came first."""
    octets = rows["source"]["bytes"] + rows["destination"]["bytes"]
    if len(rows) > 4 * BUSIEST:  # a cheap look first: sorting all would cost more than writing them out
        edge = np.partition(octets, len(octets) - BUSIEST)[len(octets) - BUSIEST]
        rows, octets = rows[octets >= edge], octets[octets >= edge]
    order = np.argsort(octets.max(initial=0) - octets, kind="stable")[:BUSIEST]
    return rows[order]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _table(rows: NDArray[np.void], width: int) -> list[str]:
    """The rows as lines of at most `width` columns; what is too long for the first column is cut."""
    room = width - 45

    def line(ends: str, *cells: str) -> str:
        state, packets, octets, lasted, rtt = cells
        return f"{_cut(ends, room):<{room}} {state:<6} {packets:>9} {octets:>7} {lasted:>11} {rtt:>7}"

    lines = [line("busiest connections", "state", "packets", "size", "lasted", "RTT")]
    for row, ends in zip(rows, endpoints(rows, source_ports=False), strict=True):
        source, destination = row["source"], row["destination"]
        answered = source if source["rtt_samples"] else destination
        lines.append(
            line(
                ends,
                STATES[min(int(row["state"]), len(STATES) - 1)],
                count(int(source["packets"] + destination["packets"])),
                size(int(source["bytes"] + destination["bytes"])),
                duration(int(row["last_ts"] - row["first_ts"])),
                duration(int(answered["rtt_p50"]) * 1000) if answered["rtt_samples"] else "",
            )
        )
    return lines
