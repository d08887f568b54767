"""Which classes can be detectors, and what is said of settings of theirs that cannot be."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.detectors.others import Busy, BusySettings
from wireverdict import compose
from wireverdict.detectors.base import Plugin
from wireverdict.detectors.guard import Guard
from wireverdict.detectors.registry import check, find, own, provide, provided, settings_of
from wireverdict.settings import Settings, SettingsError, from_environment, from_file, settings

provide("busy", Busy)


def chosen(text: str = "", **variables: str) -> Settings:
    sources = [from_file(tomllib.loads(text), "my.toml", text), from_environment(variables)]
    return settings(sources, ["busy"])


def made(text: str = "", **variables: str) -> Any:
    (guard,) = own(chosen(text, **variables).detectors)
    assert isinstance(guard, Guard)
    assert isinstance(guard.inner, Busy)
    return guard.inner.settings


def test_what_settings_name_is_made_with_its_settings() -> None:
    assert made() == BusySettings()
    assert made("[detectors.busy_window]\npackets = 7\nnames = ['a']\n") == BusySettings(7, ("a",))
    assert made("[detectors.busy-window]\npackets = 7\n") == BusySettings(7)
    variables = {
        "WIREVERDICT_DETECTORS__BUSY_WINDOW__PACKETS": "9",
        "WIREVERDICT_DETECTORS__BUSY_WINDOW__NAMES": "a, b",
    }
    assert made("[detectors.busy_window]\npackets = 7\n", **variables) == BusySettings(9, ("a", "b"))


def test_it_comes_after_ours_and_can_be_off() -> None:
    names = [detector.name for detector in compose.detectors(chosen().detectors)]
    assert names[-1] == "busy-window"
    without = compose.detectors(chosen("[detectors]\noff = ['busy-window']\n").detectors)
    assert [detector.name for detector in without] == names[:-1]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[detectors.busy_window]\npackts = 7\n",
            "my.toml, line 2: there is no setting detectors.busy_window.packts; did you mean packets?",
        ),
        (
            "[detectors.busy_window]\npackets = 'x'\n",
            "my.toml, line 2: detectors.busy_window.packets = 'x': expected int, got str",
        ),
        (
            "[detectors.busy_window]\npackets = -1\n",
            r"settings of busy-window: packets must not be negative (my.toml, line 2: detectors.busy_window.packets)",
        ),
        (
            "[detectors.bsy_window]\npackets = 1\n",
            "my.toml, line 2: there is no detector bsy_window; did you mean busy_window?",
        ),
        (
            "[detectors.polcing]\nwarning_share = 1\n",
            "my.toml, line 2: there is no detector polcing; did you mean policing?",
        ),
    ],
)
def test_settings_that_cannot_be_are_told_with_their_place(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as told:
        own(chosen(text).detectors)
    assert str(told.value) == sentence


def test_without_plug_ins_their_tables_are_no_settings() -> None:
    text = "[detectors.busy_window]\npackets = 7\n"
    with pytest.raises(SettingsError, match=r"there is no setting detectors\.busy_window"):
        settings([from_file(tomllib.loads(text), "my.toml", text)])


def test_files_are_named_from_where_the_settings_are() -> None:
    text = "[detectors]\nplugins = ['jitter.py', 'sub/x.py:X', 'installed', '/abs/y.py']\n"
    made = settings([from_file(tomllib.loads(text), "/etc/wv/my.toml", text)], ["busy", "installed"])
    wanted = ("/etc/wv/jitter.py", "/etc/wv/sub/x.py:X", "installed", "/abs/y.py", "busy")
    assert made.detectors.plugins == wanted


def kind(**fields: Any) -> Any:
    """A class with a fault."""
    return type("Odd", (Plugin,), {"api": 1, "name": "odd", **fields})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (7, "the detector x.py is 7, not a class"),
        (type("Empty", (), {}), "no detector: it has no method judge and no method dump and no method load"),
        (kind(name="Not So"), "needs a name in lower-case letters, digits and hyphens"),
        (kind(name=None), "needs a name"),
        (kind(api=0), "does not say for which version of wireverdict it was written: api = 1"),
        (kind(api=2), "was written for version 2 of the detector interface; this is version 1"),
        (kind(Settings=dict), "Settings in the class Odd of x.py is not a msgspec.Struct"),
    ],
)
def test_what_is_no_detector_is_refused(wrong: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"x\.py") as told:
        check("x.py", wrong)
    assert sentence in str(told.value)


def test_names_are_given_once() -> None:
    provide("busy2", type("Other", (Busy,), {}))
    provide("ours", kind(name="policing"))
    with pytest.raises(ValueError, match="two detectors are called busy-window: that of busy2 and that of busy"):
        own(settings(plugins=["busy", "busy2"]).detectors)
    with pytest.raises(
        ValueError, match="two detectors are called policing: that of ours and that of wireverdict itself"
    ):
        compose.detectors(settings(plugins=["ours"]).detectors)


def test_a_class_that_cannot_start_is_told() -> None:
    def refuse(self: Any, settings: Any) -> None:
        raise RuntimeError("no")

    provide("lazy", kind(name="lazy", __init__=refuse))
    with pytest.raises(ValueError, match="the detector lazy of lazy cannot start: RuntimeError: no"):
        own(settings(plugins=["lazy"]).detectors)


def test_what_was_not_loaded_is_told() -> None:
    with pytest.raises(ValueError, match=r"the detector never\.py has not been loaded"):
        provided("never.py")


def test_a_class_and_its_settings_are_found_by_rule() -> None:
    detectors = chosen("[detectors.busy_window]\npackets = 7\n").detectors
    found = find(detectors, "busy-window")
    assert found is Busy
    assert settings_of(found, detectors) == BusySettings(7)
    assert find(detectors, "jitter") is None
