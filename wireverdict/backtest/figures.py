"""Figures of a backtest for its report: timelines and curves. Plotly figures as JSON texts; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import plotly.graph_objects as go

from wireverdict.backtest import words
from wireverdict.backtest.incidents import Incident
from wireverdict.backtest.intervals import Interval
from wireverdict.backtest.labels import Label
from wireverdict.backtest.result import Backtest
from wireverdict.backtest.sweep import Swept

SECOND = 1_000_000_000
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8c6d31")
"""Told apart by people of all kinds of colour vision (Okabe and Ito 2008)."""
GREY, RED, GREEN = "#9aa0a6", "#D55E00", "#009E73"
ROWS = 40
"""Subjects in the timelines; those with differences or errors first."""
UNIT = 60
"""Pixels of a unit of the timelines' rows; the following are in units."""
LANE, GAP, HEAD = 0.2, 0.14, 0.24
LETTERS = 60
"""Of a subject's name: what fits on a narrow screen."""
INK = "#1f2328"


def base(height: int, **layout: Any) -> go.Figure:
    """An empty figure that fits the page."""
    figure = go.Figure()
    figure.update_layout(
        template=None,
        height=height,
        autosize=True,
        margin={"l": 54, "r": 12, "t": 10, "b": 44},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="#fff",
        hoverlabel={"align": "left", "font": {"size": 12}},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        **layout,
    )
    figure.update_xaxes(gridcolor="#e4e7eb", zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor="#e4e7eb", zeroline=False, automargin=True)
    return figure


def timelines(done: Backtest) -> tuple[go.Figure, str]:
    """Verdicts of each configuration against labels, by subject; and a sentence on what is left out."""
    rows = _rows(done)
    shown = rows[:ROWS]
    lanes = [*(["label"] if done.labels else []), *(result.config.name for result in done.results)]
    several = len(done.source.places) > 1
    head = (2 if several else 1) * HEAD
    pitch = len(lanes) * LANE + head + GAP
    bars: dict[str, dict[str, list[Any]]] = {
        name: {"base": [], "x": [], "y": [], "text": [], "line": []} for name in lanes
    }
    figure = base(90 + round(len(shown) * pitch * UNIT), barmode="overlay", showlegend=True)
    ends = {place.name: (place.first, place.last) for place in done.source.places}
    for number, (place, rule, who) in enumerate(shown):
        top = number * pitch + head
        lines = [f"{rule}, {who}", *([f"<i>{_short(place)}</i>"] if several else [])]
        figure.add_annotation(
            x=0, xref="paper", xanchor="left", y=top + 0.08, yanchor="bottom", showarrow=False, align="left",
            text="<br>".join([_short(lines[0]), *lines[1:]]), font={"size": 11},
        )  # fmt: skip
        first, last = ends.get(place, (0, 0))
        for lane, held in enumerate(lanes):
            y = top + lane * LANE + 0.12
            if held == "label" and done.labels:
                found = [label for label in done.labels if _speaks(label, place, rule, who, done)]
                spans = [(label.begin or first, label.end or last, _label_text(label)) for label in found]
                marks = ["rgba(0,0,0,0)"] * len(spans)
            else:
                result = next(one for one in done.results if one.config.name == held)
                told = [
                    (incident, fate)
                    for incident, fate in zip(result.incidents, result.held.fate, strict=True)
                    if _key(incident) == (place, rule, who)
                ]
                spans = [
                    (i.fired, last if i.resolved is None else i.resolved, words.bar(i, fate if done.labels else ""))
                    for i, fate in told
                ]
                marks = [RED if fate == "wrong" and done.labels else "rgba(0,0,0,0)" for _, fate in told]
            for (begin, end, hover), mark in zip(spans, marks, strict=True):
                into = bars[held]
                into["base"].append(_when(begin, first, done.source.apart))
                into["x"].append(max(end - begin, SECOND) / (SECOND if done.source.apart else 1e6))
                into["y"].append(y)
                into["text"].append(hover)
                into["line"].append(mark)
    for lane, (held, values) in enumerate(bars.items()):
        colour = GREY if held == "label" and done.labels else COLOURS[(lane - bool(done.labels)) % len(COLOURS)]
        figure.add_bar(
            name=escape(held, quote=False), orientation="h", base=values["base"], x=values["x"], y=values["y"],
            width=LANE * 0.8, hovertext=values["text"], hoverinfo="text", textposition="none",
            marker={"color": colour, "line": {"color": values["line"], "width": 2}},
        )  # fmt: skip
    figure.update_yaxes(range=[max(len(shown), 1) * pitch, -0.05], visible=False)
    if done.source.apart:
        figure.update_xaxes(title="seconds since the capture's first packet", rangemode="tozero")
    else:
        figure.update_xaxes(type="date", title="packet time (UTC)")
        if done.source.last:
            figure.update_xaxes(range=[_when(done.source.first, 0, False), _when(done.source.last, 0, False)])
    figure.update_layout(margin={"l": 8, "r": 8})
    left_out = len(rows) - len(shown)
    return figure, f"{left_out:,} further subjects are not shown." if left_out else ""


