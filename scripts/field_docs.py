"""Writes docs/fields.md: every field of what sinks deliver, with its type in Elasticsearch, whether ECS has it, and what it is.
Names and types are those of the table of fields and of the index templates; words are those of docs/output.md.

usage: python scripts/field_docs.py [--check]     (make config)
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.ecs_fields import leaves  # noqa: E402
from scripts.search_templates import KEYWORD, LONG, connections, verdicts  # noqa: E402

TARGET = ROOT / "docs" / "fields.md"
HEAD = """\
# Fields

Written by `scripts/field_docs.py` from the table of fields, the index templates and [output.md](output.md). *ECS* is the
level that the field has in the Elastic Common Schema {version}, with the same name and type; those without one are ours.
`scripts/ecs_fields.py` compares with a release of its definitions. ECS has dates where we have `date_nanos`, and floats where
we have doubles, which is the same to a search.
"""
PAGE = {
    "labels": {"type": "object"},
    **{f"wireverdict.page.{name}": KEYWORD for name in ("group", "sensors", "examples")},
    **{f"wireverdict.page.{name}": {"type": "object"} for name in ("rules", "held_back")},
    **{
        f"wireverdict.page.{name}": LONG
        for name in ("number", "subjects", "going_on", "over", "sensor_count", "returns", "pages")
    },
}
"""What pages have beyond verdicts; they are not indexed by our templates."""


def words(section: str) -> dict[str, str]:
    """What docs/output.md says about each field in one of its sections."""
    text = (
        (ROOT / "docs" / "output.md")
        .read_text(encoding="utf-8")
        .partition(f"\n## {section}\n")[2]
        .partition("\n## ")[0]
    )
    found: dict[str, str] = {}
    for line in text.splitlines():
        cells = line.strip("| ").split(" | ", 1)
        if line.startswith("| `") and len(cells) == 2:
            names, parts = re.findall(r"`([^`]+)`", cells[0]), cells[1].split(", ")
            each = (
                parts
                if len(parts) == len(names) and all(part.startswith("`") for part in parts)
                else [cells[1]] * len(names)
            )
            found |= dict(zip(names, each, strict=True))
    return found


def said(name: str, told: Mapping[str, str]) -> str:
    """What a field is. Raises KeyError for one that docs/output.md does not tell of."""
    if name.startswith("wireverdict.flags."):
        return "true, false, or null where the capture cannot tell"
    if name.startswith("wireverdict.unknown."):
        return f"why `wireverdict.flags.{name.rpartition('.')[2]}` is null"
    if name not in told and name.startswith("wireverdict.destination."):
        return "as `wireverdict.source`, for what the destination sent"
    return told[name]


def table(fields: Mapping[str, Mapping[str, Any]], told: Mapping[str, str]) -> str:
    """Rows for all."""
    known = json.loads((ROOT / "config" / "ecs.json").read_text(encoding="utf-8"))["fields"]
    rows = ["| field | type | ECS | what it is |", "|---|---|---|---|"]
    for name, field in fields.items():
        rows.append(f"| `{name}` | {field['type']} | {known.get(name, {}).get('level', '')} | {said(name, told)} |")
    return "\n".join(rows) + "\n"


def text() -> str:
    """The whole file."""
    version = json.loads((ROOT / "config" / "ecs.json").read_text(encoding="utf-8"))["version"]
    verdict = words("wireverdict.verdict")
    added = {"event.id": "a function of the content", "observer.name": "the sensor"}
    parts = [HEAD.format(version=version)]
    for title, fields, told in (
        ("wireverdict.connection", dict(leaves(connections())), {**words("wireverdict.connection"), **added}),
        ("wireverdict.verdict", dict(leaves(verdicts())), verdict),
        ("wireverdict.page, beyond those of its worst verdict", PAGE, {**words("wireverdict.page")}),
    ):
        typed = {name: kind if isinstance(kind, dict) else {"type": kind} for name, kind in fields.items()}
        parts.append(f"## {title}\n\n{table(typed, told)}")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the file, or with --check say whether it is as it should be."""
    if arguments == ["--check"]:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text() else 1
    TARGET.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
