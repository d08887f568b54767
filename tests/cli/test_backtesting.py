"""How a backtest is planned and put together; and the tables of the laboratory and of the policing traces, which are those
of the detection report."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks import labels as label_sets
from benchmarks.lab_report import window
from tests.captures import CAPTURES as COLLECTION
from tests.cli.program import ROOT
from tests.lab.judge import fault_end
from tests.lab.scenario import CAPTURES, load
from wireverdict.backtest.labels import FIELDS
from wireverdict.backtest.result import Backtest
from wireverdict.cli.analysis import Refusal
from wireverdict.cli.backtesting import Options, configs, prepare, run, units


@cache
def whole(name: str, folder: Path, labels: Path) -> Backtest:
    """Every capture of a labelled set by itself."""
    with labels.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, FIELDS)
        table.writeheader()
        table.writerows({"lab": label_sets.lab, "policing": label_sets.policing}[name]())
    inputs = tuple(str(path) for path in sorted(folder.glob("*.pcap.xz")))
    options = Options(inputs, labels=str(labels), each=True, processes=2)
    return run(prepare(options), options)


def cells(page: str, mark: str, heading: str) -> list[list[str]]:
    """The rows of a table of the detection report, as docs/ have it."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    part = text[text.index(f"<!-- {mark} -->") : text.index(f"<!-- /{mark} -->")]
    part = part[part.index(heading) :]
    lines = [line for line in part.split("\n\n")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_of_the_policing_traces_is_that_of_the_detection_report(tmp_path: Path) -> None:
    (result,) = whole("policing", COLLECTION / "policing", tmp_path / "labels.csv").results
    groups = {line.name: line for line in result.scores if line.kind == "group"}
    compared = 0
    for kind, files, policed, *_ in cells("detection-paths.md", "policing", "| class"):
        if kind in groups:
            line = groups[kind]
            assert (line.labels + line.quiet, line.detected + line.disturbed) == (int(files), int(policed)), kind
            compared += int(files)
    assert compared == 66
    line = result.line("policing")
    assert (line.detected, line.labels, line.right, line.wrong, line.disturbed) == (56, 56, line.incidents, 0, 0)
    assert (line.precision.value, line.recall.value) == (1.0, 1.0)


def told(result: Any, labels: list[Any], place: str, truth: dict[str, Any]) -> str:
    """The cell of the lab's table, from a backtest."""
    said = []
    for incident in result.incidents:
        if incident.place == place:
            after = window(incident.fired / 1e9 - 0.001) - window(truth["fault_start"])
            over = incident.resolved
            late = f", over +{window(over / 1e9 - 0.001) - window(fault_end(truth))}" if over is not None else ""
            said.append(f"{incident.rule} +{after}{late}")
    return "; ".join(sorted(said)) or "–"


def test_the_tables_of_the_laboratory_are_those_of_the_detection_report(tmp_path: Path) -> None:
    done = whole("lab", CAPTURES, tmp_path / "labels.csv")
    (result,) = done.results
    expected: dict[str, tuple[int, int]] = {}
    for rule, _, _, as_it_is, *_ in cells("detection.md", "lab", "| detector"):
        right, wrong = map(int, as_it_is.split(","))
        expected[rule] = right, wrong
    assert len(expected) == 6
    for rule, counts in expected.items():
        line = result.line(rule)
        assert (line.detected, line.wrong) == counts, rule
        assert line.labels == counts[0]
    rows = cells("detection.md", "lab", "| scenario")
    assert len(rows) == 29
    for scenario, _, client, server in rows:
        name = scenario.strip("`")
        truth = json.loads((CAPTURES / f"{name}.truth.json").read_text(encoding="utf-8"))
        for view, cell in zip(("client", "server"), (client, server), strict=True):
            if view in load(name).views:
                assert told(result, done.labels, f"{name}.{view}.pcap.xz", truth) == cell, (name, view)
    assert {"right", "excused"} == set(result.held.fate)
    assert (result.line().wrong, result.line().disturbed) == (0, 0)


def test_settings_that_change_windows_cost_a_pass_of_their_own_and_others_none(tmp_path: Path) -> None:
    for name, text in (("a", ""), ("b", "[alerts]\nbad_windows = 3\n"), ("c", "[windows]\nwidth = 5\n")):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    capture = str(CAPTURES / "syn-black-hole.client.pcap.xz")
    files = tuple(str(tmp_path / f"{name}.toml") for name in "abc")
    options = Options((capture,), configs=files, processes=1)
    done = run(prepare(options), options)
    assert done.source.passes == 2
    assert [result.config.name for result in done.results] == ["a", "b", "c"]
    alone = []
    for file in files:
        options = Options((capture,), configs=(file,), processes=1)
        alone.append(run(prepare(options), options).results[0].incidents)
    assert [result.incidents for result in done.results] == alone
    assert alone[0] != alone[2]


def test_a_core_setting_can_be_swept(tmp_path: Path) -> None:
    capture = str(CAPTURES / "policed-up-small-burst.client.pcap.xz")
    options = Options((capture,), sweeps=("paths.policing.min_lost=15,100000",), processes=1)
    done = run(prepare(options), options)
    assert done.source.passes == 2  # the first point is the default
    assert done.swept is not None
    assert [point.pages for point in done.swept.points] == [1, 0]


def test_names_of_configurations(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for path in (tmp_path / "a.toml", tmp_path / "deep" / "a.toml", tmp_path / "b.toml"):
        path.write_text("", encoding="utf-8")
    one, two, other = (str(tmp_path / name) for name in ("a.toml", "deep/a.toml", "b.toml"))
    assert [config.name for config in configs(Options(("x",), configs=(one, other)))] == ["a", "b"]
    assert [config.name for config in configs(Options(("x",), configs=(one, two)))] == [one, two]
    assert [config.name for config in configs(Options(("x",)))] == ["default"]
    with pytest.raises(Refusal, match="twice"):
        configs(Options(("x",), configs=(one, one)))


def test_units(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    paths = [tmp_path / "a" / "x.pcap.xz", tmp_path / "b" / "x.pcap.xz", tmp_path / "b" / "y.pcap.xz"]
    for path in paths:
        path.write_bytes(CAPTURES.joinpath("shaped.client.pcap.xz").read_bytes())
    texts = tuple(map(str, paths))
    assert units(Options(texts)) == [(texts, "captures")]
    assert units(Options(texts[:1])) == [(texts[:1], "x.pcap.xz")]
    assert units(Options(texts, each=True)) == [((text,), text) for text in texts]
    assert units(Options((str(tmp_path / "b"),), each=True)) == [((texts[1],), "x.pcap.xz"), ((texts[2],), "y.pcap.xz")]
    assert units(Options(("archive:somewhere",))) == [(("archive:somewhere",), "captures")]


def test_the_environment_counts_for_every_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIREVERDICT_ALERTS__BAD_WINDOWS", "3")
    assert configs(Options(("x",)))[0].settings.alerts.bad_windows == 3


def test_the_usage_names_every_option() -> None:
    from wireverdict.cli.backtest import command

    text = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
    names = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert {name for name in names if not re.search(rf"{name}\b", text)} == set()
