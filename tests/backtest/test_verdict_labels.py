"""Labels from the verdicts of a run, as it printed them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.program import DEMO, run
from wireverdict.backtest.labels import Label, read_labels
from wireverdict.backtest.verdict_labels import label_rows


@pytest.fixture(scope="module")
def printed() -> str:
    """All that `analyze --json` says: records and a summary too."""
    return run("analyze", "--json", DEMO).out


def test_each_incident_is_a_label(printed: str) -> None:
    labels = read_labels(printed, "yesterday.jsonl")
    assert sorted((label.who, label.what) for label in labels) == [
        ("198.18.0.2 >", "dns-loss"),
        ("198.18.0.2 >", "throttling-ratio"),
        ("2001:db8:18::2 >", "dns-loss"),
        ("2001:db8:18::2 >", "throttling-ratio"),
    ]
    verdicts = [document for document in map(orjson.loads, printed.splitlines()) if "rule" in document]
    assert len(verdicts) > len(labels)  # it fires, and is over
    assert all(label.begin is not None and label.end is not None and label.begin < label.end for label in labels)
    assert read_labels(orjson.dumps(verdicts).decode(), "list.json") == labels


def test_one_that_is_not_over_is_open_and_a_sensor_is_named(printed: str) -> None:
    verdicts = [document for document in map(orjson.loads, printed.splitlines()) if "rule" in document]
    fired = [
        verdict | {"observer": {"name": "edge[1]"}} for verdict in verdicts if verdict["wireverdict"]["step"] == "fired"
    ]
    labels = read_labels(b"\n".join(map(orjson.dumps, fired)).decode(), "fired.jsonl")
    assert {(label.end, label.where) for label in labels} == {(None, "edge[[]1]")}
    assert labels[0].meets("edge[1]", 0, 1 << 62)
    assert not labels[0].meets("edge1", 0, 1 << 62)


def test_addresses_with_ports() -> None:
    verdict = {
        "event": {"dataset": "wireverdict.verdict", "start": "2026-11-23T07:01:50Z", "end": "2026-11-23T07:02:00Z"},
        "rule": {"id": "policing"},
        "wireverdict": {"incident": "x", "status": "resolved"},
        "source": {"ip": "192.0.2.1", "port": 4000},
        "destination": {"ip": "2001:db8::1", "port": 443},
    }
    (row,) = label_rows([verdict, {"event": {"dataset": "wireverdict.connection"}}])
    assert row["who"] == "192.0.2.1:4000 > [2001:db8::1]:443"
    (label,) = read_labels(orjson.dumps([verdict]).decode(), "one")
    assert label == Label(row["who"], "policing", label.begin, label.end, "*", "fires", "", "verdict x")


def test_settings_are_held_against_what_was_told(printed: str, tmp_path: Path) -> None:
    """The run itself finds all of it, and one that is deaf to DNS loses half."""
    (tmp_path / "told.jsonl").write_text(printed, encoding="utf-8")
    (tmp_path / "now.toml").write_text("", encoding="utf-8")
    (tmp_path / "deaf.toml").write_text('[detectors]\noff = ["dns-loss"]\n', encoding="utf-8")
    configs = ["--config", str(tmp_path / "now.toml"), "--config", str(tmp_path / "deaf.toml")]
    done = run("backtest", "--json", "--labels", tmp_path / "told.jsonl", *configs, DEMO)
    assert done.status == 1
    scores = [one["scores"][0] for one in orjson.loads(done.out)["configs"]]
    assert [(score["detected"], score["labels"], score["wrong"]) for score in scores] == [(4, 4, 0), (2, 4, 0)]
