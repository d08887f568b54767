"""Connections to be shown: of those that are open the busiest, of those that have ended the last."""

from __future__ import annotations

import numpy as np

from tests.output.connection_rows import make_rows
from tests.watch.made import OUTAGE, watcher
from wireverdict.output.fields import FLAGS
from wireverdict.records import CONNECTION, Flag
from wireverdict.watch.filters import Filter
from wireverdict.watch.flows import Ended, open_connections
from wireverdict.watch.tables import record_ends


def total(rows: np.ndarray[tuple[int], np.dtype[np.void]]) -> list[int]:
    return [int(number) for number in rows["source"]["bytes"] + rows["destination"]["bytes"]]


def test_the_busiest_of_those_that_are_open() -> None:
    tracker = watcher(packets=OUTAGE).pipeline.shard.tracker
    everything, many = open_connections(tracker, 10**6)
    assert len(everything) == many == tracker.counts["live"]
    assert (everything["final"] == 0).all()
    assert total(everything) == sorted(total(everything), reverse=True)
    some, _ = open_connections(tracker, 10)
    assert total(some) == total(everything)[:10]


def test_those_that_match_are_found_however_small() -> None:
    tracker = watcher(packets=OUTAGE).pipeline.shard.tracker
    everything, _ = open_connections(tracker, 10**6)
    chosen = Filter("src host 198.18.0.2 and dst host 198.19.8.4 and port 53")
    found, many = open_connections(tracker, 10**6, chosen)
    assert many == len(everything)
    expected = everything[chosen.mask(record_ends(everything))]
    assert len(expected) > 50
    assert sorted(total(found)) == sorted(total(expected))
    assert {int(port) for port in found["sport"]} == {int(port) for port in expected["sport"]}


def test_ended_ones_are_bounded_and_flagged_ones_stay_longer() -> None:
    ended = Ended(5)
    rows = np.concatenate([make_rows(1, 1)] * 40)
    rows["final"], rows["last_ts"], rows["flags_true"] = 1, np.arange(40), 0
    rows["flags_true"][3:6] = 1 << Flag.RESET
    rows["flags_true"][30] = 1 << Flag.RESET | 1 << Flag.ONE_SIDED
    for start in range(0, 40, 7):
        ended.add(rows[start : start + 7])
    assert ended.total == 40
    assert ended.records["last_ts"].tolist() == [39, 38, 37, 36, 35, 30, 5, 4, 3]
    raised = dict(zip(FLAGS, ended.raised.tolist(), strict=True))
    assert {name: many for name, many in raised.items() if many} == {"reset": 4, "one_sided": 1}


def test_reports_of_open_ones_have_not_ended() -> None:
    ended = Ended(5)
    rows = np.zeros(3, CONNECTION)
    ended.add(rows)
    assert (ended.total, len(ended.records)) == (0, 0)
