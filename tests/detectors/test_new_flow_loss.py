"""New flows that get no answer: whom it is about, and when nothing may be said."""

from __future__ import annotations

import json

from tests.detectors.views import Maker
from wireverdict.detectors.base import Detector
from wireverdict.detectors.new_flow_loss import NewFlowLoss
from wireverdict.verdicts import Finding, Opinion, Severity
from wireverdict.windows.fields import Count

ASKED, ANSWERED, REFUSED = Count.SYN_ATTEMPTS, Count.SYN_ANSWERED, Count.SYN_REFUSED
PACKETS, OLD, MOVES = Count.SYN_PACKETS, Count.ESTABLISHED, Count.ADVANCED


def judge(maker: Maker) -> dict[str, Finding]:
    return {finding.subject.text(): finding for finding in NewFlowLoss().judge(maker.view())}


def bad(findings: dict[str, Finding]) -> list[str]:
    return [text for text, finding in findings.items() if finding.opinion is Opinion.BAD]


def test_is_a_detector() -> None:
    assert isinstance(NewFlowLoss(), Detector)
    assert NewFlowLoss().dump() == {"watched": [], "worked": [[], []]}


def test_a_black_hole_is_named_by_client_and_service() -> None:
    found = judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 30, PACKETS: 90}))
    assert bad(found) == ["192.0.2.1 > 198.51.100.7:443/tcp"]
    finding = found["192.0.2.1 > 198.51.100.7:443/tcp"]
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence["lost"] == 30
    assert finding.evidence["syn_retries"] == 60
    assert "nothing established advances" in finding.remedy


def test_refusals_and_icmp_errors_are_answers() -> None:
    sent = {ASKED: 60, REFUSED: 30, Count.SYN_UNREACHABLE: 30}
    assert bad(judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, sent))) == []


def test_icmp_errors_speak_for_attempts_that_nothing_came_back_for() -> None:
    """A firewall that prohibits tells so once a second, however many ask."""
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 60, Count.SYN_UNREACHABLE: 8})
    maker.flow("192.0.2.1", "198.51.100.8", 443, {ASKED: 60})
    found = judge(maker)
    assert bad(found) == ["192.0.2.1 > 198.51.100.8:443/tcp"]


def test_a_full_table_at_the_server_is_one_finding_about_the_service() -> None:
    maker = Maker()
    for client in range(1, 40):
        maker.flow(f"203.0.113.{client}", "192.0.2.80", 443, {ASKED: 12, ANSWERED: 3, OLD: 2, MOVES: 2})
    found = judge(maker)
    assert bad(found) == ["192.0.2.80:443/tcp"]
    assert found["192.0.2.80:443/tcp"].evidence["established_flows_advancing"] == 78
    assert found["192.0.2.80:443/tcp"].evidence["peers_with_loss"] == 39


def test_a_full_table_at_the_gateway_is_one_finding_about_the_client() -> None:
    maker = Maker()
    for server in range(1, 9):
        maker.flow("192.0.2.1", f"203.0.113.{server}", 443, {ASKED: 5, OLD: 1, MOVES: 1})
    assert bad(judge(maker)) == ["192.0.2.1/tcp"]


def test_a_flow_that_advances_on_both_sides_is_one_flow() -> None:
    maker = Maker()
    for server in range(1, 9):
        maker.flow("192.0.2.1", f"203.0.113.{server}", 443, {ASKED: 5, OLD: 1, MOVES: 1}, {OLD: 1, MOVES: 1})
    assert judge(maker)["192.0.2.1/tcp"].evidence["established_flows_advancing"] == 8


def test_a_scan_of_silent_addresses_is_no_fault() -> None:
    maker = Maker()
    for server in range(1, 200):
        maker.flow("192.0.2.1", f"203.0.113.{server}", 22, {ASKED: 1})
    assert bad(judge(maker)) == []


def busy_host() -> Maker:
    """A host whose other traffic is well: new connections and old ones."""
    maker = Maker()
    for server in range(1, 4):
        maker.flow("192.0.2.1", f"198.51.100.{server}", 443, {ASKED: 4, ANSWERED: 4, OLD: 2, MOVES: 2})
    return maker


