"""`wireverdict silence` as people run it, against a broker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.program import run
from tests.sinks.bus import new_bus
from wireverdict.cli import app


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "--for", "2h"], "say what"),
        (["add", "--rule", "dns-*"], "say how long"),
        (["add", "--rule", "dns-*", "--for", "2h", "--until", "2030-01-01"], "say how long"),
        (["add", "--everything", "--for", "2 hours"], "no length of time"),
        (["add", "--everything", "--until", "tomorrow"], "no time such as"),
        (["add", "--everything", "--until", "2001-01-01"], "ends before it begins"),
        (["add", "--network", "x", "--for", "1h"], "'x' does not appear to be"),
        (["add", "--everything", "--every", "x", "--for", "1h"], "not as cron"),
        (["expire"], "Missing argument"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["silence", *arguments]) == app.FAILED
    assert words in capsys.readouterr().err


@pytest.mark.services
def test_add_list_expire() -> None:
    bus = new_bus()
    given: dict[str, Any] = {"WIREVERDICT_BUS__SERVERS": bus.servers, "WIREVERDICT_BUS__PREFIX": bus.prefix}
    once = run("silence", "add", "--rule", "dns-*", "--for", "2h", "--comment", "known", "--author", "me", **given)
    assert (once.status, once.err) == (0, "")
    name = once.out.strip()
    options = ("--sensor", "fra-*", "--every", "0 22 * * SUN", "--for", "1h30m", "--zone", "Europe/Berlin")
    weekly = run("silence", "add", *options, **given).out.strip()
    lines = run("silence", "list", **given).out.splitlines()
    (first,) = [line for line in lines if line.startswith(name)]
    (second,) = [line for line in lines if line.startswith(weekly)]
    assert first.split("  ")[1] == "active"
    assert first.endswith("dns-*  known  me")
    assert "every '0 22 * * SUN' Europe/Berlin for 1h30m  at fra-*" in second
    assert run("silence", "expire", name, **given).status == 0
    assert [line.split()[0] for line in run("silence", "list", **given).out.splitlines()] == [weekly]
    everything = [json.loads(line) for line in run("silence", "list", "--all", "--json", **given).out.splitlines()]
    assert {each["id"]: each["active"] for each in everything if each["id"] == name} == {name: False}
    mistyped = run("silence", "add", "--rule", "polcing", "--for", "1h", **given)
    assert (mistyped.status, "no detector of ours is called 'polcing'" in mistyped.err) == (0, True)
    assert "(did you mean policing?)" in mistyped.err
    told = run("silence", "expire", "nosuch", **given)
    assert (told.status, told.err.strip()) == (2, "Error: there is no silence nosuch")


@pytest.mark.services
def test_without_the_topic() -> None:
    told = run("silence", "list", WIREVERDICT_BUS__SERVERS=new_bus().servers, WIREVERDICT_BUS__PREFIX="nosuch")
    assert told.status == 2
    assert "see wireverdict topics check" in told.err
