"""What captures are worth, and whom to speak of."""

from __future__ import annotations

import json

import pytest

from tests.detectors.views import Maker
from wireverdict.detectors.quality import (
    Followed,
    Watched,
    capture_quality,
    confidence,
    doubted,
    drop_share,
    missed_share,
)
from wireverdict.verdicts import Finding, Opinion, Subject

HOST = Subject("192.0.2.1")


def test_missed_share_is_of_what_was_sent() -> None:
    maker = Maker()
    maker.capture |= {"data_packets": 90, "missed_events": 10}
    view = maker.view()
    assert missed_share(view) == pytest.approx(0.1)
    assert drop_share(view) == pytest.approx(0.1)
    view.capture.reported_drops = view.packets
    assert drop_share(view) == pytest.approx(0.5)
    assert missed_share(Maker().view()) == 0.0


def test_quality_names_only_what_is_wrong() -> None:
    assert capture_quality(Maker().view()) == {"missed_share": 0.0}
    maker = Maker()
    maker.capture |= {"late": 3, "overflow": 4, "untracked_dns": 5, "reported_drops": 6, "final": True}
    maker.capture |= {"one_sided_packets": 50_000}
    assert capture_quality(maker.view()) == {
        "missed_share": 0.0,
        "late_packets": 3,
        "overflow_packets": 4,
        "untracked_dns_packets": 5,
        "reported_drops_packets": 6,
        "one_sided_share": 0.5,
        "cut_by_end_of_capture": True,
    }


def test_confidence_grows_with_the_distance_from_the_threshold() -> None:
    view = Maker().view()
    steps = [confidence(low / 100, 0.1, view) for low in range(10, 101)]
    assert steps == sorted(steps)
    assert steps[0] == pytest.approx(0.5)
    assert steps[10] == pytest.approx(0.9)
    assert steps[-1] == pytest.approx(0.99)
    assert confidence(0.95, 0.8, view) == pytest.approx(0.945)
    view.capture.reported_drops = view.packets
    assert confidence(1.0, 0.1, view) == pytest.approx(0.495)


def test_only_those_that_were_bad_are_spoken_of() -> None:
    watched = Watched(keep=100)
    assert not watched.note(HOST, Opinion.GOOD, 0)
    assert watched.note(HOST, Opinion.BAD, 10)
    again = Watched(keep=100)
    again.load(json.loads(json.dumps(watched.dump())))
    for one in (watched, again):
        assert one.note(HOST, Opinion.GOOD, 110)
        assert not one.note(HOST, Opinion.GOOD, 111)
        assert list(one) == [HOST]
        one.forget(111)
        assert list(one) == []


def test_a_subject_is_followed_for_some_windows() -> None:
    followed, subject = Followed(2), Subject("192.0.2.1")
    assert subject not in followed
    assert not len(followed)
    followed.add(subject)
    followed.next_window()
    again = Followed(2)
    again.load(followed.dump())
    assert subject in again
    assert len(again) == 1
    again.next_window()
    assert subject not in again


def test_nothing_but_the_capture_itself_is_judged_where_it_lost_too_much() -> None:
    view = Maker().view()
    findings = [Finding(rule, HOST, Opinion.BAD, 0, 1) for rule in ("dns-loss", "capture-loss")]
    findings.append(Finding("policing", HOST, Opinion.GOOD, 0, 1))
    view.capture.reported_drops = view.packets // 10
    assert doubted(findings, view, 0.1) == findings
    view.capture.reported_drops = view.packets // 8
    assert [each.opinion for each in doubted(findings, view, 0.1)] == [Opinion.UNKNOWN, Opinion.BAD, Opinion.UNKNOWN]
    assert [each.rule for each in doubted(findings, view, 0.1)] == ["dns-loss", "capture-loss", "policing"]


def test_sampling_is_named() -> None:
    view = Maker().view()
    view.capture.sampled = 0.25
    assert capture_quality(view)["sampled_share"] == 0.25
