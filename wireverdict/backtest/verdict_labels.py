"""Labels from incidents: verdicts that were told, as JSON lines, of which people have kept those that were right."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from typing import Any

DATASET = "wireverdict.verdict"


def are_verdicts(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether these are documents of ours, such as `analyze --json` prints, and no labels."""
    return any(isinstance(row.get("event"), dict) and "dataset" in row["event"] for row in rows)


def label_rows(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One label, as read from JSON, for each incident, in the order in which they fired: its subject and detector, from when
    the trouble began until it was last seen; open if it was not over. Other documents are passed over.

    Raises KeyError and TypeError for verdicts that lack something.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for document in documents:
        if document.get("event", {}).get("dataset") != DATASET:
            continue
        about, where = document["wireverdict"], document.get("observer", {}).get("name", "")
        row = found.setdefault((about["incident"], where), {})
        row.update(
            {
                "who": " > ".join((_end(document, "source"), _end(document, "destination"))),
                "what": document["rule"]["id"],
                "from": row.get("from", document["event"]["start"]),
                "to": document["event"]["end"] if about["status"] == "resolved" else None,
                "where": glob.escape(where),
                "note": f"verdict {about['incident']}",
            }
        )
    return list(found.values())


def _end(document: dict[str, Any], side: str) -> str:
    """As `who` has it; a port alone cannot be said there."""
    told = document.get(side, {})
    address, port = told.get("ip", ""), told.get("port", 0)
    if not address or not port:
        return str(address)
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
