"""Writes config/elasticsearch and config/opensearch: templates for connection records, verdicts and incidents, made from the
table of fields, so that what is written can be searched.

usage: python scripts/search_templates.py [--check]     (make config)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from wireverdict.output.fields import FIELDS, FLAGS, Field, Kind

CONFIG = Path(__file__).resolve().parents[1] / "config"
NUMBERS = {Kind.INTEGER, Kind.POSITIVE, Kind.SUM, Kind.DURATION}
MILLIS = {Kind.MILLIS, Kind.MILLIS_NS}
KEYWORD = {"type": "keyword", "ignore_above": 1024}
TIME = {"type": "date_nanos"}
LONG, DOUBLE, BOOLEAN, ADDRESS = {"type": "long"}, {"type": "double"}, {"type": "boolean"}, {"type": "ip"}
TEXT = {"type": "text"}
OBSERVER = {"properties": {"name": KEYWORD}}
END = {"properties": {"ip": ADDRESS, "port": LONG}}
OPEN = {"type": "object", "dynamic": True}
"""What detectors say: each has its own names."""
DYNAMIC = [
    {"whole": {"match_mapping_type": "long", "mapping": DOUBLE}},  # 1 in one document and 0.5 in the next
    {"number": {"match_mapping_type": "double", "mapping": DOUBLE}},
    {"words": {"match_mapping_type": "string", "mapping": KEYWORD}},
]


def mapping(field: Field) -> dict[str, Any]:
    """How a field is indexed."""
    if field.kind in NUMBERS:
        return LONG
    if field.kind in MILLIS:
        return DOUBLE
    if field.kind == Kind.TIME:
        return TIME
    if field.kind == Kind.ADDRESS:
        return ADDRESS
    if field.kind in (Kind.BOOLEAN, Kind.FLAG):
        return BOOLEAN
    if field.kind == Kind.REASONS:
        return {"properties": dict.fromkeys(FLAGS, KEYWORD)}
    return KEYWORD


def connections() -> dict[str, Any]:
    """Mappings of connection records; what a later version adds is kept, and not indexed."""
    root: dict[str, Any] = {}
    added = (Field("event.id", Kind.ID), Field("observer.name", Kind.CONSTANT))
    for field in (*FIELDS, *added):
        *path, name = field.name.split(".")
        place = root
        for part in path:
            place = place.setdefault(part, {"properties": {}})["properties"]
        place[name] = mapping(field)
    return {"dynamic": False, "properties": root}


def verdicts() -> dict[str, Any]:
    """Mappings of verdicts: the schema of docs/output.md, and whatever evidence detectors give."""
    event = dict.fromkeys(("kind", "dataset", "id"), KEYWORD) | dict.fromkeys(("severity", "duration"), LONG)
    own = dict.fromkeys(("status", "step", "fingerprint", "incident", "subject", "severity"), KEYWORD)
    words = {"confidence": DOUBLE, "reason": TEXT, "remedy": TEXT, "evidence": OPEN, "capture_quality": OPEN}
    return {
        "dynamic": False,
        "date_detection": False,
        "dynamic_templates": DYNAMIC,
        "properties": {
            "@timestamp": TIME,
            "event": {"properties": {**event, "start": TIME, "end": TIME}},
            "rule": {"properties": {"id": KEYWORD, "name": KEYWORD}},
            "source": END,
            "destination": END,
            "network": {"properties": {"transport": KEYWORD}},
            "observer": OBSERVER,
            "wireverdict": {"properties": {**own, **words}},
        },
    }


def files(product: str) -> dict[str, dict[str, Any]]:
    """Every file of a product, by its path below config/."""
    elastic = product == "elasticsearch"
    settings: dict[str, Any] = {
        "index": {"codec": "best_compression", "number_of_shards": 1, "auto_expand_replicas": "0-1"}
    }
    if elastic:  # a detector with endless names must not make documents fail
        settings["index"]["mapping"] = {"total_fields": {"ignore_dynamic_beyond_limit": True}}
    made: dict[str, dict[str, Any]] = {
        "_component_template/wireverdict-settings": {"template": {"settings": settings}},
        "_component_template/wireverdict-connection": {"template": {"mappings": connections()}},
        "_component_template/wireverdict-verdict": {"template": {"mappings": verdicts()}},
    }
    common = ["wireverdict-settings"]
    streams = list(common)
    if elastic:
        made["_component_template/wireverdict-lifecycle"] = {"template": {"lifecycle": {"data_retention": "30d"}}}
        streams.append("wireverdict-lifecycle")
    for kind in ("connection", "verdict"):
        made[f"_index_template/wireverdict-{kind}"] = {
            "index_patterns": [f"logs-wireverdict.{kind}-*"],
            "priority": 200,
            "data_stream": {},
            "composed_of": [*streams, f"wireverdict-{kind}"],
            "template": {},
            "_meta": {"description": f"wireverdict {kind}s"},
        }
    made["_index_template/wireverdict-incidents"] = {
        "index_patterns": ["wireverdict-incidents-*"],
        "priority": 200,
        "composed_of": [*common, "wireverdict-verdict"],
        "template": {},
        "_meta": {"description": "the latest state of each incident, one document for an incident"},
    }
    if not elastic:
        made["_plugins/_ism/policies/wireverdict"] = {"policy": policy()}
    return {f"{product}/{name}.json": body for name, body in made.items()}


def policy() -> dict[str, Any]:
    """Of OpenSearch's index state management, in place of a data stream's lifecycle: a backing index for each day or 50 GB,
    and none after 30 days."""
    rollover = {"rollover": {"min_index_age": "1d", "min_size": "50gb"}}
    old = {"state_name": "old", "conditions": {"min_index_age": "30d"}}
    return {
        "description": "wireverdict: connection records and steps of verdicts",
        "default_state": "written",
        "states": [
            {"name": "written", "actions": [rollover], "transitions": [old]},
            {"name": "old", "actions": [{"delete": {}}], "transitions": []},
        ],
        "ism_template": [{"index_patterns": ["logs-wireverdict.*"], "priority": 200}],
    }


def texts() -> dict[Path, str]:
    """Every file's content."""
    both = {**files("elasticsearch"), **files("opensearch")}
    return {CONFIG / name: json.dumps(body, indent=2) + "\n" for name, body in both.items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say whether they are as they should be."""
    if arguments == ["--check"]:
        return 0 if all(path.exists() and path.read_text("utf-8") == text for path, text in texts().items()) else 1
    for path, text in texts().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