def quality(done: Backtest) -> list[tuple[str, go.Figure]]:
    """With labels: precision against recall, and pages a day against recall; of each configuration and of a sweep's points."""
    if not done.labels:
        return []
    swept, rule = done.swept, done.swept.rule if done.swept is not None else ""
    made = []
    for title, name, label, top in (
        (f"Precision against recall{f' ({rule})' if rule else ''}", "precision", "precision", 1.04),
        (f"Pages a day against recall{f' ({rule})' if rule else ''}", "pages_per_day", "pages a day", None),
    ):
        figure = base(340)
        if swept is not None:
            y = [getattr(point, name).value for point in swept.points]
            x = [point.recall.value for point in swept.points]
            figure.add_scatter(
                x=x, y=y, mode="lines+markers" if len(swept.axes) == 1 else "markers", name="sweep",
                line={"color": GREY, "width": 1}, hovertext=[_values(swept, n) for n in range(len(x))],
                marker={"size": 8, "color": [GREEN if p.stable else GREY for p in swept.points]}, hoverinfo="text+x+y",
            )  # fmt: skip
        for number, result in enumerate(done.results):
            line = result.line(rule)
            recall, other = line.recall, getattr(line, name)
            if recall.value is None or other.value is None:
                continue
            figure.add_scatter(
                x=[recall.value], y=[other.value], mode="markers", name=escape(result.config.name, quote=False),
                error_x=_whiskers(recall), error_y=_whiskers(other),
                marker={"size": 12, "color": COLOURS[number % len(COLOURS)], "line": {"color": "#fff", "width": 1}},
            )  # fmt: skip
        figure.update_xaxes(title="recall", range=[-0.04, 1.04])
        figure.update_yaxes(title=label, range=[-0.04, top] if top else None, rangemode=None if top else "tozero")
        made.append((title, figure))
    return made


def curves(swept: Swept) -> list[tuple[str, go.Figure]]:
    """What a sweep's setting, or pair of settings, does to F1 and to the pages a day; with the stable region marked."""
    labelled = any(point.f1 for point in swept.points)
    if len(swept.axes) == 2:
        return [_map(swept, labelled)]
    axis = swept.axes[0]
    made = []
    shares = [("precision", COLOURS[0]), ("recall", COLOURS[1]), ("f1", COLOURS[2])]
    lines = [(f"Precision, recall and F1 by {axis.key}", shares)] if labelled else []
    for title, names in [*lines, (f"Pages a day by {axis.key}", [("pages_per_day", COLOURS[0])])]:
        figure = base(340)
        for name, colour in names:
            values = [getattr(point, name) for point in swept.points]
            if name in ("f1", "pages_per_day"):
                figure.add_scatter(
                    x=[*axis.values, *reversed(axis.values)], y=[v.high for v in values] + [v.low for v in values[::-1]],
                    fill="toself", fillcolor=_pale(colour), mode="none", hoverinfo="skip", showlegend=False,
                )  # fmt: skip
            figure.add_scatter(
                x=axis.values, y=[v.value for v in values], mode="lines+markers", line={"color": colour},
                name={"f1": "F1 (95 %)", "pages_per_day": "pages a day (95 %)"}.get(name, name),
            )  # fmt: skip
        for left, right in _runs(swept):
            figure.add_vrect(x0=left, x1=right, fillcolor=_pale(GREEN), layer="below", line_width=0)
        figure.add_vline(
            x=axis.now, line={"color": GREY, "dash": "dot"}, annotation={"text": "now", "font": {"size": 11}}
        )
        if swept.suggested is not None:
            figure.add_vline(
                x=swept.points[swept.suggested].values[0], line={"color": GREEN, "width": 2},
                annotation={"text": "suggested", "font": {"size": 11}, "y": 0.04, "yanchor": "bottom"},
            )  # fmt: skip
        figure.update_xaxes(title=axis.key)
        figure.update_yaxes(rangemode="tozero")
        made.append((title, figure))
    return made


