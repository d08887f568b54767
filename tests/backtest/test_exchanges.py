"""What became of questions, by the second."""

from __future__ import annotations

from pathlib import Path

from tests.backtest.packets import query, rows, segment, syn
from tests.headers import DEMO, batches
from wireverdict.backtest import exchanges
from wireverdict.headers import DNS, RST
from wireverdict.verdicts import Subject


def test_queries_by_their_fate() -> None:
    told = rows(
        query(100, 1),
        query(150, 1, answer=True),
        query(1200, 2),
        query(1300, 3),
        query(1300, 3, name=8),
        query(2500, 9, answer=True),
        query(6500, 3, answer=True),
        query(6600, 4, client="192.0.2.9"),
        query(6700, 4, answer=True),
    )
    note, zero, series = exchanges.dns(told, 0)
    assert series["second"] == [0, 1, 2, 3, 4, 5, 6]
    assert series["answered"] == [1, 0, 0, 0, 0, 0, 0]
    assert series["late"] == [0, 1, 0, 0, 0, 0, 0]
    assert series["unanswered"] == [0, 2, 0, 0, 0, 0, 1]
    assert series["answers without a question"] == [0, 0, 1, 0, 0, 0, 1]
    assert (note, zero) == ("5 queries, 3 without an answer.", 0)


def test_the_outage_of_the_demo_shows() -> None:
    headers = [batch.rows[batch.rows["present"] & DNS != 0].copy() for batch in batches(Path(DEMO))]
    (first, *_) = headers
    note, _, series = exchanges.dns(rows(*headers), int(first["ts"][0]))
    assert sum(series["unanswered"][30:55]) > 10 * sum(series["answered"][30:55])
    assert sum(series["answered"][:20]) > 50 * sum(series["unanswered"][:20])
    assert "8,1" in note  # analyze counts 8,105 queries


def test_what_is_beyond_the_bound_is_told(monkeypatch: object) -> None:
    many = rows(*[query(n, n) for n in range(20)])
    old, exchanges.MOST = exchanges.MOST, 15
    try:
        note, _, _ = exchanges.dns(many, 0)
    finally:
        exchanges.MOST = old
    assert note == "15 queries, 15 without an answer. 5 packets after that are left out."


def test_attempts_are_answered_by_synacks_and_resets() -> None:
    told = rows(
        syn(0, port=1),
        syn(10, port=1, answer=True),
        syn(20, port=2),
        syn(30, port=3),
        segment(40, back=True, port=3, flags=RST),
        segment(50, port=1, size=10),
    )
    note, _, series = exchanges.connections(told, 0)
    assert (series["answered"], series["unanswered"]) == ([2], [1])
    assert "answers without a question" not in series
    assert note == "3 attempts, 1 without an answer."


def test_packets_each_way() -> None:
    told = rows(segment(0, size=1), segment(10, back=True), segment(2000, size=1))
    for subject in (Subject("192.0.2.1"), Subject("", "192.0.2.1"), Subject()):
        note, _, series = exchanges.packets(told, 0, subject)
        assert (series["from it"], series["to it"]) == ([1, 0, 1], [1, 0, 0])
    assert note == "3 packets."
