"""Settings of routes and notifying that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from wireverdict.notifying import Inhibition, NotifySettings, Selection
from wireverdict.settings import SettingsError, Source, settings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wait": -1.0}, "must not be negative"),
        ({"hold": -1.0}, "must not be negative"),
        ({"pages": 0}, "more than 0"),
        ({"pages_in": 0.0}, "more than 0"),
        ({"group_by": ("colour",)}, "'colour' is none of service"),
        ({"inhibitions": (Inhibition(("a",), ("b",), equal=("colour",)),)}, "'colour' is none of service"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NotifySettings(**changes)
    assert NotifySettings(group_by=("label:site", "sensor")).group_by == ("label:site", "sensor")


def test_networks_are_networks() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2"):
        Selection(networks=("192.0.2.0/33",))


def test_from_a_file() -> None:
    notify = {"quiet": [{"every": "0 22 * * *", "length": 60.0}], "inhibitions": [{"source": ["a"], "target": ["b"]}]}
    route = {"sinks": ["pagerduty"], "after": 1800.0, "labels": {"site": "fra-*"}}
    given = {"notify": notify, "routes": [route], "labels": [{"sensors": ["fra-*"], "set": {"site": "fra"}}]}
    made = settings([Source({"sinks": given}, lambda key: "here")]).sinks
    assert made.notify.quiet[0].length == 60.0
    assert made.routes[0].after == 1800.0
    assert made.labels[0].set == {"site": "fra"}
    with pytest.raises(SettingsError, match="length"):
        settings([Source({"sinks": {"notify": {"quiet": [{"every": "x"}]}}}, lambda key: "here")])
