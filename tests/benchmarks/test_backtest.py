"""What is measured of backtests, and the table of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from benchmarks.backtest import OTHER, series, table
from benchmarks.processes import Run, Series
from wireverdict import compose
from wireverdict.backtest.panel import Panel
from wireverdict.settings import Settings, from_file, settings


def run(cpu: float) -> Run:
    return Run(cpu, cpu, 0, 0, 0, "")


def test_the_table_has_the_least_time_and_its_ratio_to_one_configuration() -> None:
    one = [Series("one", [], runs=[run(2.0), run(2.5)]), Series("sweep", [], runs=[run(9.0), run(3.0)])]
    other = [Series("one", [], runs=[run(8.0)]), Series("sweep", [], runs=[run(4.0)])]
    assert table({"a": one, "b": other}).splitlines() == [
        "| | a | b |",
        "| --- | ---: | ---: |",
        "| one | 2.0 s (1.00 ×) | 8.0 s (1.00 ×) |",
        "| sweep | 3.0 s (1.50 ×) | 4.0 s (0.50 ×) |",
    ]


def test_the_two_configurations_share_no_detector(tmp_path: Path) -> None:
    other = settings([from_file(tomllib.loads(OTHER), "other.toml", OTHER)])
    assert len(Panel([Settings(), other]).detectors) == 2 * len(compose.detectors(Settings().detectors))


def test_everything_is_measured_beside_one_configuration(tmp_path: Path) -> None:
    made = series(["a.pcap"], tmp_path)
    assert made[0].name == "one configuration"
    assert made[1].command.count("--config") == 2
    assert any("--sweep" in one.command for one in made)
    assert all("a.pcap" in one.command for one in made)
