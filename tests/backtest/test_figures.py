"""Figures of a backtest: what is in them, as data."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from tests.backtest.whole import demo, lab, swept
from wireverdict.backtest import figures


def traces(figure: Any) -> dict[str, Any]:
    return {trace.name: trace for trace in figure.data}


def test_timelines_hold_every_incident_of_each_side_and_the_labels() -> None:
    done = demo()
    figure, left_out = figures.timelines(done)
    found = traces(figure)
    assert list(found) == ["label", "default", "deaf"]
    for result in done.results:
        assert len(found[result.config.name].x) == len(result.incidents)
    assert len(found["label"].x) == 4  # two of dns-loss, and the one of throttling-ratio for two subjects
    assert sorted(found["default"].x)[:3] == [50_000.0] * 3
    assert "2026-11-23T07:02:00.000" in found["default"].base
    assert left_out == ""
    texts = [note.text for note in figure.layout.annotations]
    assert "dns-loss, 2001:db8:18::2 &gt; port 53" in texts


def test_wrong_verdicts_have_a_red_edge() -> None:
    done = demo()
    wrong = ["wrong"] * len(done.results[0].incidents)
    held = msgspec.structs.replace(done.results[0].held, fate=wrong)
    spoilt = dataclasses.replace(done, results=[dataclasses.replace(done.results[0], held=held), done.results[1]])
    assert set(traces(figures.timelines(spoilt)[0])["default"].marker.line.color) == {figures.RED}
    assert set(traces(figures.timelines(done)[0])["default"].marker.line.color) == {"rgba(0,0,0,0)"}


def test_captures_apart_have_times_of_their_own() -> None:
    figure, _ = figures.timelines(lab())
    assert all(0 <= at < 200 for trace in figure.data for at in trace.base)
    assert figure.layout.xaxis.title.text.startswith("seconds since")
    assert any(
        note.text.startswith("zero-window, ") and "<i>zero-window-client.client.pcap.xz</i>" in note.text
        for note in figure.layout.annotations
    )


def test_what_does_not_fit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "ROWS", 1)
    assert figures.timelines(demo())[1] == "3 further subjects are not shown."


def test_precision_and_pages_against_recall() -> None:
    (title, first), (_, second) = figures.quality(demo())
    assert title == "Precision against recall"
    assert list(traces(first)) == ["default", "deaf"]
    assert traces(first)["default"].x == (pytest.approx(2 / 3),)
    assert traces(second)["deaf"].x == (pytest.approx(1 / 3),)
    assert figures.quality(demo(labelled=False)) == []
    (title, first), _ = figures.quality(swept())
    assert title == "Precision against recall (dns-loss)"
    assert len(traces(first)["sweep"].x) == 8


def test_a_sweep_of_one_setting_has_its_region_and_its_suggestion_marked() -> None:
    done = swept()
    assert done.swept is not None
    (title, shares), (other, pages) = figures.curves(done.swept)
    assert title.startswith("Precision, recall and F1 by detectors.dns_loss.min_attempts")
    assert other.startswith("Pages a day")
    assert {"precision", "recall", "F1 (95 %)"} <= traces(shares).keys()
    kinds = [shape.type for shape in shares.layout.shapes]
    assert kinds.count("rect") == 1
    assert {note.text for note in shares.layout.annotations} == {"now", "suggested"}
    region = next(shape for shape in shares.layout.shapes if shape.type == "rect")
    stable = [point.values[0] for point in done.swept.points if point.stable]
    assert region.x0 <= min(stable) <= max(stable) <= region.x1
    assert len(pages.layout.shapes) == len(kinds)


def test_without_labels_only_pages_are_drawn() -> None:
    done = swept(labelled=False)
    assert done.swept is not None
    ((title, figure),) = figures.curves(done.swept)
    assert title.startswith("Pages a day")
    assert {note.text for note in figure.layout.annotations} == {"now"}


def test_a_sweep_of_two_settings_is_a_map() -> None:
    done = swept(grid=True)
    assert done.swept is not None
    ((title, figure),) = figures.curves(done.swept)
    assert title.startswith("F1")
    heat, stable, star = figure.data
    assert (len(heat.x), len(heat.y)) == (8, 3)
    assert heat.z[1][0] == done.swept.points[1].f1.value
    assert len(stable.x) == sum(point.stable for point in done.swept.points)
    assert len(star.x) == 1
