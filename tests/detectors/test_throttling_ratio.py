"""Packets back per packet out: floors, baselines, and what must not be mistaken for throttling."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.detectors.views import Maker
from wireverdict.detectors.throttling_ratio import ThrottlingRatio
from wireverdict.verdicts import Finding, Opinion, Severity
from wireverdict.windows.fields import Count
from wireverdict.windows.view import WindowView

HOST, PEER = "192.0.2.1", "203.0.113.9"
UDP, TCP = 17, 6


def lane(
    maker: Maker, peer: str, out: int, back: int, port: int = 53, size: int = 80, protocol: int = UDP, asks: bool = True
) -> Maker:
    """Packets between HOST, whose packets are known to go out, and a peer."""
    mine = {Count.PACKETS: out, Count.BYTES: out * size, Count.OUT: out}
    other = {Count.PACKETS: back, Count.BYTES: back * 100, Count.IN: back}
    if asks:
        return maker.flow(HOST, peer, port, mine, other, protocol)
    return maker.flow(peer, HOST, port, other, mine, protocol)


def view(number: int, *lanes: Any, **fields: Any) -> WindowView:
    maker = Maker()
    for one in lanes:
        lane(maker, *one, **fields)
    return maker.view(number)


def bad(findings: Any) -> dict[str, Finding]:
    return {finding.subject.text(): finding for finding in findings if finding.opinion is Opinion.BAD}


def test_the_2017_outage_needs_no_baseline() -> None:
    roots = [(f"198.51.100.{k}", 100 + k, 6) for k in range(13)]
    found = bad(ThrottlingRatio().judge(view(0, *roots)))
    assert list(found) == [f"{HOST} > port 53/udp"]
    (finding,) = found.values()
    assert finding.severity is Severity.CRITICAL
    assert finding.confidence >= 0.9
    assert (finding.evidence["packets_out"], finding.evidence["packets_in"]) == (1378, 78)
    assert finding.evidence["floor"] == 0.5
    busiest = finding.evidence["busiest_destinations"]
    assert len(busiest) == 10
    assert busiest[0] == {"destination": "198.51.100.12", "out": 112, "in": 6}


@pytest.mark.parametrize(
    ("lanes", "fields"),
    [
        ([(PEER, 199, 0)], {}),  # too few
        ([(PEER, 1000, 520)], {}),  # half of the requests answered
        ([(PEER, 1000, 0)], {"port": 514}),  # one-way by nature, never seen otherwise
        ([(PEER, 1000, 30)], {"port": 443}),
        ([("224.0.0.251", 1000, 0)], {"port": 53}),
        ([("192.0.2.255", 1000, 0)], {"port": 123}),
        ([(PEER, 1000, 10)], {"asks": False}),  # a server that says much to few questions
        ([(PEER, 1000, 10)], {"protocol": TCP}),
        ([(PEER, 1000, 0)], {"protocol": 1, "port": 0}),
    ],
)
def test_no_floor_for(lanes: Any, fields: Any) -> None:
    detector = ThrottlingRatio()
    for number in range(10):
        assert bad(detector.judge(view(number, *lanes, **fields))) == {}


def test_nothing_is_said_where_nothing_is_heard() -> None:
    assert bad(ThrottlingRatio().judge(view(0, (PEER, 1000, 0)))) == {}
    heard = bad(ThrottlingRatio().judge(view(0, (PEER, 1000, 0), ("198.51.100.1", 1, 1))))
    assert list(heard) == [f"{HOST} > port 53/udp"]


def taught(windows: int = 6, port: int = 5000, **fields: Any) -> ThrottlingRatio:
    detector = ThrottlingRatio()
    for number in range(windows):
        assert bad(detector.judge(view(number, (PEER, 1000, 900 + number), port=port, **fields))) == {}
    return detector


def test_a_ratio_that_leaves_its_baseline() -> None:
    found = bad(taught().judge(view(6, (PEER, 1200, 100), port=5000)))
    assert list(found) == [f"{HOST} > port 5000/udp"]  # which speaks for the peer and the host
    (finding,) = found.values()
    assert finding.evidence["baseline_ratio"] == pytest.approx(0.9025)
    assert finding.evidence["baseline_windows"] == 6
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "changed",
    [
        {"lanes": [(PEER, 1200, 400)]},  # less than three times below
        {"lanes": [(PEER, 12_000, 100)]},  # another rate: another job
        {"lanes": [(PEER, 1200, 100)], "size": 1400},  # other packets: writing instead of reading
    ],
)
def test_changes_of_the_job_are_no_fault(changed: dict[str, Any]) -> None:
    lanes = changed.pop("lanes")
    assert bad(taught().judge(view(6, *lanes, port=5000, **changed))) == {}


def test_a_baseline_takes_a_minute_and_a_steady_one() -> None:
    assert bad(taught(5).judge(view(6, (PEER, 1200, 100), port=5000))) == {}
    detector = ThrottlingRatio()
    for number, back in enumerate([300, 1000, 300, 1000, 600, 300, 1000, 1000]):
        detector.judge(view(number, (PEER, 1000, back), port=5000))
    assert bad(detector.judge(view(9, (PEER, 1000, 100), port=5000))) == {}


def test_an_outage_cannot_teach_itself() -> None:
    detector = taught()
    for number in range(6, 400):
        assert bad(detector.judge(view(number, (PEER, 1200, 100), port=5000))), number
    assert bad(detector.judge(view(400, (PEER, 1000, 900), port=5000))) == {}


def test_recovery_is_reported() -> None:
    detector = taught()
    subjects = {f.subject for f in detector.judge(view(6, (PEER, 1200, 100), port=5000)) if f.opinion is Opinion.BAD}
    after = {f.subject: f.opinion for f in detector.judge(view(7, (PEER, 1000, 900), port=5000))}
    assert {after[subject] for subject in subjects} == {Opinion.GOOD}


def test_a_host_all_of_whose_peers_fall_silent_is_one_verdict() -> None:
    peers = [f"203.0.113.{k}" for k in range(5)]
    detector = ThrottlingRatio()
    for number in range(6):
        detector.judge(view(number, *[(peer, 1000, 500) for peer in peers], protocol=TCP, port=25, size=1400))
    assert list(
        bad(detector.judge(view(6, *[(peer, 1000, 20) for peer in peers], protocol=TCP, port=25, size=1400)))
    ) == [HOST]


def test_memory_survives_as_json() -> None:
    detector = taught()
    again = ThrottlingRatio()
    again.load(json.loads(json.dumps(detector.dump())))
    last = view(6, (PEER, 1200, 100), port=5000)
    assert list(again.judge(last)) == list(detector.judge(last))
    assert again.dump() == detector.dump()


def test_where_directions_are_not_known_the_host_that_is_everywhere_is_local() -> None:
    maker = Maker()
    for k in range(3):
        peer = f"198.51.100.{k}"
        maker.flow(HOST, peer, 53, {Count.PACKETS: 400, Count.BYTES: 32_000}, {Count.PACKETS: 20}, UDP)
    assert list(bad(ThrottlingRatio().judge(maker.view()))) == [f"{HOST} > port 53/udp"]
    maker.flow("198.51.100.1", "198.51.100.2", 53, {Count.PACKETS: 400, Count.BYTES: 32_000}, {Count.PACKETS: 20}, UDP)
    assert bad(ThrottlingRatio().judge(maker.view())) == {}


def sampled(made: WindowView, share: float, left_out: float | None = None) -> WindowView:
    made.capture.sampled = share
    made.capture.left_out = round(made.packets * (1 / share - 1)) if left_out is None else round(left_out)
    return made


def test_sums_of_some_pairs_are_compared_with_earlier_sums_of_the_same_pairs() -> None:
    """A host with a peer that answers much and one that answers little, which alone is left when pairs are left out."""
    both = [("198.51.100.1", 1_000, 2_000), ("198.51.100.2", 400, 60)]
    detector = ThrottlingRatio()
    for number in range(6):
        assert bad(detector.judge(view(number, *both, port=5000))) == {}
    for number in range(6, 12):
        made = sampled(view(number, both[1], port=5000), 0.5)
        assert bad(detector.judge(made)) == {}
    found = bad(detector.judge(sampled(view(12, ("198.51.100.2", 400, 10), port=5000), 0.5)))
    assert list(found) == [f"{HOST} > port 5000/udp"]
    (finding,) = found.values()
    assert finding.evidence["baseline_ratio"] == pytest.approx(0.15)
    assert finding.evidence["packets_out"] == 400
    assert finding.evidence["packets_out_estimated"] == 800
    assert finding.evidence["packets_out_estimated_error_95"] > 800
    without = bad(ThrottlingRatio().judge(view(0, *[(f"198.51.100.{k}", 100 + k, 6) for k in range(13)])))
    assert "packets_out_estimated" not in next(iter(without.values())).evidence


def test_a_window_with_some_of_the_pairs_in_a_part_of_it_teaches_sums_nothing() -> None:
    detector = ThrottlingRatio()
    for number in range(6):
        made = sampled(view(number, ("198.51.100.1", 1_000, 900), port=5000), 0.5, left_out=300)
        assert bad(detector.judge(made)) == {}
    kinds = {key[0] for key, _ in detector.dump()["baselines"]}
    assert kinds == {1}  # of pairs, which are whole


def test_pairs_are_compared_whatever_others_are_left_out() -> None:
    found = bad(taught().judge(sampled(view(6, (PEER, 1200, 100), port=5000), 0.25)))
    assert list(found) == [f"{HOST} > {PEER}"]
    assert "packets_out_estimated" not in found[f"{HOST} > {PEER}"].evidence
