"""The report of a backtest: one HTML file that needs nothing else, neither a network nor another file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib import resources

from plotly.offline import get_plotlyjs

import wireverdict
from wireverdict.backtest import figures, plots, words
from wireverdict.backtest.diff import Difference
from wireverdict.backtest.result import Backtest, Comparison
from wireverdict.backtest.story import Plot
from wireverdict.output.units import moment

LABELS = 200
"""Labels that are listed one by one."""
GROUPS = 8
"""Groups of labels that are shown without being asked for."""


def page(done: Backtest) -> str:
    """The report's HTML. The same backtest gives the same bytes."""
    body = _Body()
    body.add("<header><h1>Backtest</h1>")
    body.add("".join(f"<p>{_e(line)}</p>" for line in words.heading(done)))
    body.add(f"<p class=dim>{_e(', '.join(done.source.spec))}</p></header>")
    _missing(body, done)
    _summary(body, done)
    _timelines(body, done)
    _sweep(body, done)
    for comparison in done.comparisons:
        _comparison(body, comparison)
    _labels(body, done)
    body.add(f"<footer><p>{_e(METHOD)}</p><p>wireverdict {wireverdict.__version__}</p></footer>")
    style = resources.files("wireverdict.backtest").joinpath("report.css").read_text(encoding="utf-8")
    script = resources.files("wireverdict.backtest").joinpath("report.js").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Backtest: {_e(' against '.join(one.config.name for one in done.results))}</title>"
        f"<style>{style}</style></head>\n<body><main>\n{body.text()}\n</main>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{script}</script>\n</body></html>\n"
    )


METHOD = (
    "A verdict is right if it fired within a label that concerns it; precision counts verdicts, recall counts labels. "
    "Ranges are 95 %: of shares by Wilson's score interval (1927), of pages a day by Byar's approximation to the exact Poisson "
    "interval, of F1 by Goutte and Gaussier (2005), of medians by bootstrap (2,000 resamples, percentiles). Times to detect "
    "and to resolve are medians, and end when people are told, at the end of a window. Pages are verdicts that fire, get worse "
    "or are repeated."
)


class _Body:
    """Parts of the page, and the figures in them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._figures = 0

    def add(self, text: str) -> None:
        self._parts.append(text)

    def figure(self, title: str, made: object, note: str = "", css: str = "") -> None:
        """A figure with its title; drawn by report.js."""
        self._figures += 1
        data = made.to_json().replace("</", "<\\/")  # type: ignore[attr-defined]
        height = made.layout.height  # type: ignore[attr-defined]
        self.add(
            f'<figure class="{css}"><figcaption>{_e(title)}</figcaption>'
            f'<div class="plot" id="plot-{self._figures}" style="height:{height}px"></div>'
            f'<script type="application/json" data-for="plot-{self._figures}">{data}</script>'
            + (f"<p class=dim>{_e(note)}</p>" if note else "")
            + "</figure>"
        )

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]], css: str = "") -> None:
        """A table that scrolls by itself where the page is narrow."""
        head = "".join(f"<th>{_e(text)}</th>" for text in heads)
        lines = "".join(
            "<tr>"
            + "".join(f"<td{' class=first' if not n else ''}>{_e(text)}</td>" for n, text in enumerate(row))
            + "</tr>"
            for row in rows
        )
        table = f'<table class="{css}"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
        self.add(f'<div class="scroll" tabindex="0">{table}</div>')

    def text(self) -> str:
        return "\n".join(self._parts)


def _missing(body: _Body, done: Backtest) -> None:
    said = words.missing(done)
    if told := words.versions(done):
        said.append(told)
    if not said:
        body.add('<p class="whole">Nothing is known to be missing from the source.</p>')
        return
    listed = "".join(f"<li>{_e(line)}</li>" for line in said)
    body.add(f'<section class="missing" id="missing"><h2>What is missing</h2><ul>{listed}</ul></section>')


def _summary(body: _Body, done: Backtest) -> None:
    body.add('<section id="summary"><h2>Summary</h2>')
    for comparison in done.comparisons:
        body.add(f"<p><strong>{_e(words.outcome(comparison))}</strong></p>")
    if done.varied:
        names = [result.config.name for result in done.results]
        rows = [[one.key, *(words.value(value) for value in one.values)] for one in done.varied]
        body.table(["setting", *names], rows, "settings")
    _scores(body, done, [line for line in _lines(done) if line[0] != "group"])
    groups = [line for line in _lines(done) if line[0] == "group"]
    if groups:
        body.add(
            f"<details{' open' if len(groups) <= GROUPS else ''}><summary>By group of labels ({len(groups)})</summary>"
        )
        _scores(body, done, groups)
        body.add("</details>")
    if done.source.days < 1:
        body.add(
            "<p class=dim>Less than a day was watched: pages a day are what it would be if it went on like that.</p>"
        )
    curves = figures.quality(done)
    if curves:
        body.add('<div class="grid">')
        for title, figure in curves:
            body.figure(title, figure)
        body.add("</div>")
    body.add("</section>")


def _lines(done: Backtest) -> list[tuple[str, str]]:
    """Kind and name of the table's lines: those of any configuration."""
    found = dict.fromkeys((line.kind, line.name) for result in done.results for line in result.scores)
    return sorted(found, key=lambda key: (("all", "rule", "group").index(key[0]), key[1] if key[0] == "rule" else ""))


