"""A look at open windows says what closing them at that moment would say, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.headers import DEMO, losing
from tests.watch.made import OUTAGE, watcher
from wireverdict.watch.peek import recent
from wireverdict.windows.fields import LATENCY_BUCKETS


@pytest.mark.parametrize(("path", "packets"), [(DEMO, OUTAGE), (DEMO, 10**9), (losing(), 20_000)])
def test_a_look_is_what_closing_would_give(path: Path, packets: int) -> None:
    windows = watcher(path, packets).pipeline.shard.windows
    first, again = recent(windows), recent(windows)
    parts = [part for _, part in windows.finish() if part is not None and part.packets]
    assert len(parts) > 1
    assert all(np.array_equal(np.asarray(one), np.asarray(two)) for one, two in zip(first, again, strict=True))
    assert np.array_equal(first.keys, np.concatenate([part.services.keys for part in parts]))
    sent = np.concatenate([part.services.sent.reshape(-1, 2) for part in parts])
    flows = np.concatenate([part.services.flows.reshape(-1, 2) for part in parts])
    assert np.array_equal(first.packets, sent["packets"])
    assert np.array_equal(first.octets, sent["bytes"])
    assert np.array_equal(first.out, flows["sent_out"])
    assert np.array_equal(first.into, flows["sent_in"])
    assert np.array_equal(first.asked, np.concatenate([part.answers.keys for part in parts]))
    assert np.array_equal(first.dns, np.concatenate([part.answers.counts for part in parts]))
    cells, above = {}, 0
    for part in parts:
        for cell, answers in part.answers.latency.tolist():
            cells[above + cell // LATENCY_BUCKETS, cell % LATENCY_BUCKETS] = answers
        above += len(part.answers.keys)
    assert {(row, bucket): many for row, bucket, many in first.latency.tolist()} == cells
    assert min(part.start for part in parts) <= first.since < first.until < max(part.end for part in parts)


def test_of_nothing_there_is_nothing() -> None:
    empty = recent(watcher(packets=0).pipeline.shard.windows)
    assert (empty.since, empty.until) == (0, 0)
    assert [len(column) for column in empty[2:]] == [0] * 8


def test_it_changes_nothing() -> None:
    one, two = watcher(packets=OUTAGE), watcher(packets=OUTAGE)
    for _ in range(3):
        one.picture()
    one.finish()
    two.finish()
    assert [verdict.to_json() for verdict in one.verdicts()] == [verdict.to_json() for verdict in two.verdicts()]
    assert one.pipeline.counters == two.pipeline.counters
