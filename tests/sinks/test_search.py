"""What the search engines have in common: actions, answers, templates."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sinks.base import Unavailable
from sinks.search import actions, objects, outcome, reason
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.output.fields import FIELDS
from wireverdict.sinking import ElasticsearchSettings

ROOT = Path(__file__).resolve().parents[2]


def test_the_files_are_as_the_code_says() -> None:
    command = [sys.executable, "scripts/search_templates.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=False).returncode == 0, "make config"


def test_a_connection_is_created_and_a_verdict_moves_its_incident() -> None:
    (connection,) = connection_documents(1)
    (action,) = actions(connection, "default")
    assert json.loads(action) == {"create": {"_index": "logs-wireverdict.connection-default", "_id": connection.id}}
    document = verdict_document(4, at=2)
    create, index = (json.loads(action) for action in actions(document, "x"))
    assert create == {"create": {"_index": "logs-wireverdict.verdict-x", "_id": document.id}}
    assert index["index"] == {
        "_index": "wireverdict-incidents-x",
        "_id": f"{document.value()['wireverdict']['incident']}-gw",
        "version": 1_700_000_020_000_000_000,
        "version_type": "external_gte",
    }


def test_versions_have_nanoseconds_and_are_never_negative() -> None:
    fraction = verdict_document(0)
    fraction = fraction._replace(body=fraction.body.replace(b"22:13:30Z", b"22:13:30.000000001Z", 1))
    before = fraction._replace(body=fraction.body.replace(b"2023-11-14T22:13:30.000000001Z", b"1960-01-01T00:00:00Z"))
    versions = [json.loads(actions(document, "x")[1])["index"]["version"] for document in (fraction, before)]
    assert versions == [1_700_000_010_000_000_001, 0]


def item(status: int, kind: str = "", action: str = "create") -> dict[str, object]:
    return {action: {"status": status} | ({"error": {"type": kind, "reason": "r"}} if kind else {})}


def test_what_answers_mean() -> None:
    a, b, c = (verdict_document(number) for number in range(3))
    owners = [0, 0, 1, 1, 2, 2]
    good = [item(201), item(200, action="index")]
    assert outcome([a, b, c], owners, {"items": good * 3}) == []
    there = [item(409, "version_conflict_engine_exception")] * 2
    assert outcome([a, b, c], owners, {"items": [*good, *there, *good]}) == []
    (refused,) = outcome(
        [a, b, c], owners, {"items": [*good, item(400, "document_parsing_exception"), item(200), *good]}
    )
    assert refused.document == b
    assert refused.reason == "status 400: document_parsing_exception: r"


@pytest.mark.parametrize("status", [429, 503, 500, 403, 404])
def test_items_that_are_to_be_tried_again(status: int) -> None:
    a, b, c = (verdict_document(number) for number in range(3))
    items = [item(201), item(200), item(400, "x"), item(status, "y"), item(201), item(status, "y")]
    with pytest.raises(Unavailable, match=f"1 of 3 documents: status {status}: y: r") as told:
        outcome([a, b, c], [0, 0, 1, 1, 2, 2], {"items": items})
    assert told.value.rest == [c]
    assert [each.document for each in told.value.refused] == [b]


def test_an_answer_that_is_none_counts_for_nothing() -> None:
    with pytest.raises(Unavailable, match="answered for 0 of 2"):
        outcome([verdict_document()], [0, 0], {"error": "x"})


def test_reasons() -> None:
    assert reason(400, {"type": "a", "reason": "b", "caused_by": {"reason": "c"}}) == "status 400: a: b: c"
    assert reason(502, "bad gateway") == "status 502: bad gateway"
    assert reason(502, None) == "status 502"


@pytest.mark.parametrize("product", ["elasticsearch", "opensearch"])
def test_every_field_is_in_the_template(product: str) -> None:
    made = dict(objects(product, ElasticsearchSettings(retention="7d")))
    mappings = made["/_component_template/wireverdict-connection"]["template"]["mappings"]
    for field in FIELDS:
        place = mappings
        for part in field.name.split("."):
            place = place["properties"][part]
        assert "type" in place or "properties" in place
    lifecycle = made.get("/_component_template/wireverdict-lifecycle")
    assert (lifecycle is not None) == (product == "elasticsearch")
    if lifecycle:
        assert lifecycle["template"] == {"lifecycle": {"data_retention": "7d"}}


def test_the_policy_for_opensearch_ends_and_is_for_all_data_streams() -> None:
    """By the documentation of index state management: every state is reached, the last one deletes."""
    path = ROOT / "config" / "opensearch" / "_plugins" / "_ism" / "policies" / "wireverdict.json"
    policy = json.loads(path.read_text(encoding="utf-8"))["policy"]
    states = {state["name"]: state for state in policy["states"]}
    at, seen = policy["default_state"], []
    while states[at]["transitions"]:
        seen.append(at)
        (step,) = states[at]["transitions"]
        at = step["state_name"]
    assert {*seen, at} == set(states)
    assert states[at]["actions"] == [{"delete": {}}]
    (template,) = policy["ism_template"]
    streams = [f"logs-wireverdict.{kind}-default" for kind in ("connection", "verdict")]
    assert all(any(fnmatch.fnmatch(stream, each) for each in template["index_patterns"]) for stream in streams)
    assert not any(fnmatch.fnmatch("wireverdict-incidents-default", each) for each in template["index_patterns"])
