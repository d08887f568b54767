"""The report on a few labelled captures."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection_report import (
    alone,
    best,
    judge_all,
    labels,
    main,
    read,
    receiver_side,
    table,
    windows,
    without_cross_traffic,
)
from wireverdict.paths.policing import Settings

BOTH = "CD1500-CD21000-PCIR3000000-RTT100-LOSS0pct-XT1"


def test_labels_and_tables() -> None:
    assert len(labels()) == 66
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"


def test_one_capture_in_all_its_views() -> None:
    label = next(label for label in labels() if label["file"].startswith(BOTH))
    capture = read(label)
    assert capture.kind == "two flows and cross traffic"
    seen = list(windows(capture.rows))[:3]
    found = best(judge_all(seen, Settings()))
    assert found is not None
    assert found.rate_bps == pytest.approx(3e6, rel=0.02)
    behind = best(judge_all([receiver_side(window) for window in seen], Settings()))
    assert behind is not None
    assert behind.at_receiver
    cut = without_cross_traffic(capture.rows)
    assert 0 < len(cut) < len(capture.rows)
    connections = list(alone(capture.rows))
    assert len(connections) == 3
    assert sum(map(len, connections)) <= np.count_nonzero(capture.rows["protocol"] == 6)
    assert best([]) is None


def test_the_printed_report(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", "CD500-SCIR10000000", "--no-sensitivity"])
    printed = capsys.readouterr().out
    assert "| shaped | 1 | 0 | 0 (0) |" in printed
    assert "0 of 1 behind a shaper" in printed
