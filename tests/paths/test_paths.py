"""Paths as the pipeline uses it: windows, flags, batches, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths.drive import WIDTH, drive, play
from tests.paths.network import SECOND, START
from wireverdict.connections.tracker import Settings, Tracker
from wireverdict.paths import Paths, PathSettings, layout, policing
from wireverdict.paths.judgement import Cause
from wireverdict.paths.paths import TABLES
from wireverdict.records import Flag, Reason

POLICED, BLOATED, THROTTLED = 1 << Flag.POLICED, 1 << Flag.BUFFERBLOAT, 1 << Flag.THROTTLED


@pytest.mark.parametrize("name", ["policer", "bloated queue"])
def test_batches_make_no_difference(name: str) -> None:
    rows = play(name).sender
    whole = drive(rows)
    for batch in (1_000, 77):
        parts = drive(rows, batch=batch)
        assert parts.views == whole.views
        assert parts.records.tobytes() == whole.records.tobytes()


def test_other_pairs_make_no_difference() -> None:
    alone = play("policer").sender
    others = play("bloated queue", connections=2).sender.copy()
    for name in ("src_lo", "dst_lo"):
        others[name] += np.uint64(0x100)
    mixed = np.concatenate([alone, others])
    mixed = mixed[np.argsort(mixed["ts"], kind="stable")]
    ours = drive(alone)
    both = drive(mixed)
    sender = ours.views[0].policing[0].sender
    for view, wider in zip(ours.views, both.views, strict=True):
        assert [case for case in wider.policing if case.sender == sender] == [
            case for case in view.policing if case.sender == sender
        ]
    record = both.records[both.records["src_lo"] == alone["src_lo"][0]]
    assert record.tobytes() == ours.records.tobytes()


def test_a_window_is_judged_by_what_came_before_its_end() -> None:
    rows = play("policer").sender
    driven = drive(rows)
    end = driven.views[0].end
    # the window closes with its first ten seconds behind it, or with all that came in the ten after
    early = drive(rows[rows["ts"] < end])
    assert early.views[0] == driven.views[0]


def test_flags_of_policed_and_bloated_connections() -> None:
    policed = drive(play("policer", connections=3).sender).records
    assert np.all(policed["flags_true"] & POLICED)
    assert np.all(policed["flags_true"] & THROTTLED)
    assert not np.any(policed["flags_true"] & BLOATED)
    bloated = drive(play("bloated queue").sender).records
    assert np.all(bloated["flags_true"] & BLOATED)
    assert np.all(bloated["flags_known"] & POLICED)
    assert not np.any(bloated["flags_true"] & POLICED)


@pytest.mark.parametrize("name", ["shaper", "heavy random loss"])
def test_losses_explained_otherwise_are_not_policed(name: str) -> None:
    record = drive(play(name).sender).records[0]
    assert record["flags_known"] & POLICED
    assert not record["flags_true"] & POLICED


def test_little_traffic_is_not_known_to_be_anything() -> None:
    rows = play("clean").sender
    record = drive(rows[:60]).records[0]
    assert not record["flags_known"] & (POLICED | BLOATED)
    assert record["reasons"][Flag.POLICED] == Reason.TOO_FEW_SAMPLES
    assert record["reasons"][Flag.BUFFERBLOAT] == Reason.NO_LOAD
    short = drive(rows[:12]).records[0]
    assert not short["flags_known"] & (POLICED | BLOATED)


def test_few_losses_leave_the_flag_open() -> None:
    rows = play("random loss").sender
    record = drive(rows[rows["ts"] < rows["ts"][0] + 2 * SECOND]).records[0]
    assert 0 < record["source"]["retransmissions"] < 15
    assert not record["flags_known"] & POLICED


def test_an_answer_of_an_earlier_window_lasts() -> None:
    """The connection was policed once; later, when it ends, its log is long gone."""
    rows = play("policer").sender
    last = rows[-1:].copy()
    last["ts"] += 200 * SECOND
    last["seq"] += 1
    last["payload_length"] = 0
    driven = drive(np.concatenate([rows, last]))
    assert driven.records[0]["flags_true"] & POLICED


def test_an_answer_waits_until_the_connection_goes_on() -> None:
    rows = play("policer").sender
    tracker, paths = Tracker(Settings(max_connections=64)), Paths(PathSettings())
    tracker.track(rows, 0, len(rows))
    paths.observe(rows, tracker.notes, 0, len(rows))
    end = (int(rows["ts"][-1]) // WIDTH + 1) * WIDTH
    view = paths.judge(end - WIDTH, end)
    assert any(case.judgement.policed for case in view.policing)
    assert paths.members["policed"][0] == 0
    assert paths.members["pending"][0]


def test_rows_are_given_back() -> None:
    rows = play("policer").sender
    tracker, paths = Tracker(Settings(max_connections=64)), Paths(PathSettings())
    tracker.track(rows, 0, len(rows))
    paths.observe(rows, tracker.notes, 0, len(rows))
    tracker.finish()
    slots = tracker.ended_rows.copy()
    paths.apply_flags(slots, tracker.drain())
    assert paths.slots["member"][slots[0]] == 0
    end = (int(rows["ts"][-1]) // WIDTH + 1) * WIDTH
    paths.judge(end - WIDTH, end)
    assert paths.counters[layout.CHUNKS_USED] > 0
    assert paths.members["pair"][0] == -1
    paths.judge(end + 100 * SECOND, end + 110 * SECOND)
    assert paths.counters[layout.CHUNKS_USED] == 0
    assert paths.counters[layout.PAIRS_USED] == 0
    assert not paths.table.any()


def test_the_bound_on_judgements_is_told() -> None:
    first = play("policer").sender
    second = first.copy()
    for name in ("src_lo", "dst_lo"):
        second[name] += np.uint64(0x100)
    rows = np.concatenate([first, second])
    rows = rows[np.argsort(rows["ts"], kind="stable")]
    view = drive(rows, PathSettings(max_judged=1)).views[1]
    assert view.unjudged == 1
    assert [case.judgement.cause for case in view.policing if case.packets > 50] == [Cause.POLICED]


def test_a_log_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    judge_log = policing.judge_log

    def counted(log: NDArray[np.void], *others: Any) -> Any:
        asked.append(log["number"].tobytes())
        return judge_log(log, *others)

    monkeypatch.setattr(policing, "judge_log", counted)
    rows = play("policer").sender
    tracker, paths = Tracker(Settings(max_connections=64)), Paths(PathSettings())
    tracker.track(rows, 0, len(rows))
    paths.observe(rows, tracker.notes, 0, len(rows))
    tracker.finish()
    slots = tracker.ended_rows.copy()
    records = tracker.drain()
    paths.apply_flags(slots, records)
    assert records["flags_true"][0] & POLICED
    end = (int(rows["ts"][-1]) // WIDTH + 1) * WIDTH
    view = paths.judge(end - WIDTH, end)
    assert view.policing[0].judgement.policed
    assert len(asked) == len(set(asked)) == 1
    paths.judge(end, end + WIDTH)  # nothing was lost in this one, and the horizon has less of the log
    paths.release(end + 100 * SECOND)
    assert not paths._told


def test_nothing_observed() -> None:
    paths = Paths()
    view = paths.judge(START, START + WIDTH)
    assert (view.policing, view.loads, view.calm, view.full) == ([], [], set(), {})
    assert "path_log_full" in TABLES
    records: NDArray[np.void] = np.zeros(0, drive(play("clean").sender[:12]).records.dtype)
    paths.apply_flags(np.zeros(0, np.int32), records)
