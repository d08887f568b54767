"""Sinks by name, plug-ins included."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sinks import registry
from sinks.base import Document, Refused, Sink, Unavailable
from tests.sinks.made import verdict_document
from wireverdict.settings import Settings


class Mine(Sink):
    def open(self) -> None:
        pass

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        return []


def make(settings: Settings) -> Mine:
    return Mine()


def no_sink(settings: Settings) -> str:
    return "x"


@pytest.fixture
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        importlib.metadata.EntryPoint("mine", f"{__name__}:make", registry.GROUP),
        importlib.metadata.EntryPoint("wrong", f"{__name__}:no_sink", registry.GROUP),
    ]

    def entry_points(group: str, name: str | None = None) -> list[importlib.metadata.EntryPoint]:
        return [point for point in points if point.group == group and name in (None, point.name)]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)


@pytest.mark.usefixtures("_plugins")
def test_a_plug_in_is_a_sink_like_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(registry.names()) == {*registry.OURS, "mine", "wrong"}
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("sys").modules[Mine.__module__])
    assert type(registry.make("mine", Settings())).__name__ == "Mine"
    with pytest.raises(ValueError, match="gives a str, not a"):
        registry.make("wrong", Settings())


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"there is no sink 'nosuch'; known are .*elasticsearch"):
        registry.make("nosuch", Settings())


def test_settings_that_cannot_be_are_told() -> None:
    with pytest.raises(ValueError, match="url"):
        registry.make("webhook", Settings())


@pytest.mark.parametrize("name", ["elasticsearch", "opensearch"])
def test_ours(name: str) -> None:
    assert isinstance(registry.make(name, Settings()), Sink)


def test_the_sink_that_the_documentation_shows_works(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "sinks.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    assert len(code.splitlines()) <= 35
    names: dict[str, Any] = {}
    exec(compile(code, "docs/sinks.md", "exec"), names)
    sink = names["Beeper"](str(tmp_path / "none" / "line"))
    assert isinstance(sink, Sink)
    with pytest.raises(Unavailable):
        sink.open()
    sink = names["Beeper"](str(tmp_path / "line"))
    sink.open()
    assert list(sink.write([verdict_document(0)])) == []
    sink.line.close()
    assert (tmp_path / "line").read_text() == "DNS queries go unanswered: 192.0.2.1 > port 53/udp\n"
    with pytest.raises(ValueError, match="closed file"):
        sink.write([verdict_document(0)])
    assert callable(names["make"])
