"""Lives of alerts as tables: one letter a window in, steps out."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.alerts import Alerts, AlertSettings
from wireverdict.verdicts import Finding, Opinion, Severity, Status, Subject, Verdict

W = 10_000_000_000
HOST = Subject("192.0.2.1", "198.51.100.7", 53, protocol="udp")
MEANING = {
    "b": (Opinion.BAD, Severity.WARNING, 0.6),
    "c": (Opinion.BAD, Severity.WARNING, 0.95),  # clear
    "B": (Opinion.BAD, Severity.CRITICAL, 0.6),
    "g": (Opinion.GOOD, Severity.INFO, 1.0),
    "?": (Opinion.UNKNOWN, Severity.WARNING, 0.0),
}


def finding(letter: str, number: int, subject: Subject = HOST, rule: str = "dns-loss") -> Finding:
    opinion, severity, confidence = MEANING[letter]
    return Finding(
        rule, subject, opinion, number * W + 1, (number + 1) * W, severity, confidence, {"letter": letter}, {}, "look"
    )


def live(letters: str, config: AlertSettings | None = None) -> list[tuple[int, str]]:
    """(window, step) for a subject judged as the letters say: "." no finding, "_" no window at all."""
    alerts, steps = Alerts(config), []
    for number, letter in enumerate(letters):
        if letter != "_":
            given = [finding(letter, number)] if letter != "." else []
            steps += [(number, v.step) for v in alerts.step(number * W, (number + 1) * W, given)]
    return steps + [(len(letters), verdict.step) for verdict in alerts.finish()]


@pytest.mark.parametrize(
    ("letters", "steps"),
    [
        ("ggggg", []),
        ("gbggg", []),
        ("gbgbgg", [(3, "fired"), (5, "resolved")]),
        ("gbbbgg", [(2, "fired"), (5, "resolved")]),
        ("gbggbgg", []),
        ("gcgg", [(1, "fired"), (3, "resolved")]),
        ("gBgg", [(1, "fired"), (3, "resolved")]),
        ("gbbBbgg", [(2, "fired"), (3, "escalated"), (6, "resolved")]),
        ("gBgBgBgg", [(1, "fired"), (7, "resolved")]),
        ("gB....", [(1, "fired"), (4, "resolved")]),  # silence: 30 s after the last window that mentioned it
        ("gB??????", [(1, "fired")]),  # what cannot be judged keeps an open verdict open
        ("g??????", []),
        ("gb?b", [(3, "fired")]),
        ("gB__________B...", [(1, "fired"), (12, "resolved"), (12, "fired"), (15, "resolved")]),
        ("gb__________bggg", []),  # the first was forgotten
        ("gB__________g", [(1, "fired"), (12, "resolved")]),
        ("b", [(1, "fired")]),  # too short an input to wait for a second window
        ("gb", [(2, "fired")]),
        ("bg", []),
        ("ggggb", []),
        ("gBBBB", [(1, "fired")]),  # the end resolves nothing
    ],
)
def test_life(letters: str, steps: list[tuple[int, str]]) -> None:
    assert live(letters) == steps


def test_what_still_fires_is_told_again_after_an_hour() -> None:
    assert live("B" * 750) == [(0, "fired"), (360, "repeated"), (720, "repeated")]
    assert live("B" * 750, AlertSettings(renotify=0)) == [(0, "fired")]


def test_verdict_says_when_and_why() -> None:
    alerts = Alerts()
    alerts.step(0, W, [finding("b", 0)])
    (fired,) = alerts.step(W, 2 * W, [finding("b", 1)])
    assert (fired.start, fired.end, fired.at, fired.status) == (1, 2 * W, 2 * W, Status.FIRING)
    assert fired.reason == "bad in 2 of the last 2 windows judged"
    assert alerts.firing == [fired]
    alerts.step(2 * W, 3 * W, [finding("g", 2)])
    (resolved,) = alerts.step(3 * W, 4 * W, [finding("g", 3)])
    assert (resolved.start, resolved.end, resolved.at, resolved.status) == (1, 2 * W, 4 * W, Status.RESOLVED)
    assert resolved.evidence == {"letter": "b", "when_resolved": {"letter": "g"}}
    assert resolved.fingerprint == fired.fingerprint
    assert resolved.incident == fired.incident
    assert resolved.id != fired.id
    assert alerts.firing == []


def test_same_subject_twice_in_a_window_is_a_fault_of_the_detector() -> None:
    with pytest.raises(ValueError, match=r"dns-loss judged 192\.0\.2\.1 > 198\.51\.100\.7:53/udp twice"):
        Alerts().step(0, W, [finding("b", 0), finding("g", 0)])


def many(letter: str, number: int, hosts: int, first: int = 0) -> list[Finding]:
    return [
        finding(letter, number, Subject(f"192.0.2.{host}", "198.51.100.7", 53)) for host in range(first, first + hosts)
    ]


def test_many_subjects_at_once_are_one_verdict() -> None:
    alerts = Alerts()
    (fired,) = alerts.step(0, W, many("B", 0, 50))
    assert fired.subject == Subject("", "198.51.100.7", 53)
    assert fired.evidence["subjects"] == 50
    assert fired.evidence["worst"]["subject"] == "192.0.2.0 > 198.51.100.7:53"
    assert alerts.step(W, 2 * W, many("B", 1, 55)) == []  # more join
    elsewhere = finding("B", 2, Subject("192.0.2.1", "203.0.113.9", 53))
    (other,) = alerts.step(2 * W, 3 * W, [*many("B", 2, 55), elsewhere])  # the group does not speak for those
    assert other.subject.destination_ip == "203.0.113.9"
    alerts.step(3 * W, 4 * W, many("g", 3, 55))
    assert alerts.step(4 * W, 5 * W, [*many("g", 4, 54), *many("B", 4, 1, 54)]) == []
    alerts.step(5 * W, 6 * W, many("g", 5, 55))
    (resolved,) = alerts.step(6 * W, 7 * W, many("g", 6, 55))
    assert resolved.fingerprint == fired.fingerprint
    assert resolved.status is Status.RESOLVED
    assert resolved.end == 5 * W


def test_ten_subjects_are_ten_verdicts() -> None:
    assert len(Alerts().step(0, W, many("B", 0, 10))) == 10


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(".bcBg?"), min_size=14, max_size=14), max_size=12), st.integers(0, 12))
def test_memory_survives_as_json(windows: list[list[str]], cut: int) -> None:
    def run(stop: int | None) -> list[Verdict]:
        alerts, told = Alerts(AlertSettings(group_over=5)), []
        for number, letters in enumerate(windows):
            if number == stop:
                saved = json.loads(json.dumps(alerts.dump()))
                alerts = Alerts(AlertSettings(group_over=5))
                alerts.load(saved)
            hosts = [Subject(f"192.0.2.{host}") for host in range(len(letters))]
            judged = zip(letters, hosts, strict=True)
            given = [finding(letter, number, host) for letter, host in judged if letter != "."]
            told += alerts.step(number * W, (number + 1) * W, given)
        return told + alerts.finish() + alerts.firing

    assert run(cut) == run(None)


@settings(max_examples=100, deadline=None)
@given(st.text("bcBg?._", max_size=40))
def test_steps_alternate_and_only_bad_windows_fire(letters: str) -> None:
    fired = False
    for window, step in live(letters):
        assert (step == "fired") != fired or step in ("escalated", "repeated"), (window, step)
        if step == "fired":
            fired = True
            assert window == len(letters) or letters[window] in "bcB"
        elif step == "resolved":
            fired = False
