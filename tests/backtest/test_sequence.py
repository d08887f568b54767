"""Time-sequence plots and round trips, on connections that were made by hand and one of the laboratory's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.backtest.packets import CLIENT, SERVER, rows, segment
from tests.headers import batches
from tests.lab.scenario import CAPTURES
from wireverdict.backtest import sequence
from wireverdict.headers import TCP
from wireverdict.verdicts import Subject

BASE = 2**32 - 1500


def lossy() -> NDArray[np.void]:
    """Four segments through a wrap of sequence numbers; the second is sent again."""
    return rows(
        segment(0, seq=BASE, size=1000),
        segment(1, seq=BASE + 1000, size=1000),
        segment(2, seq=BASE + 2000, size=1000),
        segment(20, back=True, ack=BASE + 1000),
        segment(200, seq=BASE + 1000, size=1000),
        segment(230, back=True, ack=BASE + 3000),
        segment(240, seq=BASE + 3000, size=1000),
        segment(270, back=True, ack=BASE + 4000),
    )


def test_numbers_are_relative_through_a_wrap_and_repeats_are_told_apart() -> None:
    chosen = sequence.busiest(lossy(), Subject(CLIENT, SERVER))
    assert chosen is not None
    note, series = sequence.time_sequence(chosen, 0, 300_000_000)
    assert series["data"] == [[0, 0.001, 0.002, 0.24], [0, 1000, 2000, 3000], [1000, 2000, 3000, 4000]]
    assert series["again"] == [[0.2], [1000], [2000]]
    assert series["ack"] == [[0.02, 0.23, 0.27], [1000, 3000, 4000]]
    assert series["window"] == [[0.02, 0.23, 0.27], [2000, 4000, 5000]]
    assert note == "port 40000 to port 80: 4 data packets, 1 of them sent again." or note.startswith(
        "port 40000 to port 80: 5"
    )


def test_round_trips_follow_karn() -> None:
    chosen = sequence.busiest(lossy(), Subject(CLIENT, SERVER))
    assert chosen is not None
    _, series = sequence.round_trips(chosen, 0)
    assert series["far_rtt"] == [20, 228, 30]  # what was sent again is not timed; the one behind it is
    assert series["far_flight"] == [1000, 3000, 1000]
    assert series["near_rtt"] == []


def test_timestamps_time_the_way_to_the_sender() -> None:
    told = rows(
        segment(0, seq=0, size=100, stamps=(1, 0)),
        segment(1, back=True, ack=100, stamps=(500, 1)),
        segment(41, seq=100, size=100, stamps=(41, 500)),
        segment(42, back=True, ack=200, stamps=(541, 41)),
    )
    chosen = sequence.busiest(told, Subject())
    assert chosen is not None
    note, series = sequence.round_trips(chosen, 0)
    assert (series["near_rtt"], series["far_rtt"]) == ([40], [1, 1])
    assert note == "2 round trips towards the receiver, 1 towards the sender."


def test_the_subjects_sender_comes_before_others_with_more() -> None:
    told = rows(segment(0, seq=0, size=10), *[segment(n, back=True, seq=1000 * n, size=1000) for n in range(1, 9)])
    ours, theirs = sequence.busiest(told, Subject(CLIENT, SERVER)), sequence.busiest(told, Subject(SERVER, CLIENT))
    assert ours is not None
    assert theirs is not None
    assert (int(ours.sent.sum()), int(theirs.sent.sum())) == (1, 8)
    assert sequence.busiest(rows(segment(0), segment(1, back=True)), Subject()) is None


def test_marks_are_bounded_and_lie_before_the_moment_that_matters() -> None:
    parts = []
    for n in range(6000):
        parts.append(segment(n, seq=100 * n, size=100))
        if n in (4000, 5900):
            parts.append(segment(n + 0.5, seq=100 * (n - 3), size=100))
    chosen = sequence.busiest(rows(*parts), Subject())
    assert chosen is not None
    note, series = sequence.time_sequence(chosen, 0, 4_500_000_000)
    assert len(series["data"][0]) + len(series["again"][0]) == sequence.MARKS
    assert series["again"][0] == [4.0005]
    assert note.endswith(f"{sequence.MARKS:,} of them are shown.")


@pytest.mark.parametrize("view", ["client", "server"])
def test_a_bloated_queue_of_the_laboratory_shows_at_either_end(view: str) -> None:
    """Bytes in flight over the round trip are the queue's rate (Little's law), wherever it was captured."""
    headers = [b.rows[b.rows["protocol"] == TCP].copy() for b in batches(CAPTURES / f"bufferbloat-up.{view}.pcap.xz")]
    truth = json.loads((CAPTURES / "bufferbloat-up.truth.json").read_text("utf-8"))
    told = rows(*headers)
    told = told[(told["ts"] > truth["fault_start"] * 1e9) & (told["ts"] < truth["fault_end"] * 1e9)]
    chosen = sequence.busiest(told, Subject("198.18.0.2", "192.0.2.90"))
    assert chosen is not None
    _, series = sequence.round_trips(chosen, 0)
    part = "far" if view == "client" else "near"
    rtt, flight = np.array(series[f"{part}_rtt"]), np.array(series[f"{part}_flight"])
    assert len(rtt) > 200
    assert rtt.max() > 500
    busy = rtt > 200
    assert np.median(8 * flight[busy] / (rtt[busy] / 1000)) == pytest.approx(4e6, rel=0.1)