def test_a_scan_by_a_busy_host_is_no_fault_of_the_network() -> None:
    """Of silent addresses, or of the ports of a host that answers none: nobody ever heard of these services."""
    addresses, ports = busy_host(), busy_host()
    for number in range(1, 200):
        addresses.flow("192.0.2.1", f"203.0.113.{number}", 22, {ASKED: 2})
        ports.flow("192.0.2.1", "203.0.113.7", number, {ASKED: 1})
    assert judge(addresses) == judge(ports) == {}


def test_services_that_worked_before_are_missed_whenever_they_are_asked() -> None:
    detector, again = NewFlowLoss(), NewFlowLoss()
    well, full = busy_host(), Maker()
    full.flow("192.0.2.1", "198.51.100.1", 443, {OLD: 2, MOVES: 2})
    for server in range(1, 30):
        well.flow("192.0.2.1", f"203.0.113.{server}", 443, {ASKED: 1, ANSWERED: 1})
        full.flow("192.0.2.1", f"203.0.113.{server}", 443, {ASKED: 1})
    assert list(detector.judge(well.view(0))) == []
    again.load(json.loads(json.dumps(detector.dump())))
    for judge_of in (detector, again):
        (finding,) = judge_of.judge(full.view(1))
        assert (finding.subject.text(), finding.opinion) == ("192.0.2.1/tcp", Opinion.BAD)
        assert finding.evidence["lost"] == 29
    again.load({"watched": []})  # what earlier versions kept


def test_few_attempts_say_nothing() -> None:
    assert judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 9})) == {}


def test_pending_attempts_are_not_lost() -> None:
    sent = {ASKED: 40, ANSWERED: 20, Count.SYN_PENDING: 20}
    assert bad(judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, sent))) == []


def test_a_capture_of_one_direction_leaves_it_unknown() -> None:
    maker = Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 30})
    maker.capture = {"tcp_packets": 90, "one_sided_packets": 90}
    assert [finding.opinion for finding in judge(maker).values()] == [Opinion.UNKNOWN]


def test_a_healthy_service_is_not_spoken_of() -> None:
    assert judge(Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 300, ANSWERED: 300})) == {}


def test_a_subject_that_was_bad_is_followed_until_it_is_good_and_forgotten() -> None:
    detector, again = NewFlowLoss(), NewFlowLoss()
    dead = Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 30})
    well = Maker().flow("192.0.2.1", "198.51.100.7", 443, {ASKED: 30, ANSWERED: 30})
    assert [finding.opinion for finding in detector.judge(dead.view(0))] == [Opinion.BAD]
    again.load(detector.dump())
    for judge_of in (detector, again):
        assert [finding.opinion for finding in judge_of.judge(well.view(1))] == [Opinion.GOOD]
        assert list(judge_of.judge(well.view(61))) == []


def test_many_rows_that_lose_little_cost_no_findings() -> None:
    maker = Maker()
    for client in range(250):
        lost = 1 if client == 7 else 0
        maker.flow(f"203.0.113.{client}", "192.0.2.80", 443, {ASKED: 20, ANSWERED: 20 - lost})
    assert judge(maker) == {}


def test_totals_of_sums_are_estimated_where_pairs_were_left_out() -> None:
    maker = Maker()
    for server in range(1, 9):
        maker.flow("192.0.2.1", f"203.0.113.{server}", 443, {ASKED: 5, OLD: 1, MOVES: 1})
    maker.capture |= {"sampled": 0.5, "left_out": 1_000}
    (finding,) = judge(maker).values()
    assert (finding.evidence["attempts"], finding.evidence["lost"]) == (40, 40)
    assert (finding.evidence["attempts_estimated"], finding.evidence["lost_estimated"]) == (80, 80)
    assert finding.evidence["lost_estimated_error_95"] == round(1.96 * (0.5 * 8 * 25) ** 0.5 / 0.5)
    maker = Maker().flow("192.0.2.1", "203.0.113.1", 443, {ASKED: 40})
    maker.capture |= {"sampled": 0.5, "left_out": 1_000}
    (finding,) = judge(maker).values()
    assert not any("estimated" in name for name in finding.evidence)
