"""The small parts of the simulation."""

from __future__ import annotations

import numpy as np

from benchmarks import plan
from benchmarks.events import ACK, EVENT, SYN, dice, emit, header_bytes, tick_of


def connection(**values: int | float) -> np.void:
    row = np.zeros(1, plan.CONN)
    for name, value in values.items():
        row[name] = value
    one: np.void = row[0]
    return one


def test_dice_are_even_and_repeat_themselves() -> None:
    state, again = np.array([9], np.uint64), np.array([9], np.uint64)
    thrown = np.array([dice(state) for _ in range(20_000)])
    assert thrown.min() >= 0.0
    assert thrown.max() < 1.0
    counts, _ = np.histogram(thrown, bins=10, range=(0.0, 1.0))
    assert np.all(np.abs(counts - 2000) < 200)
    assert [dice(again) for _ in range(5)] == thrown[:5].tolist()


def test_timestamps_are_milliseconds_and_wrap() -> None:
    one = connection(start=1_000_000_000)
    assert tick_of(7, one, 1_000_000_000) == 7
    assert tick_of(7, one, 1_012_900_000) == 19
    assert tick_of(0xFFFFFFFF, one, 1_001_000_000) == 0


def test_header_bytes() -> None:
    assert header_bytes(connection(), ACK, False) == 40
    assert header_bytes(connection(timestamps=1), ACK, False) == 52
    assert header_bytes(connection(timestamps=1, ipv6=1), ACK, True) == 84
    assert header_bytes(connection(ipv6=1), SYN, False) == 80


def test_a_packet_passes_the_capture_point_on_its_way_and_is_counted() -> None:
    out = np.zeros(2, EVENT)
    rows = np.zeros(1, plan.CONN)
    rows["start"], rows["rtt"], rows["place"], rows["timestamps"] = 5_000_000_000, 100_000_000, 0.25, 1
    assert emit(out, 0, rows[0], 0, 5_000_000_000, 0, ACK, 1, 2, 100, 501, 3, 0, 0, 0) == 1
    assert emit(out, 1, rows[0], 0, 5_050_000_000, 1, ACK, 2, 101, 0, 501, 4, 0, 0, 1_000) == 2
    assert out["ts"].tolist() == [5_012_500_000, 5_087_501_000]
    assert rows["client"]["bytes"][0] == 152
    assert rows["client"]["payload"][0] == 100
    assert rows["server"]["packets"][0] == 1
    assert (rows["first"][0], rows["last"][0]) == (5_012_500_000, 5_087_501_000)
