"""What options of `wireverdict silence` mean."""

from __future__ import annotations

from typing import Any

import click
import pytest

from wireverdict.cli.silencing import line, moment, near, silence, span, strange, words

OPTIONS: dict[str, Any] = {
    "rules": ("dns-*",),
    "sensors": (),
    "networks": (),
    "labels": ("site=fra-*",),
    "subject": "",
    "length": "2h",
    "start": None,
    "end": None,
    "every": "",
    "zone": "UTC",
    "comment": "",
    "author": "me",
}


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1d12h", 129_600), ("2w", 1_209_600)])
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert span(text) == seconds
    assert span(words(seconds)) == seconds
    with pytest.raises(click.ClickException):
        span(text + "x")


def test_a_name_that_no_detector_of_ours_has_is_told() -> None:
    """Whoever mistyped it would be woken all the same."""
    assert strange(["dns-*", "policing", "*", "dns-los", "jitter", "Policing"]) == ["dns-los", "jitter", "Policing"]
    assert (near("dns-los"), near("jitter")) == (" (did you mean dns-loss?)", "")


def test_moments_are_utc_unless_they_say_otherwise() -> None:
    assert moment("1970-01-02") == moment("1970-01-02T01:00+01:00") == 86_400


def test_once() -> None:
    made = silence(OPTIONS, 1000.0)
    assert (made.start, made.end, made.what.labels) == (1000.0, 8200.0, {"site": "fra-*"})
    later = silence({**OPTIONS, "length": None, "start": "1970-01-02", "end": "1970-01-03"}, 0.0)
    assert (later.start, later.end) == (86_400, 172_800)
    assert line(later, 90_000.0) == f"{later.id}  active  1970-01-02T00:00Z to 1970-01-03T00:00Z  dns-*, site=fra-*  me"
    assert line(later, 0.0).split("  ")[1] == "waiting"
    assert line(later, 1e9).split("  ")[1] == "over"


def test_again_and_again() -> None:
    made = silence({**OPTIONS, "every": "0 22 * * *"}, 0.0)
    assert (made.end, made.length) == (0.0, 7200.0)
    until = silence({**OPTIONS, "every": "0 22 * * *", "end": "1970-01-02"}, 0.0)
    assert "for 2h, until 1970-01-02T00:00Z" in line(until, 0.0)
    with pytest.raises(click.ClickException, match="length"):
        silence({**OPTIONS, "every": "0 22 * * *", "length": None}, 0.0)
