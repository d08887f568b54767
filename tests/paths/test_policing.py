"""The judge of policing on simulated paths and on labelled captures, at both ends."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import CAPTURES
from tests.paths.drive import drive, play, read
from wireverdict.headers import TIMESTAMPS
from wireverdict.paths.events import EVENT, GAP
from wireverdict.paths.policing import Cause, Judgement, Settings, _least_of_three, _median, judge, judge_log
from wireverdict.paths.view import PathView

INNOCENT = (
    "shaper",
    "short queue",
    "bloated queue",
    "random loss",
    "heavy random loss",
    "random loss behind a queue",
    "short bursts of loss",
    "long bursts of loss",
    "tiny queue",
    "outages",
    "clean",
)


def judgements(views: list[PathView]) -> list[Judgement]:
    return [case.judgement for view in views for case in view.policing if case.packets > 50]


@pytest.mark.parametrize("end", ["sender", "receiver"])
@pytest.mark.parametrize(("name", "connections"), [("policer", 1), ("policer with a large burst", 1), ("policer", 3)])
def test_policers_are_found_at_either_end(name: str, connections: int, end: str) -> None:
    driven = drive(getattr(play(name, connections=connections), end))
    found = judgements(driven.views)
    assert [judged.cause for judged in found[-2:]] == [Cause.POLICED] * 2
    last = found[-1]
    assert last.rate_bps == pytest.approx(5e6, rel=0.03)
    assert last.at_receiver == (end == "receiver")
    assert last.confidence > 0.9
    assert 20e3 < last.burst_bytes < 100e3 or name != "policer"


@pytest.mark.parametrize("end", ["sender", "receiver"])
@pytest.mark.parametrize("name", INNOCENT)
def test_nothing_else_is_called_a_policer(name: str, end: str) -> None:
    driven = drive(getattr(play(name), end))
    assert not any(judged.policed for judged in judgements(driven.views))


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("shaper", Cause.QUEUE),
        ("short queue", Cause.QUEUE),
        ("heavy random loss", Cause.RANDOM),
    ],
)
def test_the_reason_why_not(name: str, cause: Cause) -> None:
    causes = {judged.cause for judged in judgements(drive(play(name).sender).views)}
    assert causes <= {cause, Cause.TOO_FEW}
    assert cause in causes


@pytest.mark.parametrize("how", [{"window": 30}, {"pace": 2e6}])
def test_limited_flows_lose_nothing_and_are_not_policed(how: dict[str, float]) -> None:
    driven = drive(play("clean", seconds=12.0, **how).sender)
    assert not any(judged.policed for judged in judgements(driven.views))


@pytest.mark.parametrize("end", ["sender", "receiver"])
def test_a_wait_that_is_no_part_of_what_the_bucket_would_make_is_no_queue(end: str) -> None:
    """The queue whose drops these were would make packets wait for seconds, and not for one or two packets of 6 ms."""
    driven = drive(getattr(play("policer that lets two packets wait", seconds=30.0), end))
    last = judgements(driven.views)[-1]
    assert (last.cause, last.at_receiver) == (Cause.POLICED, end == "receiver")
    assert last.rate_bps == pytest.approx(2e6, rel=0.05)
    assert 4.0 < last.loss_delay < 20.0


def test_fades_are_not_half_of_a_policers_traffic() -> None:
    """Half of the packets pass in a fade, and each loss makes the bucket low, so that it explains the next ones."""
    driven = drive(play("fades", connections=2, seconds=24.0, pace=1.63e6).sender)
    found = judgements(driven.views)
    assert max(judged.explained for judged in found) > Settings().partial_share
    assert max(judged.gain for judged in found) > Settings().min_gain  # over bursts that a passing packet ends
    assert not any(judged.policed for judged in found)


def test_three_fades_are_no_policer_behind_them() -> None:
    driven = drive(play("few fades", seconds=24.0, rtt=0.26, seed=58).receiver)
    found = judgements(driven.views)
    assert max(judged.explained for judged in found) > Settings().receiver_share
    assert {judged.cause for judged in found} <= {Cause.UNDECIDED, Cause.TOO_FEW}


@pytest.mark.parametrize("end", ["sender", "receiver"])
@pytest.mark.parametrize(("name", "pace"), [("random loss", 1.5e6), ("random loss", 3e6), ("rare random loss", 7.2e6)])
def test_a_paced_flow_that_loses_packets_at_random_is_not_policed(name: str, pace: float, end: str) -> None:
    """A bucket of the pace itself is low after every packet: that the next one was lost tells nothing."""
    driven = drive(getattr(play(name, seconds=30.0, pace=pace, rtt=0.02), end))
    found = judgements(driven.views)
    assert max(judged.lost for judged in found) > 20
    assert {judged.cause for judged in found} <= {Cause.RANDOM, Cause.UNDECIDED, Cause.TOO_FEW}


@pytest.mark.parametrize("name", ["shaper", "short queue", "policer"])
def test_behind_the_policer_nothing_is_said_without_delays(name: str) -> None:
    """A drop-tail queue drops by a policer's arithmetic: only waiting tells them apart, and only timestamps tell waiting."""
    rows = play(name).receiver.copy()
    rows["present"] &= ~np.uint16(TIMESTAMPS)
    rows["tsval"] = rows["tsecr"] = 0
    found = judgements(drive(rows).views)
    assert {judged.cause for judged in found} <= {Cause.UNDECIDED, Cause.RANDOM, Cause.TOO_FEW}
    assert Cause.UNDECIDED in {judged.cause for judged in found}


