"""The connection table as a snapshot, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.headers import DEMO, SETTINGS, batches
from wireverdict import snapshot
from wireverdict.connections.tracker import Tracker


def filled() -> Tracker:
    tracker = Tracker(SETTINGS.tracking)
    for number, batch in enumerate(batches(DEMO, 300)):
        tracker.track(batch.rows, 0, len(batch.rows))
        if number == 2:
            tracker.sweep(
                int(batch.rows["ts"][-1]) + 10**12
            )  # rows that are free again, and some that wait to be drained
            tracker.drain()
        if number == 8:
            break
    tracker.sweep(int(batch.rows["ts"][-1]) + 10**9)
    return tracker


def copied(tracker: Tracker) -> dict[str, Any]:
    return snapshot.unpack(snapshot.pack(tracker.dump()))


def test_a_restored_table_goes_on_as_the_first_would() -> None:
    first, second = filled(), Tracker(SETTINGS.tracking)
    assert first.counts["live"] > 50
    second.load(copied(first))
    assert snapshot.pack(second.dump()) == snapshot.pack(first.dump())
    for batch in list(batches(DEMO, 100_000)):
        for tracker in (first, second):
            tracker.track(batch.rows, 0, len(batch.rows))
        assert first.notes[: len(batch.rows)].tobytes() == second.notes[: len(batch.rows)].tobytes()
        assert first.drain().tobytes() == second.drain().tobytes()
    assert first.counts == second.counts


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told | {"conn": told["conn"][:-1]},
        lambda told: told | {"half": told["half"][:-1]},
        lambda told: told | {"trouble": np.zeros(3, np.int64)},
        lambda told: told | {"ended": told["ended"].astype(np.int64)},
        lambda told: {name: value for name, value in told.items() if name != "counters"},
    ],
)
def test_what_does_not_fit_is_refused(change: Any) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        Tracker(SETTINGS.tracking).load(change(copied(filled())))
