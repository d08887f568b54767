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