def test_few_losses_decide_nothing() -> None:
    events = drive(play("policer").sender).paths.events(0)
    assert judge(events[:300], 0).cause is Cause.TOO_FEW
    assert judge(np.empty(0, EVENT), 0).cause is Cause.TOO_FEW
    assert judge(events, 1).cause is Cause.TOO_FEW  # the other way only acknowledgements went


def test_the_latest_stretch_between_gaps_that_can_tell() -> None:
    events = drive(play("policer").sender).paths.events(0)
    cut = events.copy()
    cut["flags"][len(cut) - 40] |= GAP
    whole, lost = judge_log(events, 0, Settings())
    judged, _ = judge_log(cut, 0, Settings())
    assert judged.cause is whole.cause is Cause.POLICED
    assert judged.last_loss <= int(cut["ts"][-40])
    assert lost == {0: whole.lost}


@pytest.mark.parametrize(
    "wrong",
    [{"rate_step": 1.0}, {"rate_from": 2.0, "rate_to": 1.0}, {"depth_from": 0.0}, {"min_lost": 0}],
)
def test_settings_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="policing"):
        Settings(**wrong)  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40))
@settings(deadline=None)
def test_the_median_is_that_of_numpy(values: list[float]) -> None:
    assert _median(np.array(values)) == np.median(values)


@given(st.lists(st.one_of(st.just(math.nan), st.floats(0, 1e9)), max_size=40))
@settings(deadline=None)
def test_the_least_of_the_last_three_delays(delays: list[float]) -> None:
    known, least = _least_of_three(np.array(delays, np.float64))
    values = [delay for delay in delays if not math.isnan(delay)]
    assert [delays[k] for k in known] == values
    assert least.tolist() == [min(values[max(k - 2, 0) : k + 1]) for k in range(len(values))]


def labelled() -> list[dict[str, str]]:
    with (CAPTURES / "policing" / "labels.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


SAMPLE = labelled()[5::11]  # the whole set is the report's (benchmarks/detection_report.py)


@pytest.mark.parametrize("label", SAMPLE, ids=lambda label: label["file"][:-8])
def test_labelled_captures(label: dict[str, str]) -> None:
    driven = drive(read(CAPTURES / "policing" / label["file"]))
    found = judgements(driven.views)
    policed = [judged for judged in found if judged.policed]
    assert bool(policed) == (label["truth"] == "policed")
    if policed:
        best = max(policed, key=lambda judged: judged.gain)
        assert best.rate_bps == pytest.approx(float(label["rate_bps"]), rel=0.15)
