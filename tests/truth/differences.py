"""Differences between wireverdict and other tools: found by the tests here, each listed with its reason or a failure.

known_differences.toml has one entry a difference: tool, baseline, connection and field (fnmatch patterns), what they
say and what we say (left out where a pattern covers many), and a reason code. The codes are explained in
docs/differences.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

LIST = Path(__file__).with_name("known_differences.toml")
EXPLANATIONS = Path(__file__).resolve().parents[2] / "docs" / "differences.md"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value on which a baseline and we do not agree."""

    tool: str
    baseline: str
    connection: str
    field: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.baseline}: {self.connection}: {self.field}: theirs {self.theirs!r}, ours {self.ours!r}"

    def entry(self) -> str:
        """The line for known_differences.toml, reason still to be found."""
        return (
            f'{{ baseline = "{self.baseline}", connection = "{self.connection}", field = "{self.field}", '
            f'theirs = "{self.theirs}", ours = "{self.ours}", reason = "?" }},'
        )


def known(tool: str) -> list[dict[str, str]]:
    """Entries of the list for one tool."""
    entries: list[dict[str, str]] = tomllib.loads(LIST.read_text(encoding="utf-8")).get(tool, [])
    return entries


def skipped(tool: str) -> dict[str, str]:
    """Baselines that are not compared, with the reason."""
    listed: dict[str, dict[str, str]] = tomllib.loads(LIST.read_text(encoding="utf-8")).get("skipped", {})
    return listed.get(tool, {})


def covers(entry: dict[str, str], found: Difference) -> bool:
    """Whether an entry of the list is about this difference."""
    return (
        fnmatchcase(found.baseline, entry["baseline"])
        and fnmatchcase(found.connection, entry.get("connection", "*"))
        and fnmatchcase(found.field, entry["field"])
        and str(found.theirs) == entry.get("theirs", str(found.theirs))
        and str(found.ours) == entry.get("ours", str(found.ours))
    )


def unexplained(tool: str, found: Iterable[Difference]) -> list[Difference]:
    """Differences that no entry covers."""
    entries = known(tool)
    return [one for one in found if not any(covers(entry, one) for entry in entries)]


def stale(tool: str, found: Iterable[Difference]) -> list[dict[str, str]]:
    """Entries that no longer cover anything."""
    everything = list(found)
    return [entry for entry in known(tool) if not any(covers(entry, one) for one in everything)]


def report(found: Iterable[Difference]) -> str:
    """All of them for a failure message, with lines to copy into the list."""
    everything = list(found)
    return f"{len(everything)} differences without a reason:\n" + "\n".join(one.entry() for one in everything)
