"""The detector of policing: judgements to findings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wireverdict.detectors.policing import Policing, PolicingSettings, bits, size, text_of
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.view import PathView, PolicingCase
from wireverdict.verdicts import Finding, Opinion, Severity, rounded

SENDER, RECEIVER = bytes(10) + b"\xff\xff\xc6\x12\x00\x01", bytes(10) + b"\xff\xff\xc6\x12\x00\x02"
POLICED = Judgement(
    Cause.POLICED,
    lost=30,
    passed=970,
    episodes=9,
    first_loss=4_000,
    last_loss=9_000,
    rate_bps=5e6,
    rate_low_bps=4.9e6,
    rate_high_bps=5.1e6,
    delivered_bps=4.8e6,
    burst_bytes=1e5,
    explained=0.9,
    gain=200.0,
    gain_in_time=90.0,
    rank=0.01,
    confidence=0.95,
)


class View:
    """What a detector of paths looks at."""

    def __init__(self, paths: Any) -> None:
        self.paths = paths


def judge(detector: Policing, *cases: PolicingCase) -> list[Finding]:
    view: Any = View(PathView(1_000, 11_000, list(cases), [], set(), 2, {}))
    return list(detector.judge(view))


def case(judgement: Judgement, repeats: int = 5, packets: int = 500) -> PolicingCase:
    return PolicingCase(SENDER, RECEIVER, judgement, [(443, 50_000 + k, 9 - k) for k in range(7)], repeats, packets, 3)


def test_a_policed_path_fires_with_its_evidence() -> None:
    (finding,) = judge(Policing(), case(POLICED))
    assert finding.rule == "policing"
    assert finding.opinion is Opinion.BAD
    assert finding.subject.text() == "198.18.0.1 > 198.18.0.2/tcp"
    assert (finding.since, finding.until) == (4_000, 11_000)
    assert finding.severity is Severity.WARNING
    assert finding.confidence == 0.95
    assert finding.evidence["rate_bps"] == 5e6
    assert finding.evidence["loss_share"] == 0.03
    assert len(finding.evidence["connections"]) == 5
    assert finding.evidence["connections_with_losses"] == 7
    assert finding.capture_quality == {"vantage": "sender", "packets_left_out": 3, "directions_not_judged": 2}
    assert "5 Mbit/s" in finding.remedy
    assert "100 kB" in finding.remedy
    json.dumps(rounded(finding.evidence))


def test_heavy_loss_is_critical() -> None:
    heavy = Judgement(Cause.POLICED_PARTLY_SEEN, 200, 800, rate_bps=5e6, burst_bytes=1e5)
    (finding,) = judge(Policing(), case(heavy))
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence["part_of_traffic_unseen"] is True


@pytest.mark.parametrize("cause", [cause for cause in Cause if not cause.startswith("policed")])
def test_others_are_not_spoken_of(cause: Cause) -> None:
    assert judge(Policing(), case(Judgement(cause, 20, 100))) == []


@pytest.mark.parametrize(
    ("judgement", "repeats", "packets", "opinion"),
    [
        (Judgement(Cause.QUEUE, 20, 400), 20, 400, Opinion.GOOD),
        (Judgement(Cause.RANDOM, 20, 400), 20, 400, Opinion.GOOD),
        (Judgement(Cause.UNDECIDED, 20, 400), 20, 400, Opinion.UNKNOWN),
        (Judgement(Cause.SHALLOW, 20, 400), 20, 400, Opinion.UNKNOWN),
        (Judgement(Cause.TOO_FEW, 3, 400), 3, 400, Opinion.UNKNOWN),
        (Judgement(Cause.TOO_FEW, 0, 400), 0, 400, Opinion.GOOD),
    ],
)
def test_what_was_policed_is_followed(judgement: Judgement, repeats: int, packets: int, opinion: Opinion) -> None:
    detector = Policing()
    judge(detector, case(POLICED))
    (finding,) = judge(detector, case(judgement, repeats, packets))
    assert finding.opinion is opinion
    assert finding.remedy == ""
    assert finding.evidence["why_not"]


def test_next_to_nothing_sent_is_silence() -> None:
    """Else a light flow beside the transfer that was policed would keep the verdict open."""
    detector = Policing()
    judge(detector, case(POLICED))
    assert judge(detector, case(Judgement(Cause.TOO_FEW, 0, 20), 0, 20)) == []
    assert judge(detector, case(Judgement(Cause.UNDECIDED, 20, 400), 0, 20)) == []


def test_it_is_followed_for_a_while_only_and_across_a_restart() -> None:
    detector = Policing(PolicingSettings(follow=3))
    judge(detector, case(POLICED))
    calm = case(Judgement(Cause.TOO_FEW, 0, 400), 0, 400)
    assert judge(detector, calm)
    again = Policing(PolicingSettings(follow=3))
    again.load(json.loads(json.dumps(detector.dump())))
    assert judge(again, calm)
    assert not judge(again, calm)


def test_without_paths_it_is_silent() -> None:
    view: Any = View(None)
    assert list(Policing().judge(view)) == []


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="critical_loss_share"):
        PolicingSettings(critical_loss_share=0.0)


@pytest.mark.parametrize(
    ("rate", "text"), [(500, "500 bit/s"), (5e5, "500 kbit/s"), (1.5e6, "1.5 Mbit/s"), (2e9, "2 Gbit/s")]
)
def test_rates_for_people(rate: float, text: str) -> None:
    assert bits(rate) == text


def test_sizes_and_addresses_for_people() -> None:
    assert size(8_000) == "8 kB"
    assert size(2e6) == "2 MB"
    assert text_of(SENDER) == "198.18.0.1"
    assert text_of(bytes.fromhex("20010db8000000000000000000000001")) == "2001:db8::1"
