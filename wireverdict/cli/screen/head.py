"""The first lines of the screen: what is watched, how much comes, what is lost, what is wrong."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from wireverdict.output.panels import brief
from wireverdict.output.units import count, scaled, several
from wireverdict.verdicts import Severity
from wireverdict.watch.lines import losses
from wireverdict.watch.listing import cut
from wireverdict.watch.picture import Picture
from wireverdict.watch.tables import clock

BLOCKS = " ▁▂▃▄▅▆▇█"
_COLOURS = {Severity.CRITICAL: "bold #ffffff on #a02020", Severity.WARNING: "bold #000000 on #d7af00"}


class Head(Static):
    """Three lines."""

    def show(self, source: str, picture: Picture | None, mode: str, notice: str) -> None:
        """`mode`: such as "paused". `notice`: a warning of the source, shown instead of verdicts that there are not."""
        width = self.size.width
        if picture is None:
            self.update(Text(f" wireverdict watch  {source}\n {notice or 'waiting for packets'}"))
            return
        self.update(
            Text("\n").join([top(source, picture, mode, width), middle(picture, width), state(picture, notice, width)])
        )


def top(source: str, picture: Picture, mode: str, width: int) -> Text:
    """Name and time."""
    right = f"{mode}  " * bool(mode) + (f"{clock(picture.now)} UTC " if picture.packets else "")
    left = cut(f" wireverdict watch  {source}", width - len(right) - 1)
    text = Text(left.ljust(width - len(right)), "bold #ffffff on #1c222a")
    text.append(right, "bold #ffd75f on #1c222a" if mode else "#8a8a8a on #1c222a")
    text.truncate(width)
    return text


def middle(picture: Picture, width: int) -> Text:
    """Rate, its history, totals, losses."""
    rate = f" {count(round(picture.packet_rate))} packets/s  {scaled(picture.bit_rate, 'bit/s')}"
    lost = losses(picture.losses)
    whole = f"{several(picture.packets, 'packet')}  {count(picture.open)} connections open"
    if len(rate) + len(lost) + len(whole) + 12 > width:
        whole = f"{several(picture.packets, 'packet')}"
    text = Text(rate, "bold #ffffff")
    room = width - len(rate) - len(lost) - len(whole) - 8
    if room >= 8:
        text.append(f"  {spark(picture.history[-min(room, 60) :])}", "#5fafff")
    text.append(f"  {whole}", "#d0d0d0")
    missing = picture.losses.dropped or picture.losses.sampled_out
    text.append(f"  {lost}", "bold #ff6b6b" if missing else "#5fd787")
    text.truncate(width, overflow="ellipsis")
    return text


def state(picture: Picture, notice: str, width: int) -> Text:
    """What is wrong, in a line: the gravest trouble that goes on."""
    firing = picture.firing
    if firing:
        more = f" and {len(firing) - 1} more" if len(firing) > 1 else ""
        colour = _COLOURS.get(firing[0].worst.severity, "bold #ffffff on #1f5f8b")
        return Text(cut(f" ● {brief(firing[0])}", width - len(more)) + more, colour)
    if notice:
        return Text(cut(f" ▲ {notice}", width), "#ffd75f")
    if picture.incidents:
        over = len(picture.incidents)
        return Text(cut(f" ○ nothing goes wrong now; {several(over, 'verdict')} in the past", width), "#5fd787")
    if not picture.windows and not picture.over:
        return Text(cut(" ○ nothing judged yet", width), "#8a8a8a")
    return Text(cut(" ○ nothing found" + ("" if picture.over else " so far"), width), "#5fd787")


def spark(numbers: list[int]) -> str:
    """A line of blocks, the highest for the greatest number."""
    most = max(numbers, default=0)
    if not most:
        return BLOCKS[0] * len(numbers)
    return "".join(BLOCKS[-(-number * (len(BLOCKS) - 1) // most)] for number in numbers)
