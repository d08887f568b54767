"""What `wireverdict sink` does; tests/cli/test_sink.py runs it as people do."""

from __future__ import annotations

import click
import pytest

from sinks import registry
from sinks.base import Sink, Unavailable
from tests.sinks.bus import Book
from wireverdict.cli.deliver import made, set_up, try_all
from wireverdict.settings import Settings


def test_what_is_said_of_a_sink_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [ImportError("No module named 'x'"), ValueError("url is bad")]

    def fail(name: str, settings: Settings) -> Sink:
        raise errors.pop(0)

    monkeypatch.setattr(registry, "make", fail)
    with pytest.raises(click.ClickException, match=r"s: No module named 'x'; install it with .*\[sink\]"):
        made("s", Settings())
    with pytest.raises(click.ClickException, match="s: url is bad"):
        made("s", Settings())


def test_all_are_tried_and_one_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = Book()
    away.faults = [Unavailable("nobody there")]
    books = {"away": away, "there": Book()}
    monkeypatch.setattr(registry, "make", lambda name, settings: books[name])
    assert not try_all(["away", "there"], Settings())
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "away: not delivered: nobody there"
    assert told[1].startswith("there: delivered 2 documents")


def test_a_sink_without_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "make", lambda name, settings: Book())
    with pytest.raises(click.ClickException, match="book has nothing to set up"):
        set_up(["book"], Settings())
