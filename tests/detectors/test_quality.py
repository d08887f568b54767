"""What captures are worth, and whom to speak of."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.detectors.views import Maker
from wireverdict.detectors.quality import (
    Followed,
    Watched,
    Worked,
    capture_quality,
    confidence,
    doubted,
    drop_share,
    estimates,
    missed_share,
    mixed,
    taken_share,
    with_sampling,
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


def test_what_worked_is_remembered_in_two_halves() -> None:
    worked, again = Worked(least=3), Worked(least=3)
    worked.add(np.array([5, 9], np.uint64))
    again.load(json.loads(json.dumps(worked.dump())))
    for memory in (worked, again):
        memory.add(np.zeros(0, np.uint64))
        assert memory.knows(np.array([5, 7, 9], np.uint64)).tolist() == [True, False, True]
        memory.add(np.array([2**64 - 1, 5], np.uint64))
        assert memory.knows(np.array([5, 7, 2**64 - 1], np.uint64)).tolist() == [True, False, True]  # a half is full
        memory.add(np.array([1, 2, 3], np.uint64))  # and a second: the first one is forgotten
        assert memory.knows(np.array([5, 1, 3], np.uint64)).tolist() == [False, True, True]
    assert worked.dump() == again.dump()


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


def test_drops_are_a_share_of_all_packets_those_included_that_were_left_out() -> None:
    view = Maker().view()
    view.capture.reported_drops = view.packets // 2
    assert drop_share(view) == pytest.approx(1 / 3)
    view.capture.left_out = 3 * view.packets
    assert drop_share(view) == pytest.approx(1 / 9)
    findings = [Finding("dns-loss", HOST, Opinion.BAD, 0, 1)]
    assert doubted(findings, view, 0.2) == findings
    view.capture.left_out = 0
    assert [each.opinion for each in doubted(findings, view, 0.2)] == [Opinion.UNKNOWN]


def test_every_finding_says_what_was_left_out() -> None:
    view = Maker().view()
    findings = [Finding("mine", HOST, Opinion.BAD, 0, 1, capture_quality={"own": 1})]
    assert with_sampling(findings, view) == findings
    view.capture.sampled, view.capture.left_out = 0.25, 3_000
    (finding,) = with_sampling(findings, view)
    assert finding.capture_quality == {"own": 1, "sampled_share": 0.25, "left_out_packets_estimated": 3_000}
    assert findings[0].capture_quality == {"own": 1}


def test_a_window_in_which_the_share_changed_is_mixed() -> None:
    view = Maker().view()  # of 1,000 packets
    for share, left_out, torn in ((1.0, 0, False), (0.5, 1_000, False), (0.5, 300, True), (0.25, 1_000, True)):
        view.capture.sampled, view.capture.left_out = share, left_out
        assert mixed(view) is torn
        assert taken_share(view) == 1_000 / (1_000 + left_out)


def test_totals_are_estimated_and_their_errors_are_as_large_as_they_say() -> None:
    """Pairs of very different sizes, each kept with the probability 1/4: how often the truth lies within the bounds."""
    rng = np.random.default_rng(4)
    sizes = np.concatenate([rng.integers(1, 40, 3_000), rng.integers(200, 500, 100)]).astype(np.int64)
    view = Maker().view()
    assert estimates(view, attempts=sizes) == {}
    view.capture.sampled, view.capture.left_out = 0.25, 3 * view.packets
    within, told = 0, []
    for _ in range(400):
        kept = sizes[rng.random(len(sizes)) < 0.25]
        made = estimates(view, attempts=kept, clients=np.ones(len(kept), np.int64))
        within += abs(made["attempts_estimated"] - int(sizes.sum())) <= made["attempts_estimated_error_95"]
        told.append(made["attempts_estimated"])
        assert made["clients_estimated"] == 4 * len(kept)
    assert 0.92 < within / 400 < 0.98
    assert np.mean(told) == pytest.approx(sizes.sum(), rel=0.02)


def test_rows_of_one_pair_are_in_the_sample_together() -> None:
    view = Maker().view()
    view.capture.sampled, view.capture.left_out = 0.5, view.packets
    counts, pairs = np.array([3, 4, 5]), np.array([[1, 2], [1, 2], [1, 3]])
    made, whole = estimates(view, pairs, packets=counts), estimates(view, packets=np.array([7, 5]))
    assert made == whole
    assert made["packets_estimated"] == 24
    assert made["packets_estimated_error_95"] == round(1.96 * (0.5 * (49 + 25)) ** 0.5 / 0.5)
