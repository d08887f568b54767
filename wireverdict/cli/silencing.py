"""What ``wireverdict silence`` does."""

from __future__ import annotations

import getpass
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import click
import msgspec
from confluent_kafka import KafkaException

from sinks.notify.silences import Silence
from sinks.notify.store import read_silences, write_silence
from wireverdict.bus import BusSettings
from wireverdict.cli.roles import chosen_settings
from wireverdict.notifying import Selection
from wireverdict.verdicts import RULE_NAMES

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
Result = TypeVar("Result")


def added(config: str | None, given: Mapping[str, Any]) -> str:
    """Write a silence; its name. Raises click.ClickException."""
    bus = chosen_settings(config).bus
    made = silence(given, time.time())
    _asked(bus, lambda: write_silence(bus, made))
    for pattern in strange(made.what.rules):
        told = f"no detector of ours is called {pattern!r}{near(pattern)}"
        click.echo(f"{told}: this silences one of yours, or nothing", err=True)
    return made.id


def strange(patterns: Sequence[str]) -> list[str]:
    """Those that no detector of ours answers to."""
    return [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in RULE_NAMES)]


def near(pattern: str) -> str:
    """What may have been meant."""
    found = get_close_matches(pattern, RULE_NAMES, n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def silence(given: Mapping[str, Any], now: float) -> Silence:
    """What the options say. `now`: s since 1970. Raises click.ClickException."""
    length = span(given["length"]) if given["length"] else 0.0
    start = moment(given["start"]) if given["start"] else now
    end = moment(given["end"]) if given["end"] else 0.0
    if not given["every"]:
        if bool(length) == bool(end):
            raise click.UsageError("say how long: --for or --until")
        end, length = end or start + length, 0.0
    labels = dict(pair.partition("=")[::2] for pair in given["labels"])
    try:
        what = Selection(given["rules"], "info", given["sensors"], given["networks"], labels)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    author = given["author"] or _user()
    made = Silence(
        secrets.token_hex(4),
        what,
        start,
        end,
        given["every"],
        length,
        given["zone"],
        given["subject"],
        given["comment"],
        author,
    )
    if wrong := made.why_not():
        raise click.ClickException(wrong)
    return made


def listed(config: str | None, everything: bool, as_json: bool) -> list[str]:
    """Lines. Raises click.ClickException."""
    bus, now = chosen_settings(config).bus, time.time()
    found = _asked(bus, lambda: read_silences(bus))
    shown = [each for each in found if everything or not each.over(now)]
    if as_json:
        return [
            msgspec.json.encode({**msgspec.to_builtins(each), "active": each.active(now)}).decode() for each in shown
        ]
    return [line(each, now) for each in shown]


def expired(config: str | None, names: Sequence[str]) -> None:
    """End them now. Raises click.ClickException."""
    bus, now = chosen_settings(config).bus, time.time()
    known = {each.id: each for each in _asked(bus, lambda: read_silences(bus))}
    for name in names:
        if name not in known:
            raise click.ClickException(f"there is no silence {name}")
    for name in names:
        each = known[name]
        if not each.over(now):
            ended = msgspec.structs.replace(each, start=min(each.start, now - 1), end=now)
            _asked(bus, lambda ended=ended: write_silence(bus, ended))  # type: ignore[misc]


def line(each: Silence, now: float) -> str:
    """For people."""
    state = "over" if each.over(now) else "active" if each.active(now) else "waiting"
    what = each.what
    said = [
        *what.rules,
        *(f"at {name}" for name in what.sensors),
        *(f"in {network}" for network in what.networks),
        *(f"{name}={value}" for name, value in what.labels.items()),
        *([f"about {each.subject}"] if each.subject else []),
    ]
    if each.every:
        when = f"every '{each.every}' {each.zone} for {words(each.length)}"
        when += f", until {stamp(each.end)}" if each.end else ""
    else:
        when = f"{stamp(each.start)} to {stamp(each.end)}"
    parts = [each.id, state, when, ", ".join(said) or "everything", each.comment, each.author]
    return "  ".join(part for part in parts if part)


def span(text: str) -> float:
    """s of a time such as 90s, 30m, 2h or 1d12h. Raises click.ClickException."""
    if not re.fullmatch(r"(\d+[smhdw])+", text):
        raise click.ClickException(f"{text!r} is no length of time such as 30m, 2h or 1d")
    return float(sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text)))


def moment(text: str) -> float:
    """s since 1970 of an ISO 8601 time, UTC unless it says otherwise. Raises click.ClickException."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException(f"{text!r} is no time such as 2026-11-23T22:00") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def stamp(seconds: float) -> str:
    """UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%MZ")


def words(seconds: float) -> str:
    """As `span` reads it."""
    made = ""
    for unit, size in reversed(UNITS.items()):
        count, seconds = divmod(seconds, size)
        made += f"{count:.0f}{unit}" if count else ""
    return made or "0s"


def _asked(bus: BusSettings, ask: Callable[[], Result]) -> Result:
    try:
        return ask()
    except (KafkaException, OSError) as error:
        told = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        raise click.ClickException(f"silences on {bus.servers}: {told}; see wireverdict topics check") from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return ""
