"""A whole backtest: what is put together, and its JSON document."""

from __future__ import annotations

import orjson
import pytest

from tests.backtest.making import label
from tests.backtest.whole import demo, lab, swept
from wireverdict.backtest.place import Place
from wireverdict.backtest.result import DAY, Source, compare, within


def test_days_are_those_of_all_sensors_together_and_the_sum_of_captures_apart() -> None:
    places = [
        Place("a", [], [], headers=1, first=DAY, last=3 * DAY),
        Place("b", [], [], headers=1, first=2 * DAY, last=5 * DAY),
    ]
    nothing = Place("c", [], [])
    assert Source([], False, [*places, nothing], [], {}, 1).days == 4.0
    assert Source([], True, [*places, nothing], [], {}, 1).days == 5.0
    assert Source([], False, [], [], {}, 1).days == 0.0


def test_labels_of_what_was_not_read_are_left_out() -> None:
    place = Place("edge", [], [], headers=5, first=100 * 10**9, last=200 * 10**9)
    labels = [label(50, 99), label(50, 100), label(200, None), label(201, None), label(None, None, where="far")]
    assert within(labels, [place]) == labels[1:3]
    assert within(labels, [Place("edge", [], [])]) == []


def test_scores_of_the_demo_are_those_counted_by_hand() -> None:
    done = demo()
    default, deaf = done.results
    assert done.outside == 1
    mine = default.line("dns-loss")
    assert (mine.labels, mine.detected, mine.right, mine.wrong) == (3, 2, 2, 0)
    assert (deaf.line("dns-loss").detected, deaf.line("dns-loss").right) == (1, 1)
    assert default.line().excused == 2
    assert (default.line().quiet, default.line().disturbed) == (1, 0)
    assert [outcome.detect for outcome in default.held.outcomes[:2]] == [10.0, 10.0]
    assert default.line("no-such-rule").labels == 0


def test_the_document_holds_everything_and_is_always_the_same() -> None:
    document = demo().to_json()
    assert orjson.loads(orjson.dumps(document)).keys() == document.keys()
    assert document["source"]["places"][0]["headers"] == 16_988
    assert document["labels_outside"] == 1
    assert document["labels"][0]["from"] == "2026-11-23T07:01:50Z"
    assert [one["key"] for one in document["varied"]] == [
        "detectors.dns_loss.min_attempts",
        "detectors.throttling_ratio.min_out",
        "alerts.bad_windows",
    ]
    first = document["configs"][0]["incidents"][0]
    assert (first["fired"], first["severity"], first["fate"]) == ("2026-11-23T07:02:00Z", "critical", "right")
    (comparison,) = document["comparisons"]
    assert len(comparison["differences"]) == sum(comparison["counts"].values())
    assert sorted(comparison["most_interesting"]) == list(range(len(comparison["differences"])))
    demo.cache_clear()
    assert orjson.dumps(demo().to_json()) == orjson.dumps(document)


def test_without_labels_nobody_is_right_or_wrong() -> None:
    document = demo(labelled=False).to_json()
    assert {incident["fate"] for config in document["configs"] for incident in config["incidents"]} == {None}
    assert document["configs"][0]["scores"][0]["precision"]["value"] is None


def test_a_sweep_ends_with_its_suggestion_as_a_configuration() -> None:
    done = swept()
    assert done.swept is not None
    recall = [point.recall.value or 0.0 for point in done.swept.points]
    assert recall == sorted(recall, reverse=True)
    assert recall[0] == pytest.approx(2 / 3)
    assert recall[-1] < recall[0]
    assert done.swept.suggested is not None
    names = [result.config.name for result in done.results]
    assert names == ["default", "suggested"]
    assert len(names) == len(done.comparisons) + 1
    assert done.to_json()["sweep"]["axes"][0]["key"] == "detectors.dns_loss.min_attempts"


def test_captures_apart_are_compared_apart() -> None:
    done = lab()
    assert [place.name.partition(".")[0] for place in done.source.places] == [
        "policed-up-big-burst",
        "bufferbloat-up",
        "zero-window-client",
        "syn-black-hole",
    ]
    found = {(one.rule, one.place.partition(".")[0]) for one in done.comparisons[0].found}
    assert found >= {
        ("policing", "policed-up-big-burst"),
        ("bufferbloat", "bufferbloat-up"),
        ("new-flow-loss", "syn-black-hole"),
    }


def test_nothing_to_compare_with() -> None:
    assert compare(demo().results[:1], True) == []
