"""``wireverdict backtest`` as a process: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.backtest.whole import DEAF, DEMO_LABELS
from tests.cli.program import DEMO, run


def test_two_configurations_with_labels(tmp_path: Path) -> None:
    (tmp_path / "deaf.toml").write_text(DEAF, encoding="utf-8")
    (tmp_path / "now.toml").write_text("", encoding="utf-8")
    (tmp_path / "labels.csv").write_text(DEMO_LABELS, encoding="utf-8")
    report = tmp_path / "report.html"
    configs: list[str | Path] = ["--config", tmp_path / "now.toml", "--config", tmp_path / "deaf.toml"]
    ended = run("backtest", "--json", "--html", report, "--labels", tmp_path / "labels.csv", *configs, DEMO)
    assert (ended.status, ended.err) == (1, "")
    document = json.loads(ended.out)
    assert [config["name"] for config in document["configs"]] == ["now", "deaf"]
    assert document["comparisons"][0]["counts"] == {"only_a": 2, "only_b": 0, "changed": 1}
    text = report.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert 'data-for="plot-1"' in text


def test_one_configuration_for_people() -> None:
    ended = run("backtest", DEMO)
    assert (ended.status, ended.err) == (0, "")
    assert "16,988 headers of 1 sensor" in ended.out
    assert "No labels" in ended.out


def test_a_detector_of_ones_own(tmp_path: Path) -> None:
    detector = tmp_path / "many.py"
    detector.write_text(
        "import msgspec\n"
        "from wireverdict.plugin import API, Finding, Opinion, Plugin, Subject\n\n\n"
        "class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):\n"
        "    packets: int = 100\n\n\n"
        "class Many(Plugin):\n"
        '    """Too many packets."""\n\n'
        "    api = API\n"
        '    name = "too-many"\n'
        "    Settings = Limits\n\n"
        "    def judge(self, view):\n"
        "        bad = view.packets > self.settings.packets\n"
        "        opinion = Opinion.BAD if bad else Opinion.GOOD\n"
        "        evidence = {'packets': view.packets}\n"
        "        yield Finding(self.name, Subject(), opinion, view.start, view.end, confidence=0.95, evidence=evidence)\n",
        encoding="utf-8",
    )
    ended = run(
        "backtest", "--json", "--detector", detector, "--sweep", "detectors.too_many.packets=100,1000,100000", DEMO
    )
    assert (ended.status, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["sweep"]["rule"] == "too-many"
    assert [point["pages"] > 0 for point in document["sweep"]["points"]] == [True, True, False]
    assert document["sweep"]["axes"][0]["now"] == 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--config", "none.toml", DEMO], "cannot read the settings in none.toml"),
        (["--labels", "none.csv", DEMO], "cannot read the labels in none.csv"),
        (["--sweep", "detectors.dns_loss.warming=1:2:3", DEMO], "did you mean detectors.dns_loss.warning"),
        (["--from", "noon", DEMO], "--from: 'noon' is neither a time"),
        (["--tolerance", "-1", DEMO], "--tolerance must not be negative"),
        (["--html", "none/report.html", DEMO], "there is no such directory"),
        (["--each", "archive:somewhere"], "--each is for captures"),
        (["none.pcap"], "none.pcap"),
        (["--address", "everywhere", DEMO], "everywhere"),
        (["topic:", "archive:x"], "one "),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(arguments: list[str], said: str) -> None:
    ended = run("backtest", *arguments)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
