"""The demo's capture against what the lab counted as it was made: the resolver's attempts, the gateway's packets."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from wireverdict.cli.app import run

DEMO = Path(__file__).resolve().parents[2] / "demo"
CAPTURE, TRUTH = DEMO / "dns-outage.pcap.gz", DEMO / "dns-outage.truth.json"
WINDOW = 10.0


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(TRUTH.read_text(encoding="utf-8"))
    return known


@pytest.fixture
def documents(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert run(["analyze", str(CAPTURE), "--json"]) == 1
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_the_truth_agrees_with_itself(truth: dict[str, Any]) -> None:
    gateway = truth["gateway"]
    assert truth["attempts"] == gateway["dns_queries"]
    assert truth["answered"] == gateway["dns_answers_passed"]
    outage = truth["phases"]["outage"]
    assert outage["attempts"] / outage["answered"] == pytest.approx(17, abs=1)


def test_counts(truth: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    summary = documents[-1]["wireverdict"]
    assert summary["packets"] == truth["tcpdump"]["packets captured"]
    assert summary["dns"]["attempts"] == truth["attempts"]
    assert summary["dns"]["answered"] == truth["answered"]
    assert summary["dns"]["late"] == summary["dns"]["orphans"] == 0
    assert summary["connections"]["tcp"] == truth["web"]["connections"]


def test_attempts_per_server(truth: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    """Every attempt has a port of its own, so it is a connection of its own."""
    found: dict[str, list[int]] = {}
    for document in documents:
        if document["event"]["dataset"] != "wireverdict.connection" or document["destination"]["port"] != 53:
            continue
        counts = found.setdefault(document["destination"]["ip"], [0, 0])
        counts[0] += document["source"]["packets"]
        counts[1] += document["destination"]["packets"]
    expected: dict[str, list[int]] = {}
    for phase in truth["phases"].values():
        for server, counts in phase["per_server"].items():
            sums = expected.setdefault(server, [0, 0])
            sums[0] += counts["attempts"]
            sums[1] += counts["answered"]
    assert found == expected


def test_verdicts(truth: dict[str, Any], documents: list[dict[str, Any]]) -> None:
    """It fires within two windows of the outage's start, resolves within three of its end, and nothing else fires."""
    verdicts = [document for document in documents if document["event"]["dataset"] == "wireverdict.verdict"]
    assert {verdict["rule"]["id"] for verdict in verdicts} <= {"dns-loss", "throttling-ratio"}
    loss = [verdict for verdict in verdicts if verdict["rule"]["id"] == "dns-loss"]
    assert loss
    for verdict in loss:
        assert verdict["source"]["ip"] in truth["client"]
        assert truth["outage_start"] - WINDOW <= seconds(verdict["event"]["start"]) <= truth["outage_end"]
    fired = min(seconds(verdict["@timestamp"]) for verdict in loss if verdict["wireverdict"]["status"] == "firing")
    assert truth["outage_start"] <= fired <= truth["outage_start"] + 3 * WINDOW
    first = {verdict["wireverdict"]["fingerprint"] for verdict in loss if verdict["wireverdict"]["step"] == "fired"}
    resolved = {
        verdict["wireverdict"]["fingerprint"]: verdict
        for verdict in loss
        if verdict["wireverdict"]["status"] == "resolved"
    }
    assert set(resolved) == first
    for verdict in resolved.values():
        assert seconds(verdict["@timestamp"]) <= truth["outage_end"] + 4 * WINDOW
