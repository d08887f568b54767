"""A backtest in words."""

from __future__ import annotations

import dataclasses

from tests.backtest.making import incident
from tests.backtest.whole import demo, swept
from wireverdict.backtest import words
from wireverdict.backtest.diff import differences
from wireverdict.backtest.intervals import NONE, Interval
from wireverdict.backtest.score import Outcome
from wireverdict.verdicts import Severity


def test_figures() -> None:
    assert words.figure(Interval(0.5, 0.25, 0.755)) == "0.50 (0.25–0.76)"
    assert words.seconds(Interval(12.04, 3, 20)) == "12.0 s (3.0–20.0)"
    assert words.seconds(Interval(12.04, 12.04, 12.04)) == "12.0 s"
    assert words.per_day(Interval(3440.4, 92.7, 8812)) == "3,440 (92.7–8,812)"
    assert [words.figure(NONE), words.seconds(NONE), words.per_day(NONE)] == ["–"] * 3


def test_values_of_settings() -> None:
    assert [words.value(given) for given in ([], ["a", "b"], None, 0.5)] == ["none", "a, b", "–", "0.5"]


def test_what_was_read() -> None:
    said = " ".join(words.heading(demo()))
    assert "16,988 headers of 1 sensor, in 1 pass over the source." in said
    assert "From 2026-11-23 07:01:21 UTC to 2026-11-23 07:03:01 UTC: 1 min 40 s." in said
    assert "3 labels of troubles, 1 of quiet times" in said
    assert "1 label of places or times that were not read: left out." in said
    assert "No labels" in " ".join(words.heading(demo(labelled=False)))


def test_what_is_missing_is_said_and_counted() -> None:
    done = demo()
    assert words.missing(done) == []
    assert words.versions(done) == ""
    missing = [
        ("retention", "partition 3", 1200, "messages", "deleted before it was read"),
        ("hole", "edge", 0, "headers", "a batch never came"),
    ]
    counts = {"schema_1": 900, "schema_2": 12, "headers": 5}
    holed = dataclasses.replace(done, source=dataclasses.replace(done.source, missing=missing, counts=counts))
    assert words.missing(holed) == [
        "retention: partition 3: 1,200 messages: deleted before it was read",
        "hole: edge: an unknown number of headers: a batch never came",
    ]
    assert words.versions(holed) == "Messages of several versions of the schema: 900 of version 1, 12 of version 2."


def test_rows_of_the_table() -> None:
    score = demo().results[0].line("dns-loss")
    row = words.row(score, "dns-loss")
    assert len(row) == len(words.HEADS)
    assert row[:2] == ["dns-loss", "2 of 3"]
    assert row[4].startswith("0.67 (")
    empty = words.row(demo(labelled=False).results[0].line(), "all")
    assert words.columns([empty]) == [0, 8, 9]
    assert words.columns([["all", *["–"] * 7, "0", "–"]]) == [0, 8]


def test_differences() -> None:
    comparison = demo().comparisons[0]
    names = comparison.a, comparison.b
    assert words.outcome(comparison).startswith("3 differences: 2 only in default, 0 only in deaf, 1 in both")
    titles = [words.title(one, names) for one in comparison.told]
    assert "only default: dns-loss, 2001:db8:18::2 > port 53" in titles
    assert "both, but otherwise: throttling-ratio, 198.18.0.2 > port 53/udp" in titles
    only = next(one for one in comparison.told if one.kind == "only_a")
    rows = {row[0]: row[1:] for row in words.changes(only, names)}
    assert rows["told"] == ["2026-11-23 07:02:00 UTC (+9.9 s)", "–"]
    assert rows["by the labels"] == ["right", "–"]
    evidence = {row[0]: row[1] for row in words.evidence(only)}
    assert evidence["attempts"].isdigit()
    assert (
        swept().comparisons
        or words.outcome(dataclasses.replace(comparison, found=[])) == "default and deaf say the same."
    )


def test_only_what_changed_is_listed_of_what_both_have() -> None:
    (one,) = differences([incident(20, 50)], [incident(20, 60, severity=Severity.CRITICAL)])
    assert [row[0] for row in words.changes(one, ("a", "b"))] == ["over", "severity"]
    assert words.changes(one, ("a", "b"))[1] == ["severity", "warning", "critical"]


def test_evidence_of_all_kinds() -> None:
    left = incident(20, evidence={"yes": True, "delay_ms": 12.5, "names": ["a", "b"], "text": "x" * 300, "gone": 1})
    right = incident(30, start=10, evidence={"yes": False, "delay_ms": 20.0, "names": ["c"], "text": "y"})
    (one,) = differences([left], [right])
    told = {key: values for key, *values in words.evidence(one)}
    assert told["yes"] == ["yes", "no"]
    assert told["delay ms"] == ["12 ms", "20 ms"]
    assert told["names"] == ["a, b", "c"]
    assert told["text"][0].endswith("…")
    assert told["gone"] == ["1", "–"]


def test_outcomes() -> None:
    assert words.found(Outcome(0, True, [1], 12.0, 30.4, False), "fires") == "found, after 12 s, over after 30 s"
    assert words.found(Outcome(0, False, [], None, None, False), "fires") == "missed"
    assert words.found(Outcome(0, False, [], None, None, False), "never") == "quiet"
    assert words.found(Outcome(0, True, [1, 2], None, None, False), "never") == "2 verdicts all the same"
    assert words.found(Outcome(0, True, [1], None, None, False), "may") == ""


def test_what_a_bar_says() -> None:
    said = words.bar(incident(20, 50), "wrong")
    assert said.startswith("<b>dns-loss</b> 192.0.2.1")
    assert "over 1970-01-01 00:00:50 UTC" in said
    assert "wrong by the labels" in said
    assert "still going on" in words.bar(incident(20), "unlabelled")
