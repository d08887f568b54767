"""The second reading, for the headers behind differences."""

from __future__ import annotations

import numpy as np
import pytest

from tests.backtest.making import incident
from tests.backtest.whole import DEMO, demo, lab
from tests.lab.scenario import CAPTURES
from wireverdict.backtest import story
from wireverdict.backtest.diff import differences
from wireverdict.cli.stories import headers
from wireverdict.settings import Settings
from wireverdict.verdicts import Subject

START = 1795417281


def test_each_difference_has_its_own_headers_in_order() -> None:
    told = demo().comparisons[0].told
    found = headers([str(DEMO)], "dns-outage.pcap.gz", told, Settings())
    for one, rows in zip(told, found, strict=True):
        assert len(rows) > 500
        assert np.all(np.diff(rows["ts"]) >= 0)
        assert story.mine(rows, one.incident.subject).all()
        begin, end = story.span(one.incident.start, one.incident.fired, one.incident.resolved)
        assert begin <= rows["ts"][0] <= rows["ts"][-1] < end


def test_every_story_has_its_plots() -> None:
    kinds = {}
    for done in (demo(), lab()):
        for comparison in done.comparisons:
            assert len(comparison.plots) == len(comparison.told)
            for one, plots in zip(comparison.told, comparison.plots, strict=True):
                kinds[one.rule] = [plot.kind for plot in plots]
    assert kinds == {
        "dns-loss": ["exchanges"],
        "throttling-ratio": ["exchanges"],
        "new-flow-loss": ["exchanges"],
        "policing": ["sequence", "rtt"],
        "bufferbloat": ["sequence", "rtt"],
        "zero-window": ["sequence", "rtt"],
    }


def test_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "HEADERS", 100)
    found = headers([str(DEMO)], "dns-outage.pcap.gz", demo().comparisons[0].told, Settings())
    assert {len(rows) for rows in found} == {100}


def test_a_subject_that_is_nobody_means_everybody() -> None:
    (one,) = differences([incident(START + 40, START + 60, subject=Subject(), start=START + 30)], [])
    (rows,) = headers([str(DEMO)], "x", [one], Settings())
    assert len({int(port) for port in rows["dport"]}) > 100
    (none,) = headers([str(CAPTURES / "shaped.client.pcap.xz")], "x", [one], Settings())
    assert len(none) == 0
