"""Sinks by name, plug-ins included."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

import pytest

from sinks import registry
from sinks.base import Document, Refused, Sink
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
