"""The page for people."""

from __future__ import annotations

import pytest

from tests.backtest.whole import demo, lab, swept
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
