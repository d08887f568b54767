"""Compares the names that we took from the Elastic Common Schema with its definitions, and writes those that we use, with
their types and levels, to config/ecs.json: what docs/fields.md and the tests go by.

usage: python scripts/ecs_fields.py FIELDS.csv     (generated/csv/fields.csv of a release of github.com/elastic/ecs)
       python scripts/ecs_fields.py --check        (our templates against config/ecs.json, without the definitions)
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.search_templates import connections, verdicts

TARGET = Path(__file__).resolve().parents[1] / "config" / "ecs.json"
OWN = ("wireverdict.", "flow.")
"""Objects that ECS does not know: ours."""
SAME = {"date_nanos": "date", "double": "float", "constant_keyword": "keyword"}
"""Types of the same family, by which ECS types may be refined."""


def leaves(mapping: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and types in an index mapping; objects whose names are free are leaves."""
    for name, field in mapping["properties"].items():
        if "properties" in field:
            yield from leaves(field, f"{path}{name}.")
        else:
            yield f"{path}{name}", field["type"]


def used() -> dict[str, str]:
    """Every indexed field outside our own objects, and its type."""
    made = {"labels": "object"}  # of pages
    for mapping in (connections(), verdicts()):
        made |= {name: kind for name, kind in leaves(mapping) if not name.startswith(OWN)}
    return dict(sorted(made.items()))


def wrong(known: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Sentences about names that ECS does not have, or has with another type."""
    told = []
    for name, kind in used().items():
        if name not in known:
            told.append(f"{name} is not in ECS")
        elif SAME.get(kind, kind) != known[name]["type"]:
            told.append(f"{name} is {kind} here and {known[name]['type']} in ECS")
    return told


def definitions(lines: Iterable[str]) -> tuple[str, dict[str, dict[str, str]]]:
    """The version, and type and level of each field, of a file as ECS generates it."""
    rows = list(csv.DictReader(lines))
    known = {row["Field"]: {"type": row["Type"], "level": row["Level"]} for row in rows}
    return rows[0]["ECS_Version"], known


def main(arguments: list[str]) -> int:
    """0 if all is as it should be; what is not is told."""
    if arguments == ["--check"]:
        told = wrong(json.loads(TARGET.read_text(encoding="utf-8"))["fields"])
    elif len(arguments) == 1:
        with open(arguments[0], encoding="utf-8", newline="") as file:
            version, known = definitions(file)
        told = wrong(known)
        if not told:
            kept = {name: known[name] for name in used()}
            TARGET.write_text(json.dumps({"version": version, "fields": kept}, indent=2) + "\n", encoding="utf-8")
    else:
        print(__doc__)
        return 2
    for sentence in told:
        print(sentence)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
