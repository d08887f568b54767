"""Which plots tell a difference's story."""

from __future__ import annotations

import pytest

from tests.backtest.packets import CLIENT, SERVER, query, rows, segment, syn
from wireverdict.backtest.story import AFTER, BEFORE, LONGEST, mine, span, story
from wireverdict.verdicts import Subject

SECOND = 1_000_000_000


def test_the_time_around_an_incident() -> None:
    assert span(100 * SECOND, 120 * SECOND, 130 * SECOND) == (100 * SECOND - BEFORE, 130 * SECOND + AFTER)
    assert span(100 * SECOND, 120 * SECOND, None) == (100 * SECOND - BEFORE, 120 * SECOND + AFTER)
    begin, end = span(0, 3600 * SECOND, 9000 * SECOND)
    assert end == 3600 * SECOND + 2 * AFTER
    assert begin == end - LONGEST


def test_only_packets_between_the_subjects_ends_are_its_own() -> None:
    told = rows(
        query(0, 1),
        query(1, 1, answer=True),
        query(2, 1, client="192.0.2.9"),
        segment(3),
        segment(4, back=True),
    )
    cases = [
        (Subject(), [1, 1, 1, 1, 1]),
        (Subject(CLIENT), [1, 1, 0, 1, 1]),
        (Subject("", SERVER, 53), [1, 1, 1, 0, 0]),
        (Subject(CLIENT, SERVER, 53), [1, 1, 0, 0, 0]),
        (Subject(SERVER, CLIENT, protocol="tcp"), [0, 0, 0, 1, 1]),
        (Subject("2001:db8::1"), [0, 0, 0, 0, 0]),
    ]
    for subject, expected in cases:
        assert mine(told, subject).tolist() == [bool(one) for one in expected], subject


@pytest.mark.parametrize(
    ("rule", "subject", "kinds"),
    [
        ("dns-loss", Subject(CLIENT, "", 53), ["exchanges"]),
        ("throttling-ratio", Subject(CLIENT, "", 53), ["exchanges"]),
        ("new-flow-loss", Subject(CLIENT, "", 53), ["exchanges"]),
        ("new-flow-loss", Subject(CLIENT, SERVER, 80), ["exchanges"]),
        ("policing", Subject(CLIENT, SERVER, protocol="tcp"), ["sequence", "rtt"]),
        ("zero-window", Subject(SERVER), ["sequence", "rtt"]),
        ("mine", Subject(), ["sequence", "rtt"]),
    ],
)
def test_which_plots(rule: str, subject: Subject, kinds: list[str]) -> None:
    told = rows(
        query(0, 1),
        query(1, 1, answer=True),
        syn(2, port=40_000),
        syn(12, port=40_000, answer=True),
        segment(20, seq=1, size=100),
        segment(30, back=True, ack=101),
    )
    assert [plot.kind for plot in story(told, rule, subject, 10)] == kinds


def test_what_has_no_data_is_counted_by_packets_and_nothing_is_nothing() -> None:
    (plot,) = story(rows(segment(0), segment(5, back=True)), "capture-loss", Subject(), 0)
    assert plot.kind == "packets"
    assert story(segment(0)[:0], "policing", Subject(), 0) == []
