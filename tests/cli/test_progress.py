"""The progress bar."""

from __future__ import annotations

import io
import time

import pytest

from wireverdict.cli import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    return now


def test_a_short_run_shows_nothing(clock: list[float]) -> None:
    file = Terminal()
    with progress.Progress(file) as shown:
        clock[0] += progress.PATIENCE - 0.01
        shown.update(1_000, 10, 20)
    assert file.getvalue() == ""


def test_a_long_run_shows_rate_share_and_packets(clock: list[float]) -> None:
    file = Terminal()
    with progress.Progress(file) as shown:
        clock[0] += 2.0
        shown.update(3_000_000, 50, 200)
        clock[0] += progress.EVERY / 2
        shown.update(9_999_999, 60, 200)  # too soon to be looked at
        clock[0] += 2.0
        shown.update(3_280_000, 100, 200, "2026-11-23T07:00:00Z")
    text = file.getvalue()
    assert "25 %" in text
    assert "3,000,000 packets" in text
    assert "1.5 M/s" in text
    assert "9,999,999" not in text
    assert "50 %" in text
    assert "2026-11-23" in text
    assert "810 k/s" in text


def test_an_input_without_an_end_shows_what_it_knows(clock: list[float]) -> None:
    file = Terminal()
    with progress.Progress(file) as shown:
        clock[0] += 2.0
        shown.update(3_000, 50, None)
    assert "3,000 packets" in file.getvalue()


def test_nothing_without_a_terminal(clock: list[float]) -> None:
    for file in (io.StringIO(), None):
        with progress.Progress(file) as shown:
            clock[0] += 10
            shown.update(1, 1, 1)
        assert file is None or file.getvalue() == ""


def test_a_closed_terminal_is_none(clock: list[float]) -> None:
    file = io.StringIO()
    file.close()
    with progress.Progress(file) as shown:
        clock[0] += 10
        shown.update(1, 1, 1)
