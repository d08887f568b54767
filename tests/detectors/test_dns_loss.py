"""Lost DNS answers: who is told what, over windows that real queries made."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.windows.made import Script
from tests.windows.test_dns import play
from wireverdict import headers
from wireverdict.connections import notes as n
from wireverdict.detectors.dns_loss import DnsLoss, DnsLossSettings
from wireverdict.verdicts import Finding, Opinion, Severity
from wireverdict.windows.view import WindowView

Fate = Callable[[int, int, int], bool]
"""(client, server, number of the attempt) -> answered."""


def asking(
    fate: Fate,
    clients: list[int],
    servers: list[int],
    attempts: int = 40,
    script: Script | None = None,
    start: float = 0.0,
    **fields: Any,
) -> Script:
    """Each client asks each server `attempts` times in 9 s, each time from a new port."""
    script = script or Script()
    lines: list[tuple[float, int, int, int, bool]] = []
    for client in clients:
        for server in servers:
            for k in range(attempts):
                ts = start + k * 9.0 / attempts
                lines.append((ts, client, server, k, False))
                if fate(client, server, k):
                    lines.append((ts + 0.02, client, server, k, True))
    for ts, client, server, k, answer in sorted(lines):
        port = 10_000 + 100 * round(start) % 40_000 + k
        script.dns(ts, client, server, port, k, f"n{k % 3}.example", answer=answer, **fields)
    return script


def views(script: Script) -> list[WindowView]:
    return play(script)[1]


def first(script: Script, detector: DnsLoss | None = None) -> list[Finding]:
    """What is said of the first window."""
    return sorted((detector or DnsLoss()).judge(views(script)[0]), key=lambda finding: finding.subject)


def told(script: Script) -> dict[str, Opinion]:
    return {finding.subject.text(): finding.opinion for finding in first(script)}


HEALTHY: Fate = lambda client, server, k: True  # noqa: E731
BAD, UNKNOWN = Opinion.BAD, Opinion.UNKNOWN


def test_one_answer_per_twenty_queries() -> None:
    (finding,) = first(asking(lambda c, s, k: k % 20 == 0, [1], [53]))
    assert finding.subject.text() == "198.18.0.1 > 198.18.0.53:53"
    assert (finding.opinion, finding.severity) == (BAD, Severity.CRITICAL)
    evidence = finding.evidence
    assert (evidence["attempts"], evidence["answered"], evidence["unanswered"]) == (40, 2, 38)
    assert evidence["summary"] == "1 answer per 20 queries"
    assert evidence["latency_p50_ms"] == pytest.approx(20, rel=0.07)
    assert evidence["new_port_share"] == 1.0
    names = {line["name"]: line["unanswered"] for line in evidence["top_unanswered"]}
    assert sum(names.values()) == 38
    assert finding.since == round(9.0 / 40 * 1e9)
    assert finding.confidence > 0.9
    assert "connection-tracking table" in finding.remedy
    json.dumps(evidence)


@pytest.mark.parametrize(
    ("lost", "attempts", "expected"),
    [
        (0, 40, None),
        (4, 40, None),  # 10 %: at least 4 %
        (10, 40, Severity.WARNING),  # 25 %: at least 14 %
        (19, 19, None),  # too few
        (20, 20, Severity.CRITICAL),
        (24, 40, Severity.WARNING),  # 60 %: at least 45 %
        (30, 40, Severity.CRITICAL),
    ],
)
def test_thresholds_are_lower_bounds(lost: int, attempts: int, expected: Severity | None) -> None:
    script = asking(lambda c, s, k: k >= lost, [1], [53], attempts)
    asking(HEALTHY, [1], [80], 1, script)  # so that the client is heard to receive
    script.lines.sort(key=lambda line: line[0]["ts"])
    found = [finding for finding in first(script) if finding.opinion is BAD]
    assert [finding.severity for finding in found] == ([expected] if expected else [])


def test_one_of_three_resolvers_dead() -> None:
    script = asking(lambda c, s, k: s != 55, [1], [53, 54, 55])
    (finding,) = first(script)
    assert finding.subject.text() == "198.18.0.1 > 198.18.0.55:53"
    assert finding.evidence["nothing_came_back"] is True
    assert finding.evidence["other_resolvers"] == [
        {"resolver": "198.18.0.53", "attempts": 40, "answered": 40},
        {"resolver": "198.18.0.54", "attempts": 40, "answered": 40},
    ]
    assert "other resolvers answer" in finding.remedy


def test_most_resolvers_of_a_client_fail() -> None:
    # thirteen root servers, none asked often enough to be judged alone
    script = asking(lambda c, s, k: (s + k) % 17 == 0, [1], list(range(40, 53)), 12)
    (finding,) = first(script)
    assert finding.subject.text() == "198.18.0.1 > port 53"
    assert finding.evidence["resolvers"] == 13
    assert finding.evidence["attempts"] == 156


def test_most_clients_of_a_resolver_fail() -> None:
    script = asking(lambda c, s, k: s != 53 or k % 10 == 0, list(range(1, 9)), [53, 54])
    (finding,) = first(script)
    assert finding.subject.text() == "198.18.0.53:53"
    assert (finding.evidence["clients"], len(finding.evidence["by_client"])) == (8, 5)
    assert "Most clients" in finding.remedy


def test_everybody_fails_everywhere_is_told_by_the_fewer() -> None:
    fate: Fate = lambda c, s, k: k % 10 == 0  # noqa: E731
    assert told(asking(fate, [1, 2, 3, 4, 5], [53, 54])) == {"198.18.0.53:53": BAD, "198.18.0.54:53": BAD}
    assert told(asking(fate, [1, 2], [51, 52, 53, 54])) == {"198.18.0.1 > port 53": BAD, "198.18.0.2 > port 53": BAD}


def test_a_capture_of_one_direction_says_nothing() -> None:
    assert told(asking(lambda c, s, k: False, [1, 2, 3, 4], [53, 54])) == {}
    answers = asking(HEALTHY, [1], [53])
    answers.lines = [line for line in answers.lines if line[0]["sport"] == 53]
    assert told(answers) == {}


def test_silence_is_believed_once_answers_were_seen() -> None:
    script = asking(HEALTHY, [1], [53])
    asking(lambda c, s, k: False, [1], [53], script=script, start=10.0)
    detector = DnsLoss()
    before, during, *_ = views(script)
    assert list(detector.judge(before)) == []
    again = DnsLoss()
    again.load(json.loads(json.dumps(detector.dump())))
    for one in (detector, again):
        (finding,) = one.judge(during)
        assert finding.opinion is BAD


def test_recovery_is_reported_to_those_that_were_bad() -> None:
    script = asking(lambda c, s, k: False, [1], [53, 54])
    asking(HEALTHY, [1], [70], 1, script)
    asking(HEALTHY, [1, 2], [53, 54], 3, script, start=10.0)
    asking(lambda c, s, k: k % 2 == 0, [1, 2], [53, 54], 4, script, start=20.0)
    script.lines.sort(key=lambda line: line[0]["ts"])
    detector = DnsLoss()
    opinions = [{f.subject.text(): f.opinion for f in detector.judge(view)} for view in views(script)[:3]]
    assert opinions == [
        {"198.18.0.1 > port 53": BAD},
        {"198.18.0.1 > port 53": Opinion.GOOD},
        {"198.18.0.1 > port 53": UNKNOWN},  # two of four: too few to say
    ]


def test_a_scan_for_resolvers_is_no_outage() -> None:
    script = asking(lambda c, s, k: s % 30 == 0, [1], list(range(2, 200)), 1)
    assert told(script) == {}


def test_late_answers_point_to_the_resolver() -> None:
    script = Script()
    for k in range(40):
        script.dns(k / 10, 1, 53, 5000 + k, k, "slow.example")
    for k in range(40):
        script.dns(k / 10 + 6.0, 1, 53, 5000 + k, k, "slow.example", answer=True)
    (finding,) = first(script)
    assert finding.evidence["late"] == 40
    assert finding.remedy.startswith("Answers do come, but after the time-out")


def test_icmp_errors_point_to_the_service() -> None:
    script = asking(lambda c, s, k: False, [1], [53])
    for k in range(40):
        row = script.lines[k][0]
        quoted = {f"quoted_{name}": row[name] for name in ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")}
        script.packet(
            9.0, 53, 1, protocol=1, present=headers.QUOTED, quoted_protocol=17, slot=k, events=n.UNREACHABLE, **quoted
        )
    (finding,) = first(script)
    assert finding.remedy.startswith("ICMP errors come back")


def test_lost_packets_of_the_capture_raise_the_threshold() -> None:
    script = asking(lambda c, s, k: k % 4 > 0, [1], [53])
    (view, *_) = views(script)
    assert [finding.opinion for finding in DnsLoss().judge(view)] == [BAD]
    view.capture.reported_drops = view.packets // 4
    assert list(DnsLoss().judge(view)) == []


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="0 < warning <= critical < 1"):
        DnsLossSettings(warning=0.6)


def test_totals_of_sums_are_estimated_where_pairs_were_left_out() -> None:
    """Evidence is what was seen, and so is judged; of one client and one resolver everything was."""
    script = asking(lambda c, s, k: k % 20 == 0, list(range(1, 9)), [53])
    view = views(script)[0]
    (plain,) = DnsLoss().judge(view)
    assert not any("estimated" in name for name in plain.evidence)
    view.capture.sampled, view.capture.left_out = 0.25, 3 * view.packets
    (finding,) = DnsLoss().judge(view)
    evidence = finding.evidence
    for name in ("attempts", "unanswered", "clients"):
        assert evidence[name] == plain.evidence[name]
        assert evidence[f"{name}_estimated"] == 4 * evidence[name]
    assert evidence["clients_estimated_error_95"] == round(1.96 * (0.75 * 8) ** 0.5 / 0.25)
    assert evidence["unanswered_share_at_least"] == plain.evidence["unanswered_share_at_least"]
    one = views(asking(lambda c, s, k: k % 20 == 0, [1], [53]))[0]
    one.capture.sampled, one.capture.left_out = 0.25, 3 * one.packets
    (finding,) = DnsLoss().judge(one)
    assert not any("estimated" in name for name in finding.evidence)


def test_few_attempts_of_a_sample_prove_no_more_than_few_of_all() -> None:
    """19 that are lost of 19 seen, of an estimated 76: what was not seen is no evidence."""
    view = views(asking(lambda c, s, k: False, [1], [53], attempts=19))[0]
    view.capture.sampled, view.capture.left_out = 0.25, 3 * view.packets
    assert list(DnsLoss().judge(view)) == []
