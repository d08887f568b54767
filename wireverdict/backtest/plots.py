"""Figures of a difference's packets (`wireverdict.backtest.story`), for the report."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from wireverdict.backtest.figures import COLOURS, GREEN, GREY, RED, base
from wireverdict.backtest.story import Plot

SECOND = 1_000_000_000
WHERE = {"answered": GREEN, "late": COLOURS[1], "unanswered": RED, "answers without a question": GREY}


def draw(plot: Plot, marks: list[tuple[str, int]]) -> go.Figure:
    """The figure of a plot. `marks`: what to mark at which times (ns)."""
    figure = {"sequence": _sequence, "rtt": _round_trips, "exchanges": _exchanges, "packets": _packets}[plot.kind](plot)
    if plot.kind != "rtt":
        for name, at in marks:
            figure.add_vline(
                x=(at - plot.zero) / SECOND, line={"color": "#57606a", "dash": "dot", "width": 1},
                annotation={"text": escape(name, quote=False), "font": {"size": 10}},
            )  # fmt: skip
        figure.update_xaxes(title="seconds")
    if plot.kind == "sequence":  # marks may lie far from what is shown
        times = [at for name in ("data", "again") for at in plot.series[name][0]]
        room = max((max(times) - min(times)) * 0.02, 0.01)
        figure.update_xaxes(range=[min(times) - room, max(times) + room])
    return figure


def _sequence(plot: Plot) -> go.Figure:
    """As tcptrace draws it: data as bars from their first to their last byte, acknowledgements and the window as stairs."""
    series, figure = plot.series, base(400)
    for name, label, colour in (("data", "data", "#1f2328"), ("again", "sent again", RED)):
        x, y = _bars(*series[name])
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            name=label,
            line={"color": colour, "width": 2},
            marker={"size": 2},
            hoverinfo="x+y+name",
        )
    if series["again"][0]:
        figure.add_scatter(
            x=series["again"][0], y=series["again"][2], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"symbol": "diamond", "size": 5, "color": RED},
        )  # fmt: skip
    for name, label, colour in (("ack", "acknowledged", GREEN), ("window", "receiver's window", COLOURS[1])):
        figure.add_scatter(
            x=series[name][0], y=series[name][1], mode="lines", name=label, hoverinfo="x+y+name",
            line={"color": colour, "width": 1.2, "shape": "hv"},
        )  # fmt: skip
    if series["sack"][0]:
        x, y = _bars(*series["sack"])
        figure.add_scatter(
            x=x, y=y, mode="lines", name="SACK", line={"color": COLOURS[3], "width": 1}, opacity=0.4, hoverinfo="x+name"
        )
    tops = [last for name in ("data", "again") for last in series[name][2]]
    lows = [first for name in ("data", "again") for first in series[name][1]]
    room = max(max(tops) - min(lows), 1) * 0.08
    figure.update_yaxes(title="bytes", range=[min(lows) - room, max(tops) + 2 * room])
    return figure


def _round_trips(plot: Plot) -> go.Figure:
    figure = base(340)
    for name, label, colour in (
        ("far", "capture point to receiver", COLOURS[0]),
        ("near", "capture point to sender", COLOURS[1]),
    ):
        if plot.series[f"{name}_rtt"]:
            figure.add_scatter(
                x=plot.series[f"{name}_flight"], y=plot.series[f"{name}_rtt"], mode="markers", name=label,
                marker={"size": 5, "color": colour, "opacity": 0.55},
            )  # fmt: skip
    figure.update_xaxes(title="bytes in flight", rangemode="tozero")
    figure.update_yaxes(title="round trip (ms)", rangemode="tozero")
    return figure


def _exchanges(plot: Plot) -> go.Figure:
    figure = base(320, barmode="stack", bargap=0)
    for name, colour in WHERE.items():
        if any(plot.series.get(name, ())):
            figure.add_bar(
                x=[second + 0.5 for second in plot.series["second"]], y=plot.series[name], name=name, width=1,
                marker={"color": colour, "line": {"width": 0}},
            )  # fmt: skip
    figure.update_yaxes(title="a second", rangemode="tozero")
    return figure


def _packets(plot: Plot) -> go.Figure:
    figure = base(300)
    for number, name in enumerate(("from it", "to it")):
        figure.add_scatter(
            x=plot.series["second"],
            y=plot.series[name],
            name=name,
            mode="lines",
            line={"color": COLOURS[number], "shape": "hv"},
        )
    figure.update_yaxes(title="packets a second", rangemode="tozero")
    return figure


def _bars(times: list[float], low: list[float], high: list[float]) -> tuple[list[Any], list[Any]]:
    """Upright bars as one line that is broken between them."""
    x: list[Any] = []
    y: list[Any] = []
    for at, bottom, top in zip(times, low, high, strict=True):
        x += [at, at, None]
        y += [bottom, top, None]
    return x, y
