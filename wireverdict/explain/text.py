"""An explanation as text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from wireverdict.explain.parts import Check, Explanation, shown

WIDTH = 100
RULE, NUMBERS = "The rule", "The numbers that decided"


def lines(document: dict[str, Any], made: Explanation) -> list[str]:
    """Title, rule, numbers, what would have changed it, what to check next."""
    mine = document["wireverdict"]
    told = [
        f"{mine['severity'].upper()} {mine['status']}: {document['rule']['name']} ({document['rule']['id']})",
        f"{mine['subject'] or 'everything captured'}, {mine['confidence']:.0%} sure, since {document['event']['start']}",
    ]
    for heading, texts in sections(made):
        told += [
            "",
            heading,
            *(_table(made.checks) if heading == NUMBERS else _texts(texts, "" if heading == RULE else "- ")),
        ]
    return told


def parts(document: dict[str, Any], made: Explanation) -> list[tuple[str, list[str]]]:
    """The same as headings and sentences, for whoever breaks lines by himself."""
    told = lines(document, Explanation([]))[:2]
    return [
        ("", told),
        *((heading, _table(made.checks) if heading == NUMBERS else texts) for heading, texts in sections(made)),
    ]


def sections(made: Explanation) -> list[tuple[str, list[str]]]:
    """Headings and sentences; below NUMBERS there is a table."""
    told = [(RULE, made.rule)]
    if made.checks:
        told.append((NUMBERS, []))
    told.append(("What would have changed it", [*_changes(made.checks), *made.changes]))
    told.append(("What to check next", made.next_steps))
    return told


def _texts(texts: Iterable[str], mark: str = "") -> list[str]:
    told: list[str] = []
    for text in texts:
        told += textwrap.wrap(text, WIDTH, initial_indent="  " + mark, subsequent_indent="  " + " " * len(mark))
    return told or ["  nothing is known"]


def _table(checks: list[Check]) -> list[str]:
    rows = [
        (c.what, shown(c.value, c.unit), f"{c.relation} {shown(c.bound, c.unit)}", "yes" if c.met else "no", c.setting)
        for c in checks
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"  {what:<{widths[0]}}  {value:>{widths[1]}}  {bound:<{widths[2]}}  {met:<{widths[3]}}  {setting}".rstrip()
        for what, value, bound, met, setting in rows
    ]


def _changes(checks: list[Check]) -> list[str]:
    """The comparison that was won by least, as a setting."""
    won = [check for check in checks if check.need and check.met and check.setting]
    if not won:
        return []
    nearest = min(won, key=lambda check: check.margin)
    return [
        f"The closest call: {nearest.what}, {shown(nearest.value, nearest.unit)}, had to be {nearest.relation} "
        f"{shown(nearest.bound, nearest.unit)} ({nearest.setting})."
    ]
