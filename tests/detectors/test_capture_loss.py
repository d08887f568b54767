"""Holes in the capture: how many make it doubtful."""

from __future__ import annotations

from tests.detectors.views import Maker
from wireverdict.detectors.capture_loss import CaptureLoss
from wireverdict.verdicts import Finding, Opinion, Severity


def judge(**capture: int) -> list[Finding]:
    maker = Maker()
    maker.capture |= capture
    return list(CaptureLoss().judge(maker.view()))


def test_acknowledged_and_never_seen() -> None:
    (finding,) = judge(data_packets=2_000, payload_bytes=2_000_000, missed_events=50, missed_bytes=100_000)
    assert (finding.opinion, finding.severity) == (Opinion.BAD, Severity.WARNING)
    assert finding.subject.text() == ""
    assert finding.evidence["missed_share"] == 100 / 2_100


def test_one_large_hole_is_not_enough_events() -> None:
    (finding,) = judge(data_packets=2_000, payload_bytes=2_000_000, missed_events=1, missed_bytes=900_000)
    assert finding.opinion is Opinion.GOOD


def test_drops_that_the_capture_reports() -> None:
    (finding,) = judge(data_packets=2_000, payload_bytes=2_000_000, reported_drops=1_500)
    assert (finding.opinion, finding.severity) == (Opinion.BAD, Severity.CRITICAL)
    (only,) = judge(reported_drops=1_500)
    assert only.evidence["missed_share"] == 1.0


def test_clean_capture_is_good_once_there_is_enough_of_it() -> None:
    (finding,) = judge(data_packets=2_000, payload_bytes=2_000_000)
    assert finding.opinion is Opinion.GOOD
    assert judge(data_packets=20, payload_bytes=20_000) == []
    assert judge() == []


def test_drops_happen_before_pairs_are_left_out() -> None:
    """Of 10,000 packets 1,000 found no room, and of the others a quarter was kept: a tenth is missing and not a third."""
    fields = {"data_packets": 2_250, "payload_bytes": 2_250_000, "reported_drops": 1_000}
    (finding,) = judge(**fields)
    assert finding.evidence["missed_share"] == 1_000 / 3_250
    maker = Maker()
    maker.capture |= {**fields, "sampled": 0.25, "left_out": 3_000}  # of 1,000 packets that views have
    (finding,) = CaptureLoss().judge(maker.view())
    assert finding.evidence["missed_share"] == 250 / 2_500
    assert finding.evidence["reported_drops"] == 1_000
    assert finding.severity is Severity.WARNING


def test_what_pairs_miss_that_were_left_out_for_a_while_is_no_loss() -> None:
    fields = {"data_packets": 2_000, "payload_bytes": 2_000_000, "missed_events": 500, "missed_bytes": 500_000}
    assert judge(**fields)[0].opinion is Opinion.BAD
    maker = Maker()
    maker.capture |= {**fields, "sampled": 0.5, "left_out": 500}  # half of the pairs, in half of the window
    assert list(CaptureLoss().judge(maker.view())) == []
    maker.capture |= {"left_out": 1_000}  # half of the pairs, all the time
    assert [each.opinion for each in CaptureLoss().judge(maker.view())] == [Opinion.BAD]
