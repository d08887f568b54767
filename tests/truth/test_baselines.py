"""Connections as other tools count them: every difference is listed with its reason, and every listed one is there."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.truth.comparisons import TOOLS
from tests.truth.differences import EXPLANATIONS, LIST, covers, known, report, stale, unexplained
from tests.truth.differences import Difference as Found

AT_LEAST = {"zeek": 115, "arkime": 84, "tcptrace": 16, "ndpi": 122}
"""Baselines of each tool in the collection that must have been compared."""


@pytest.mark.parametrize("tool", TOOLS)
def test_every_difference_has_a_reason(tool: str) -> None:
    compared = dict(TOOLS[tool]())
    found = [one for differences in compared.values() for one in differences]
    assert len(compared) >= AT_LEAST[tool]
    assert not unexplained(tool, found), report(unexplained(tool, found))
    assert not stale(tool, found), f"no longer different: {stale(tool, found)}"


def test_most_agree_in_everything() -> None:
    listed = {(tool, entry["baseline"]) for tool in TOOLS for entry in known(tool)}
    assert len(listed) < sum(AT_LEAST.values()) / 4


def test_reasons_are_explained() -> None:
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))
    reasons = {entry["reason"] for tool in TOOLS for entry in entries[tool]}
    reasons |= {reason for tool in entries["skipped"].values() for reason in tool.values()}
    sections = re.split(r"^## ", EXPLANATIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    mine = [section for section in sections if section.split("\n")[0].lower() in TOOLS]
    assert len(mine) == len(TOOLS)
    explained = set(re.findall(r"^- `([a-z-]+)`: ", "".join(mine), re.MULTILINE))
    assert reasons <= explained, f"not explained in docs/differences.md: {sorted(reasons - explained)}"
    assert explained <= reasons, f"explained but unused: {sorted(explained - reasons)}"


def test_an_entry_covers_its_own_difference_only() -> None:
    entry = {"baseline": "a/*", "connection": "tcp 1 > 2", "field": "pkts", "theirs": "1", "ours": "2", "reason": "x"}
    same = Found("zeek", "a/b", "tcp 1 > 2", "pkts", 1, 2)
    assert covers(entry, same)
    for other in (
        Found("zeek", "b/b", "tcp 1 > 2", "pkts", 1, 2),
        Found("zeek", "a/b", "tcp 1 > 3", "pkts", 1, 2),
        Found("zeek", "a/b", "tcp 1 > 2", "bytes", 1, 2),
        Found("zeek", "a/b", "tcp 1 > 2", "pkts", 1, 3),
        Found("zeek", "a/b", "tcp 1 > 2", "pkts", 2, 2),
    ):
        assert not covers(entry, other)
