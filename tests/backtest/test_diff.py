"""Differences between two configurations: which there are, what they rest on, which are interesting."""

from __future__ import annotations

import msgspec

from tests.backtest.making import SECOND, SUBJECT, incident
from wireverdict.backtest.diff import Difference, differences, pairs, rank, silence
from wireverdict.backtest.panel import Look
from wireverdict.verdicts import Severity, Subject


def look(at: float, opinion: str, **evidence: float) -> Look:
    return Look(round(at * SECOND), "dns-loss", incident(20).fingerprint, opinion, 2, 0.6, evidence)


def test_the_same_is_no_difference() -> None:
    assert differences([incident(20, 50)], [incident(20, 50)]) == []


def test_only_one_side() -> None:
    found = differences([incident(20, 50)], [incident(20, 50, subject=Subject("192.0.2.9"))])
    assert [(one.kind, one.who) for one in found] == [("only_a", SUBJECT.text()), ("only_b", "192.0.2.9")]


def test_both_but_otherwise() -> None:
    a = incident(20, 50, severity=Severity.CRITICAL, evidence={"attempts": 40, "lost": 30, "x": 1})
    b = incident(30, 60, start=10, confidence=0.95, evidence={"attempts": 50, "lost": 30})
    (one,) = differences([a], [b])
    assert one.kind == "changed"
    assert one.changed == {
        "fired": (20 * SECOND, 30 * SECOND),
        "resolved": (50 * SECOND, 60 * SECOND),
        "severity": (3, 2),
        "confidence": (0.9, 0.95),
    }
    assert one.evidence == {"attempts": (40, 50), "x": (1, None)}
    assert one.why == [
        "over for the first: good in 2 windows in a row",
        "over for the second: good in 2 windows in a row",
        "the first was told because bad in 2 windows",
        "the second because bad in 2 windows",
    ]


def test_another_place_is_another_trouble() -> None:
    found = differences([incident(20, place="edge")], [incident(20, place="far")])
    assert [one.kind for one in found] == ["only_a", "only_b"]


def test_a_long_trouble_has_one_of_several_short_ones_as_its_partner() -> None:
    long, short = [incident(20, 500)], [incident(20, 50), incident(100, 150), incident(600, 650)]
    assert pairs(long, short) == [(0, 0), (None, 1), (None, 2)]
    assert pairs(short, long) == [(0, 0), (1, None), (2, None)]
    assert pairs([incident(20)], [incident(900)]) == [(0, 0)]  # the first one is never over
    assert pairs([incident(20, 30)], [incident(900)]) == [(0, None), (None, 0)]


def test_what_the_silent_side_thought_is_its_evidence() -> None:
    one = incident(20, 50)
    heard = {("edge", one.fingerprint): [look(20, "bad", attempts=39, share=0.2), look(30, "good"), look(90, "bad")]}
    (found,) = differences([one], [], ({}, heard))
    assert found.evidence == {"attempts": (40, 39), "unanswered": (30, None), "share": (None, 0.2)}
    assert (
        found.why[0] == "in the window that ended 1970-01-01T00:00:20Z the other side found it bad (warning, 60 % sure)"
    )
    assert found.why[1].startswith("bad in 1 of 2 windows")
    (mirrored,) = differences([], [one], (heard, {}))
    assert mirrored.evidence["attempts"] == (39, 40)


def test_a_side_that_never_mentions_it_and_one_that_nobody_asked() -> None:
    assert silence(incident(20, 50), [look(90, "bad")])[1][0].startswith("the other side never mentions")
    (found,) = differences([incident(20)], [])
    assert found.why == []


def test_a_detector_that_is_off_thinks_nothing() -> None:
    for found in (
        differences([incident(20)], [], ({}, {}), None, ((), ("dns-loss",))),
        differences([], [incident(20)], ({}, {}), None, (("dns-loss",), ())),
    ):
        assert found[0].why == ["the other side does not ask this detector (detectors.off)"]


def test_fates_are_taken_along() -> None:
    found = differences(
        [incident(20), incident(90, rule="policing")], [incident(25)], None, (["right", "wrong"], ["wrong"])
    )
    assert [one.fate for one in found] == [("right", "wrong"), ("wrong", None)]


def test_what_labels_tell_apart_is_most_interesting_and_repetition_is_not() -> None:
    same = [incident(20 + 200 * n, 50 + 200 * n, severity=Severity.CRITICAL) for n in range(5)]
    odd = [incident(500, 510, rule="policing"), incident(700, 720, rule="zero-window", place="far")]
    a = sorted([*same, *odd], key=lambda one: one.fired)
    fates = ["right" if one.rule == "zero-window" else "unlabelled" for one in a]
    told = rank(differences(a, [], None, (fates, [])), 4)
    assert [one.rule for one in told] == ["zero-window", "dns-loss", "policing", "dns-loss"]
    assert [one.interest for one in told] == [7.0, 4.0, 3.0, 1.0]


def test_times_that_are_further_apart_weigh_more() -> None:
    a = [incident(20, 50), incident(20, 50, subject=Subject("192.0.2.9"))]
    b = [incident(20, 60), incident(20, 950, subject=Subject("192.0.2.9"))]
    told = rank(differences(a, b), 2)
    assert [one.who for one in told] == ["192.0.2.9", SUBJECT.text()]


def test_ranking_is_that_of_a_plain_reference() -> None:
    a = [incident(20 + 40 * n, 30 + 40 * n, rule=("x", "y")[n % 2], place=("p", "q", "r")[n % 3]) for n in range(12)]
    found = differences(a, [])
    left, expected = list(found), list[Difference]()
    while left:  # weight 3, halved for each one before that has the same rule, and again for the same subject
        weights = [
            3.0 / 2 ** sum((o.rule == one.rule) + ((o.place, o.rule) == (one.place, one.rule)) for o in expected)
            for one in left
        ]
        expected.append(left.pop(weights.index(max(weights))))
    told = rank(found, 12)
    assert [msgspec.structs.replace(one, interest=0.0) for one in told] == expected
