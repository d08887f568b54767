"""Words for a phone's screen."""

from __future__ import annotations

import pytest

from sinks.wording import cut, first_sentence, notice, since
from tests.sinks.made import verdict_document
from wireverdict.verdicts import Subject


def test_a_verdict_that_fires() -> None:
    made = notice(verdict_document(), "https://k/${incident}?f=${fingerprint}&i=${id}")
    assert made.title == "CRITICAL: DNS queries go unanswered: 192.0.2.1 > port 53/udp"
    assert made.text.splitlines()[:5] == [
        "who: 192.0.2.1 > port 53/udp, seen by gw",
        "since: 2023-11-14 22:13:20 UTC, for 10 s",
        "sure: 98%",
        "evidence: attempts 837 · answered 59 · queries per answer 14.2 · top names a.example",
        "check: Look at the gateway.",
    ]
    own = verdict_document().value()["wireverdict"]
    expected = f"https://k/{own['incident']}?f={own['fingerprint']}&i={verdict_document().id}"
    assert made.link == expected
    assert made.text.endswith(f"more: {expected}")
    assert (made.resolved, made.severity, made.sensor) == (False, "critical", "gw")


def test_its_end_has_the_same_key_and_nothing_to_check() -> None:
    fired, resolved = notice(verdict_document()), notice(verdict_document(0, "resolved", 30))
    assert resolved.key == fired.key == f"wireverdict-{verdict_document().value()['wireverdict']['fingerprint']}-gw"
    assert resolved.title.startswith("RESOLVED: ")
    assert "check:" not in resolved.text
    assert "for 5 min" in resolved.text


def test_nothing_is_too_long() -> None:
    long = notice(verdict_document(0, name="x" * 500, remedy="y" * 5000, subject=Subject(source_ip="z" * 300)))
    assert len(long.title) == 120
    assert all(len(line) <= 220 for line in long.text.splitlines())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two.", "One."),
        ("Compare 0.5 s with 2.0. Then", "Compare 0.5 s with 2.0."),
        ("no end", "no end"),
        ("See e.g. this", "See e.g. this"),
    ],
)
def test_first_sentences(text: str, expected: str) -> None:
    assert first_sentence(text) == expected


def test_lines_are_lines() -> None:
    assert cut("a\nb  c", 10) == "a b c"
    assert cut("abcdef", 4) == "abc…"


def test_times() -> None:
    assert since({"start": "2026-11-23T07:01:50.123456789Z", "duration": 7_300_000_000_000}).endswith("UTC, for 2 h")