def _map(swept: Swept, labelled: bool) -> tuple[str, go.Figure]:
    first, second = swept.axes
    name = "F1" if labelled else "pages a day"
    figure = base(420, showlegend=False)
    grid = [
        [_of(swept, i * len(second.values) + j, labelled) for i in range(len(first.values))]
        for j in range(len(second.values))
    ]
    figure.add_heatmap(
        x=[f"{value:g}" for value in first.values], y=[f"{value:g}" for value in second.values], z=grid,
        colorscale="Blues", colorbar={"title": {"text": name}, "thickness": 10},
    )  # fmt: skip
    stable = [point.values for point in swept.points if point.stable]
    figure.add_scatter(
        x=[f"{v[0]:g}" for v in stable], y=[f"{v[1]:g}" for v in stable], mode="markers", name="stable",
        marker={"symbol": "circle-open", "size": 12, "color": GREEN, "line": {"width": 2}},
    )  # fmt: skip
    if swept.suggested is not None:
        chosen = swept.points[swept.suggested].values
        figure.add_scatter(
            x=[f"{chosen[0]:g}"], y=[f"{chosen[1]:g}"], mode="markers", name="suggested",
            marker={"symbol": "star", "size": 16, "color": RED},
        )  # fmt: skip
    figure.update_xaxes(type="category", title=first.key)
    figure.update_yaxes(type="category", title=second.key)
    return f"{name} (circles: the stable region; star: suggested)", figure


def _of(swept: Swept, number: int, labelled: bool) -> float | None:
    point = swept.points[number]
    return point.f1.value if labelled else point.pages_per_day.value


def _rows(done: Backtest) -> list[tuple[str, str, str]]:
    """Subjects of all incidents: those with differences first, then those with errors, then by time."""
    apart = {(one.place, one.rule, one.who) for comparison in done.comparisons for one in comparison.found}
    rows: dict[tuple[str, str, str], tuple[bool, bool, int]] = {}
    for result in done.results:
        for incident, fate in zip(result.incidents, result.held.fate, strict=True):
            key = _key(incident)
            old = rows.get(key, (True, True, incident.fired))
            wrong = bool(done.labels) and fate == "wrong"
            rows[key] = key not in apart, old[1] and not wrong, min(old[2], incident.fired)
    return sorted(rows, key=lambda key: (rows[key], key))


def _key(incident: Incident) -> tuple[str, str, str]:
    return incident.place, incident.rule, incident.who


def _speaks(label: Label, place: str, rule: str, who: str, done: Backtest) -> bool:
    for result in done.results:
        for incident in result.incidents:
            if _key(incident) == (place, rule, who):
                return label.expect != "never" and label.concerns(incident)
    return False


def _label_text(label: Label) -> str:
    may = " (may be mentioned)" if label.expect == "may" else ""
    said = [f"{label.what}, {label.who}", label.note or label.group]
    return "<br>".join([f"<b>label</b>{may}", *(escape(line, quote=False) for line in said)])


def _short(text: str) -> str:
    return escape(text if len(text) <= LETTERS else text[: LETTERS - 1] + "…", quote=False)


def _when(ns: int, first: int, apart: bool) -> Any:
    if apart:
        return (ns - first) / SECOND
    return datetime.fromtimestamp(ns / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def _whiskers(interval: Interval) -> dict[str, Any]:
    assert interval.value is not None
    assert interval.low is not None
    assert interval.high is not None
    up, down = interval.high - interval.value, interval.value - interval.low
    return {"type": "data", "symmetric": False, "array": [up], "arrayminus": [down], "thickness": 1, "width": 3}


def _values(swept: Swept, number: int) -> str:
    return "<br>".join(
        f"{axis.key} = {value:g}" for axis, value in zip(swept.axes, swept.points[number].values, strict=True)
    )


def _runs(swept: Swept) -> list[tuple[float, float]]:
    """Stretches of the axis that are stable; half-way to the next point where there is one."""
    values, stable = swept.axes[0].values, [point.stable for point in swept.points]
    runs = []
    for number, inside in enumerate(stable):
        if not inside:
            continue
        left = values[number] if number == 0 else (values[number - 1] + values[number]) / 2
        right = values[number] if number + 1 == len(values) else (values[number] + values[number + 1]) / 2
        runs.append((left, right))
    return _joined(runs)


def _joined(runs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for left, right in runs:
        if joined and joined[-1][1] >= left:
            joined[-1] = joined[-1][0], right
        else:
            joined.append((left, right))
    return joined


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"
