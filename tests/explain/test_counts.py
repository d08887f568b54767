"""What would have changed verdicts on sums of windows: the detectors themselves agree."""

from __future__ import annotations

import re

import pytest

from streams.silence import Silence
from tests.explain.real import fired
from wireverdict.detectors.shares import wilson_lower
from wireverdict.explain import counts
from wireverdict.explain.verdict import explain
from wireverdict.settings import Settings

SETTINGS = Settings()


@pytest.mark.parametrize(
    ("rule", "total", "limit"),
    [
        ("dns-loss", "attempts", SETTINGS.detectors.dns_loss.warning),
        ("new-flow-loss", "attempts", SETTINGS.detectors.new_flow_loss.warning_share),
        ("retransmission-storm", "data_packets", SETTINGS.detectors.retransmission_storm.warning_share),
    ],
)
def test_one_more_than_the_bearable_is_a_finding(rule: str, total: str, limit: float) -> None:
    evidence = fired(rule)["wireverdict"]["evidence"]
    made = getattr(counts, rule.replace("-", "_"))(evidence, SETTINGS)
    (bearable,) = re.findall(r"^At most ([\d,]+)", made.changes[0])
    count = int(bearable.replace(",", ""))
    assert wilson_lower(count, evidence[total]) <= limit < wilson_lower(count + 1, evidence[total])


def test_late_answers_are_told() -> None:
    evidence = fired("dns-loss")["wireverdict"]["evidence"] | {"late": 7, "unanswered": 50, "nothing_came_back": True}
    made = counts.dns_loss(evidence, SETTINGS)
    assert any("7 late answers would have counted as answers, and 43 attempts" in text for text in made.changes)
    assert any("both directions" in text for text in made.next_steps)


def test_a_ratio_is_told_by_what_decided_it() -> None:
    """The floor, the usual, or both: the verdict hangs on neither if each would have sufficed."""
    evidence = {"packets_out": 1000, "packets_in": 50, "ratio": 0.05, "bytes_per_packet_out": 80.0}
    floor = {"floor": 0.5, "baseline_ratio": None, "baseline_windows": 0}
    usual = {"floor": None, "baseline_ratio": 0.9, "baseline_windows": 30}
    for more, needed in (
        (floor, ["packets out", "packets in per packet out"]),
        (usual, ["packets out", "times that the usual ratio is higher", "windows that made the usual"]),
        (usual | {"floor": 0.5}, ["packets out"]),
    ):
        made = counts.throttling_ratio(evidence | more, SETTINGS)
        assert [check.what for check in made.checks if check.need] == needed
        assert all(check.met for check in made.checks)
    assert made.changes[0].startswith("About 500 packets in, for the 1,000 that went out")


def test_no_packet_back_is_infinitely_few() -> None:
    evidence = {"packets_out": 400, "packets_in": 0, "ratio": 0.0, "baseline_ratio": 0.9, "baseline_windows": 30}
    assert counts.throttling_ratio(evidence, SETTINGS).checks[1].value == float("inf")


def test_a_window_of_another_length() -> None:
    made = counts.zero_window({"stalled_ms": 1500, "stalled_share": 0.75}, SETTINGS)
    assert made.changes == ["Closed for less than 400 ms of 2e+03 ms, it would have been no finding."]
    assert [check.met for check in made.checks] == [True, False]


def test_a_silent_sensor() -> None:
    silence = Silence(60.0)
    silence.heard("a", 1_000_000_000_000, False)
    ((name, verdict),) = silence.heard("b", 1_070_000_000_000, False)
    made = explain(verdict.to_json(), SETTINGS)
    assert name == "a"
    assert [(check.value, check.bound, check.met) for check in made.checks] == [(70.0, 60.0, True)]


def test_drops_that_were_reported_count() -> None:
    made = counts.capture_loss({"missed_events": 3, "reported_drops": 40, "missed_share_lower_95": 0.02}, SETTINGS)
    assert [check.met for check in made.checks] == [True, True, False]
