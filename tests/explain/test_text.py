"""Explanations as people see them."""

from __future__ import annotations

import pytest

from tests.explain.real import FROM, fired
from wireverdict.explain.parts import Explanation
from wireverdict.explain.text import WIDTH, lines
from wireverdict.explain.verdict import explain
from wireverdict.settings import Settings

PARTS = ["The rule", "The numbers that decided", "What would have changed it", "What to check next"]


@pytest.mark.parametrize("rule", [*FROM, "capture-loss"])
def test_all_parts_are_there_and_lines_are_short(rule: str) -> None:
    document = fired(rule)
    told = lines(document, explain(document, Settings()))
    assert [line for line in told if line in PARTS] == PARTS
    assert rule in told[0]
    assert all(len(line) <= WIDTH + 60 for line in told)
    table = told[told.index(PARTS[1]) + 1 : told.index(PARTS[2]) - 1]
    assert all(line.startswith("  ") and ("  yes  " in line or "  no   " in line) for line in table)


def test_the_closest_call_is_named() -> None:
    document = fired("zero-window")
    told = "\n".join(lines(document, explain(document, Settings())))
    assert "The closest call: share of the time closed," in told


def test_without_numbers_there_is_no_table() -> None:
    told = lines(fired("zero-window"), Explanation(["Because."]))
    assert PARTS[1] not in told
    assert told[-4:] == ["  nothing is known", "", "What to check next", "  nothing is known"]
