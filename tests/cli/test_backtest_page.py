"""The page for people."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from tests.backtest.whole import demo, lab, swept
from wireverdict.backtest.result import Backtest
from wireverdict.backtest.score import Score, hold, scores
from wireverdict.cli.backtest_page import show


def test_two_configurations(capsys: pytest.CaptureFixture[str]) -> None:
    show(demo(), "report.html")
    said = capsys.readouterr().out
    assert "detectors.dns_loss.min_attempts: 20, 400" in said
    assert "2 of 3" in said
    assert "3 differences: 2 only in default" in said
    assert "both, but otherwise: throttling-ratio" in said
    assert said.rstrip().endswith("Report: report.html")


def test_a_sweep_ends_with_its_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    show(swept(), None)
    assert "Suggested: detectors.dns_loss.min_attempts = " in capsys.readouterr().out
    show(swept(labelled=False), None)
    said = capsys.readouterr().out
    assert "Suggested" not in said
    assert "Without labels nothing says which pages are right" in said


def test_columns_without_anything_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show(lab(), None)
    said = capsys.readouterr().out
    assert "precision" not in said
    assert "pages/day" in said


def with_scores(done: Backtest, lines: list[Score]) -> Backtest:
    """One configuration with other lines of its table."""
    return dataclasses.replace(done, results=[dataclasses.replace(done.results[0], scores=lines)], comparisons=[])


def test_names_are_not_cut_and_nothing_is_said_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    done = demo()
    long = "a-detector-of-ours-whose-name-tells-everything-that-it-could-ever-find"
    names = {"dns-loss": long, "throttling-ratio": f"{long}-too"}
    renamed = [msgspec.structs.replace(one, name=names.get(one.name, one.name)) for one in done.results[0].scores]
    show(with_scores(done, renamed), None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(long)] == [long, f"{long}-too"]
    show(with_scores(done, scores([], [], hold([], [], 0), 0)), None)
    said = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert said == [["default"], ["verdicts"], ["all", "0"]]
