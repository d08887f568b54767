"""The page that ``wireverdict backtest`` prints for people."""

from __future__ import annotations

import sys

from wireverdict.backtest import words
from wireverdict.backtest.result import Backtest

LISTED = 5
"""Differences that are listed."""
GROUPS = 8
"""Groups of labels that have lines of their own."""
RANGES = 4
"""Columns up to this one are shown with their ranges: the report and the JSON document have all of them."""
WIDTH = 130
"""Columns of the table, where the output is no terminal or a narrow one."""


def show(done: Backtest, report: str | None) -> None:
    """Print it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, soft_wrap=not sys.stdout.isatty())
    for line in words.heading(done):
        console.print(Text(line))
    if told := words.versions(done):
        console.print(Text(told, style="yellow"))
    for line in words.missing(done):
        console.print(Text(f"Missing: {line}", style="yellow"))
    for setting in done.varied:
        console.print(Text(f"{setting.key}: {', '.join(str(value) for value in setting.values)}", style="dim"))
    for result in done.results:
        rows = [words.row(score, score.name or "all") for score in result.scores if score.kind != "group"]
        groups = [words.row(score, score.name) for score in result.scores if score.kind == "group"]
        rows += groups if len(groups) <= GROUPS else []
        kept = words.columns(rows)
        table = Table(*(words.HEADS[n] for n in kept), box=None, pad_edge=False)
        table.columns[0].no_wrap, table.columns[0].min_width = True, max(len(row[0]) for row in rows)
        for row in rows:
            table.add_row(*(_short(row[n]) if n > RANGES else row[n] for n in kept))
        console.print()
        console.print(Text(result.config.name, style="italic"))
        Console(file=sys.stdout, highlight=False, width=max(console.width, WIDTH)).print(table)
        if len(groups) > GROUPS:
            console.print(Text(f"{len(groups)} groups of labels: see --json or --html", style="dim"))
    for comparison in done.comparisons:
        names = comparison.a, comparison.b
        console.print()
        console.print(Text(words.outcome(comparison), style="bold"))
        for one in comparison.told[:LISTED]:
            console.print(Text(f"  {words.title(one, names)}{'' if not one.place else f' ({one.place})'}"))
            for sentence in one.why:
                console.print(Text(f"    {sentence}", style="dim"))
        if len(comparison.found) > LISTED:
            console.print(Text(f"  and {len(comparison.found) - LISTED} more", style="dim"))
    if done.swept is not None:
        console.print()
        console.print(
            Text(("Suggested: " if done.swept.suggested is not None else "") + done.swept.reason, style="bold")
        )
    if report is not None:
        console.print(Text(f"Report: {report}"))


def _short(text: str) -> str:
    """A figure without its range."""
    return text.partition(" (")[0]