def _scores(body: _Body, done: Backtest, lines: Sequence[tuple[str, str]]) -> None:
    rows = []
    for kind, name in lines:
        for result in done.results:
            said = "all" if kind == "all" else name
            if len(done.results) > 1:
                said += f" · {result.config.name}"
            rows += [words.row(line, said) for line in result.scores if (line.kind, line.name) == (kind, name)]
    kept = words.columns(rows)
    body.table([words.HEADS[n] for n in kept], [[row[n] for n in kept] for row in rows], "scores")


def _timelines(body: _Body, done: Backtest) -> None:
    if not any(result.incidents for result in done.results):
        body.add('<section id="timelines"><h2>Verdicts over time</h2><p>No verdict fired.</p></section>')
        return
    body.add('<section id="timelines"><h2>Verdicts over time</h2>')
    figure, left_out = figures.timelines(done)
    wrong = "A red edge: wrong by the labels. " if done.labels else ""
    body.figure(
        "From when people were told that there is trouble until they were told that it is over",
        figure,
        wrong + left_out,
    )
    body.add("</section>")


def _sweep(body: _Body, done: Backtest) -> None:
    if done.swept is None:
        return
    body.add('<section id="sweep"><h2>Sweep</h2>')
    suggested = "<strong>Suggested:</strong> " if done.swept.suggested is not None else ""
    body.add(f'<p class="reason">{suggested}{_e(done.swept.reason)}</p><div class="grid">')
    for title, figure in figures.curves(done.swept):
        body.figure(title, figure)
    body.add("</div><details><summary>All points</summary>")
    rows = [
        [
            *(f"{value:g}" for value in point.values),
            words.figure(point.precision),
            words.figure(point.recall),
            words.figure(point.f1),
            words.seconds(point.detect),
            words.per_day(point.pages_per_day),
            "yes" if point.stable else "",
        ]
        for point in done.swept.points
    ]
    heads = ["precision", "recall", "F1", "time to detect", "pages/day", "stable"]
    body.table([*(axis.key for axis in done.swept.axes), *heads], rows)
    body.add("</details></section>")


def _comparison(body: _Body, comparison: Comparison) -> None:
    names = comparison.a, comparison.b
    body.add(f'<section class="comparison"><h2>{_e(comparison.a)} against {_e(comparison.b)}</h2>')
    body.add(f"<p>{_e(words.outcome(comparison))}</p>")
    if len(comparison.found) > len(comparison.told):
        body.add(f"<p>The {len(comparison.told)} most interesting ones, with the story that the packets tell:</p>")
    stories = comparison.plots or [[] for _ in comparison.told]
    for number, (one, drawn) in enumerate(zip(comparison.told, stories, strict=True), 1):
        _difference(body, number, one, names, drawn)
    if len(comparison.found) > len(comparison.told):
        told = {(one.place, one.fingerprint, one.incident.fired, one.kind) for one in comparison.told}
        others = [
            one for one in comparison.found if (one.place, one.fingerprint, one.incident.fired, one.kind) not in told
        ]
        body.add(f"<details><summary>The other {len(others)}</summary>")
        body.table(
            ["difference", "where", "told"],
            [[words.title(one, names), one.place, moment(one.incident.fired)] for one in others[:500]],
        )
        body.add("</details>")
    body.add("</section>")


def _difference(body: _Body, number: int, one: Difference, names: tuple[str, str], drawn: Sequence[Plot]) -> None:
    body.add(f'<article class="difference"><h3>{number}. {_e(words.title(one, names))}</h3>')
    body.add(f'<p class="dim">{_e(one.place)}</p>')
    if one.why:
        body.add("<ul>" + "".join(f"<li>{_e(sentence)}</li>" for sentence in one.why) + "</ul>")
    body.table(["", *names], words.changes(one, names), "changes")
    evidence = words.evidence(one)
    if evidence:
        body.add(f"<details><summary>Evidence ({len(evidence)} values)</summary>")
        body.table(["evidence", *names], evidence)
        body.add("</details>")
    for plot in drawn:
        body.figure(plot.title, plots.draw(plot, _marks(one, names)), plot.note)
    body.add("</article>")


def _marks(one: Difference, names: tuple[str, str]) -> list[tuple[str, int]]:
    """When each side told it."""
    told = [(name, side.fired) for name, side in zip(names, (one.a, one.b), strict=True) if side is not None]
    if len(told) == 2 and told[0][1] == told[1][1]:
        return [("told by both", told[0][1])]
    return [(f"told by {name}", at) for name, at in told]


def _labels(body: _Body, done: Backtest) -> None:
    if not done.labels:
        return
    names = [result.config.name for result in done.results]
    rows = []
    for number, label in enumerate(done.labels[:LABELS]):
        found = [words.found(result.held.outcomes[number], label.expect) for result in done.results]
        times = [moment(at) if at is not None else "" for at in (label.begin, label.end)]
        rows.append([label.what, label.who, label.where, *times, label.expect, *found])
    body.add(f'<section id="labels"><h2>Labels</h2><details><summary>All {len(done.labels):,}, one by one</summary>')
    body.table(["what", "who", "where", "from", "to", "expected", *names], rows)
    if len(done.labels) > LABELS:
        body.add(f"<p class=dim>{len(done.labels) - LABELS:,} further ones are in the JSON document only.</p>")
    body.add("</details></section>")


def _e(text: str) -> str:
    return html.escape(text)
