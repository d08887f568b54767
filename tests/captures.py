"""Where the real captures are that tests read in place: a collection kept beside the checkout, never committed."""

from __future__ import annotations

import csv
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "captures"
"""Root of the collection; INDEX.tsv in it lists every file."""


def index() -> list[dict[str, str]]:
    """Rows of INDEX.tsv (path, size, link_type, packets, remark …)."""
    with (CAPTURES / "INDEX.tsv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def capture_files() -> list[Path]:
    """Every open capture, in a fixed order."""
    return [CAPTURES / row["path"] for row in index() if (CAPTURES / row["path"]).is_file()]
