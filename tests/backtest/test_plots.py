"""Figures of packets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backtest.packets import query, rows, segment
from tests.backtest.whole import demo, lab
from wireverdict.backtest import plots
from wireverdict.backtest.story import Plot, story
from wireverdict.verdicts import Subject


def drawn(kind: str) -> tuple[Plot, Any]:
    for done in (lab(), demo()):
        for comparison in done.comparisons:
            for one, mine in zip(comparison.told, comparison.plots, strict=True):
                for plot in mine:
                    if plot.kind == kind:
                        return plot, plots.draw(plot, [("told", one.incident.fired)])
    raise AssertionError(kind)


def test_time_and_sequence_as_tcptrace_draws_them() -> None:
    plot, figure = drawn("sequence")
    found = {trace.name: trace for trace in figure.data if trace.name}
    assert {"data", "sent again", "acknowledged", "receiver's window"} <= found.keys()
    assert found["data"].x[2] is None  # bars are apart
    assert found["data"].x[0] == found["data"].x[1]
    assert found["data"].y[1] > found["data"].y[0]
    assert found["acknowledged"].line.shape == "hv"
    assert len(found["sent again"].x) == 3 * len(plot.series["again"][0])
    low, high = figure.layout.xaxis.range
    assert low <= min(plot.series["data"][0])
    assert high >= max(plot.series["data"][0])


def test_round_trips() -> None:
    plot, figure = drawn("rtt")
    assert figure.layout.xaxis.title.text == "bytes in flight"
    assert {trace.name for trace in figure.data} <= {"capture point to receiver", "capture point to sender"}
    assert sum(len(trace.x) for trace in figure.data) == len(plot.series["far_rtt"]) + len(plot.series["near_rtt"])


def test_exchanges_are_stacked_and_when_they_were_told_is_marked() -> None:
    plot, figure = drawn("exchanges")
    assert figure.layout.barmode == "stack"
    assert {trace.name for trace in figure.data} >= {"unanswered"}
    (mark,) = figure.layout.shapes
    assert 0 < mark.x0 < len(plot.series["second"])
    assert figure.layout.annotations[0].text == "told"


def test_packets() -> None:
    (plot,) = story(rows(segment(0), segment(5, back=True)), "capture-loss", Subject(), 0)
    assert [trace.name for trace in plots.draw(plot, []).data] == ["from it", "to it"]


@pytest.mark.parametrize("answered", [True, False])
def test_only_what_there_is_has_a_place_in_the_legend(answered: bool) -> None:
    told = rows(query(0, 1), query(5, 1, answer=True)) if answered else query(0, 1)
    (plot,) = story(told, "dns-loss", Subject(), 0)
    assert [trace.name for trace in plots.draw(plot, []).data] == ["answered" if answered else "unanswered"]
