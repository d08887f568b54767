"""When retransmissions are a storm, and when the counts cannot tell."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from tests.detectors.views import Maker
from wireverdict.detectors.retransmission_storm import RetransmissionStorm
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.view import PathView, PolicingCase
from wireverdict.verdicts import Finding, Opinion, Severity
from wireverdict.windows.fields import Count

DATA, AGAIN = Count.DATA_PACKETS, Count.RETRANSMISSIONS


def judge(sent: dict[Count, int]) -> list[Finding]:
    """What is said of this window, when the one before it was bad."""
    detector = RetransmissionStorm()
    assert bad_before(detector) == [Opinion.BAD]
    return list(detector.judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, sent).view(1)))


def bad_before(detector: RetransmissionStorm) -> list[Opinion]:
    view = Maker().flow("192.0.2.1", "198.51.100.7", 443, {DATA: 1000, AGAIN: 300}).view(0)
    return [finding.opinion for finding in detector.judge(view)]


def test_a_third_sent_again_is_critical() -> None:
    (finding,) = judge({DATA: 1000, AGAIN: 400})
    assert (finding.opinion, finding.severity) == (Opinion.BAD, Severity.CRITICAL)
    assert finding.subject.text() == "192.0.2.1 > 198.51.100.7/tcp"
    assert finding.evidence["retransmission_share"] == 0.4


@pytest.mark.parametrize(
    ("cause", "opinion"), [(Cause.POLICED, None), (Cause.POLICED_PARTLY_SEEN, None), (Cause.RANDOM, Opinion.BAD)]
)
def test_a_policer_speaks_for_itself(cause: Cause, opinion: Opinion | None) -> None:
    view = Maker().flow("192.0.2.1", "198.51.100.7", 443, {DATA: 1000, AGAIN: 400}).view(0)
    ends = [ip_address(f"::ffff:{text}").packed for text in ("192.0.2.1", "198.51.100.7")]
    case = PolicingCase(ends[0], ends[1], Judgement(cause, 400, 600), [], 400, 1000, 0)
    view.paths = PathView(view.start, view.end, [case], [], set(), 0, {})
    assert [finding.opinion for finding in RetransmissionStorm().judge(view)] == ([opinion] if opinion else [])
    back = Maker().flow("198.51.100.7", "192.0.2.1", 443, {DATA: 1000, AGAIN: 400}).view(0)
    back.paths = view.paths
    assert [finding.opinion for finding in RetransmissionStorm().judge(back)] == [Opinion.BAD]


def test_a_slow_start_that_goes_too_far_is_no_storm_yet() -> None:
    """One window is a warning that has to be confirmed by another; what lasts is critical. State survives a restart."""
    storm = Maker().flow("192.0.2.1", "198.51.100.7", 443, {DATA: 1000, AGAIN: 400})
    detector = RetransmissionStorm()
    (first,) = detector.judge(storm.view(0))
    assert (first.severity, first.confidence) == (Severity.WARNING, 0.85)
    again = RetransmissionStorm()
    again.load(json.loads(json.dumps(detector.dump())))
    for follower in (detector, again):
        (second,) = follower.judge(storm.view(1))
        assert (second.severity, second.confidence > 0.9) == (Severity.CRITICAL, True)
    detector.judge(Maker().view(2))
    (later,) = detector.judge(storm.view(3))
    assert later.severity is Severity.WARNING


def test_needless_ones_do_not_count() -> None:
    (finding,) = judge({DATA: 1000, AGAIN: 400, Count.SPURIOUS: 390})
    assert finding.opinion is Opinion.GOOD


def test_two_percent_is_a_path_with_loss_and_no_storm() -> None:
    (finding,) = judge({DATA: 2000, AGAIN: 40})
    assert finding.opinion is Opinion.GOOD


def test_few_say_nothing() -> None:
    assert judge({DATA: 20, AGAIN: 15}) == []


def test_a_share_that_chance_may_explain_is_unknown() -> None:
    (finding,) = judge({DATA: 190, AGAIN: 20})
    assert finding.opinion is Opinion.UNKNOWN


def test_a_capture_with_holes_leaves_it_unknown() -> None:
    (finding,) = judge({DATA: 1000, AGAIN: 400, Count.MISSED_EVENTS: 50, Count.MISSED_BYTES: 70_000})
    assert finding.opinion is Opinion.UNKNOWN
    assert finding.capture_quality == {"missed_bytes": 70_000, "missed_events": 50, "captured_twice": 0}


def test_a_mirror_that_delivers_twice_is_no_storm() -> None:
    (finding,) = judge({DATA: 1000, AGAIN: 500, Count.COPIES: 500, Count.RETRANSMITTED_BYTES: 500_000})
    assert finding.opinion is not Opinion.BAD
    assert finding.capture_quality["captured_twice"] == 500


def test_each_direction_is_judged_alone() -> None:
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 443, {DATA: 1000, AGAIN: 300}, {DATA: 1000})
    by_sender = {finding.subject.source_ip: finding.opinion for finding in RetransmissionStorm().judge(maker.view())}
    assert by_sender == {"192.0.2.1": Opinion.BAD}


def test_well_directions_are_not_spoken_of_unless_they_were_bad() -> None:
    detector, again = RetransmissionStorm(), RetransmissionStorm()
    well = Maker().flow("192.0.2.1", "198.51.100.7", 443, {DATA: 1000})
    assert list(detector.judge(well.view(0))) == []
    bad_before(detector)
    again.load(detector.dump())
    assert [finding.opinion for finding in again.judge(well.view(1))] == [Opinion.GOOD]
    assert list(again.judge(well.view(70))) == []
