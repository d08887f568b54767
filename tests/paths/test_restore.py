"""The tables of paths as a snapshot, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.headers import SETTINGS, batches, losing
from wireverdict import snapshot
from wireverdict.connections.tracker import Tracker
from wireverdict.paths import layout
from wireverdict.paths.paths import Paths

SECOND = 1_000_000_000


def filled(stop: int) -> tuple[Tracker, Paths, int]:
    """After so many headers of a capture with losses; and the time."""
    tracker, paths, seen = Tracker(SETTINGS.tracking), Paths(SETTINGS.paths), 0
    for batch in batches(losing(), 500):
        tracker.track(batch.rows, 0, len(batch.rows))
        paths.observe(batch.rows, tracker.notes[: len(batch.rows)], 0, len(batch.rows))
        seen += len(batch.rows)
        if seen >= stop:
            break
    return tracker, paths, int(batch.rows["ts"][-1])


def copied(paths: Paths, rows: int) -> dict[str, Any]:
    return snapshot.unpack(snapshot.pack(paths.dump(rows)))


def test_restored_tables_judge_as_the_first_would() -> None:
    tracker, first, now = filled(4_000)
    rows = int(tracker.counts["live"])
    assert first.counters[layout.TOP_CHUNK] > 0
    assert first.counters[layout.TOP_RING] > 0
    second = Paths(SETTINGS.paths)
    second.load(copied(first, rows))
    one, other = copied(first, rows), copied(second, rows)
    assert [name for name in one if not np.array_equal(one[name], other[name])] == []
    assert one.keys() == other.keys()
    used = [row for row in range(int(first.counters[layout.TOP_RING])) if first.rings["member"][row] >= 0]
    starts = [min(second for second in first.loads[row]["second"].tolist() if second >= 0) for row in used]
    assert second.oldest[used].tolist() == first.oldest[used].tolist() == starts
    told = [paths.judge(now - 10 * SECOND, now) for paths in (first, second)]
    assert told[0] == told[1]
    assert told[0].policing


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told | {"pairs": told["pairs"][:-1]},
        lambda told: told | {"logs": told["logs"][:-1]},
        lambda told: told | {"chunks": told["chunks"] + 1_000_000},
        lambda told: told | {"loads": np.zeros(0, layout.LOAD)},
        lambda told: {name: value for name, value in told.items() if name != "counters"},
    ],
)
def test_what_does_not_fit_is_refused(change: Any) -> None:
    tracker, paths, _ = filled(2_000)
    with pytest.raises(ValueError, match="snapshot"):
        Paths(SETTINGS.paths).load(change(copied(paths, int(tracker.counts["live"]))))
