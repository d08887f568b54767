"""Numbers as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.output import units


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_549, "1.5 kB"),
        (99_400, "99.4 kB"),
        (99_600, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2 * 10**12, "2.0 TB"),
        (10**19, "10000 PB"),
    ],
)
def test_size(octets: int, text: str) -> None:
    assert units.size(octets) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 µs"),
        (1_499, "1 µs"),
        (999_499, "999 µs"),
        (999_500, "1.0 ms"),
        (9_949_000, "9.9 ms"),
        (12_345_678, "12 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.0 s"),
        (4_200_000_000, "4.2 s"),
        (10_400_000_000, "10 s"),
        (59_600_000_000, "1 min"),
        (92_000_000_000, "1 min 32 s"),
        (7_500_000_000_000, "2 h 5 min"),
        (273_600_000_000_000, "3 d 4 h"),
        (-4_200_000_000, "-4.2 s"),
    ],
)
def test_duration(ns: int, text: str) -> None:
    assert units.duration(ns) == text


@given(st.integers(0, 2**63 - 1))
def test_every_duration_is_short(ns: int) -> None:
    assert 0 < len(units.duration(ns)) <= 14


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.94, "94 %"),
        (0.003, "0.3 %"),
        (0.0001, "under 0.1 %"),
        (0.998, "99.8 %"),
        (0.99996, "over 99.9 %"),
        (0.99, "99 %"),
    ],
)
def test_a_share_that_is_not_whole_is_not_shown_as_whole(value: float, text: str) -> None:
    assert units.share(value) == text


def test_moment() -> None:
    assert units.moment(1_773_480_413_589_793_238) == "2026-03-14 09:26:53 UTC"
    assert units.moment(-1) == "1969-12-31 23:59:59 UTC"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("attempts", 12_345, "attempts 12,345"),
        ("base_rtt_ms", 12.5, "base RTT 12 ms"),
        ("rate_bps", 2_000_000, "rate 2.0 Mbit/s"),
        ("burst_bytes", 64_000, "burst 64.0 kB"),
        ("unanswered_share", 0.94, "unanswered 94 %"),
        ("timeout_s", 5, "timeout 5.0 s"),
        ("ratio", 0.058823, "ratio 0.0588"),
        ("complete", True, "complete"),
        ("complete", False, "not complete"),
        ("baseline", None, "baseline unknown"),
        ("grade", "F", "grade F"),
        ("names", ["a", "b", "c", "d"], "names a, b and 2 more"),
        ("names", [{"name": "a.example", "type": "A", "unanswered": 3, "x": 4}], "names a.example A unanswered 3"),
        ("ports", [53, 5353], "ports 53, 5,353"),
        ("types", {"A": 3, "AAAA": 4}, "types A 3, AAAA 4"),
    ],
)
def test_words_for_a_value(key: str, value: Any, expected: str) -> None:
    assert units.named(key, value) == expected


def test_evidence_is_a_sentence_and_the_numbers_that_fit() -> None:
    values = {
        "attempts": 279,
        "unanswered": 263,
        "unanswered_share": 0.943,
        "late": 0,
        "names": ["a", "b"],
        "latency_p50_ms": 30.2,
        "share_at_least": 0.9,
        "empty": [],
        "summary": "1 answer per 17.4 queries",
        "when_resolved": {"attempts": 3},
    }
    numbers = "attempts 279 · unanswered 263 (94 %) · latency p50 30 ms"
    assert units.evidence(values, 200) == ["1 answer per 17.4 queries", f"{numbers} · names a, b"]
    assert units.evidence(values, len(numbers)) == ["1 answer per 17.4 queries", numbers]
    assert units.evidence({"late": 0}, 200) == []
    assert units.evidence({"loss_share": 0.5}, 200) == ["loss 50 %"]


def test_names_from_outside_do_not_reach_the_terminal_as_they_are() -> None:
    assert units.printable("today.pcap") == "today.pcap"
    assert units.printable("Übersicht 日本.pcap") == "Übersicht 日本.pcap"
    assert units.printable("a\x1b[31mb\n\x9b\udcff") == r"a\x1b[31mb\n\x9b\udcff"


def test_names_that_are_not_utf8_can_be_in_json() -> None:
    assert units.utf8("a\x1bü") == "a\x1bü"
    assert units.utf8("c\udcff.pcap") == r"c\udcff.pcap"
