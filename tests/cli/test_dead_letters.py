"""The command line of `wireverdict dead-letters`; tests/cli/test_sink.py runs it against a broker."""

from __future__ import annotations

import pytest

from wireverdict.cli import app


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dead-letters", "retry"], "say which letters, or --all"),
        (["dead-letters", "retry", "--all", "0:1"], "say which letters, or --all"),
        (["dead-letters", "show"], "Missing argument"),
        (["dead-letters", "lits"], "No such command"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == app.FAILED
    assert words in capsys.readouterr().err


def test_help_needs_no_broker(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["dead-letters", "--help"]) == app.NOTHING
    told = capsys.readouterr().out
    assert all(name in told for name in ("list", "show", "retry"))
