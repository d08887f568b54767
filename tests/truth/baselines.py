"""Where baselines are and which captures they are about."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tests.captures import CAPTURES

FOLDER = CAPTURES / "baselines"


@dataclass(frozen=True, slots=True)
class Baseline:
    """One file of expected output. `name` is its path without the source project's folder."""

    name: str
    path: Path
    captures: tuple[Path, ...]
    made_by: str


def baselines(project: str) -> list[Baseline]:
    """All of one source project."""
    with (FOLDER / "MAP.tsv").open(newline="", encoding="utf-8") as table:
        rows = [
            row for row in csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0].startswith(project + "/")
        ]
    return [
        Baseline(
            row[0].removeprefix(project + "/"), FOLDER / row[0], tuple(CAPTURES / one for one in row[1].split()), row[2]
        )
        for row in rows
    ]
