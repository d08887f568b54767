"""A response that meets losses: seen from the capture point, each kind of trouble looks as it should."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import plan, simulate
from benchmarks.response import end_of


def lossy() -> tuple[NDArray[np.void], NDArray[np.void]]:
    rows = plan.tcp(400, 15.3, 30.0, np.random.default_rng(8))
    rows["kind"], rows["lossy"], rows["timestamps"], rows["segments"] = plan.NORMAL, 1, 1, 200
    rows["requests"] = 1
    return rows, simulate.events(rows)


def test_repeats_and_swaps_come_when_they_were_said_to() -> None:
    """A repeat is at least 0.6 RTT behind what jumped over it and newer; a swapped segment is close behind and older."""
    rows, events = lossy()
    data = events[(events["server"] == 1) & (events["length"] > 0)]
    repeats = swaps = 0
    for index in range(len(rows)):
        mine = data[data["conn"] == index]
        seen: set[int] = set()
        highest = -1
        for position, packet in enumerate(mine):
            seq = int(packet["seq"])
            if seq > highest:
                highest = seq
            elif seq in seen:
                repeats += 1
            else:
                jumped = next(other for other in mine[:position] if other["seq"] > seq)
                behind = (packet["ts"] - jumped["ts"]) / rows["rtt"][index]
                if packet["tsval"] > jumped["tsval"]:
                    assert behind > 0.6
                    repeats += 1
                else:
                    assert 0 <= behind < 0.05
                    swaps += 1
            seen.add(seq)
    assert repeats == rows["server"]["retransmissions"].sum() > 500
    assert swaps == rows["server"]["out_of_order"].sum() > 200


def test_duplicate_acks_carry_sack() -> None:
    rows, events = lossy()
    acks = events[(events["server"] == 0) & (events["length"] == 0)]
    with_sack = acks[acks["sack_right"] > 0]
    assert np.all(with_sack["sack_left"] < with_sack["sack_right"])
    dsack = with_sack["sack_right"] <= with_sack["ack"]
    assert dsack.sum() >= rows["server"]["spurious"].sum() > 10
    assert (~dsack).sum() >= rows["client"]["duplicate_acks"].sum() > 500


def test_end_of() -> None:
    one = np.zeros(1, plan.CONN)
    one["mss"] = 1000
    assert end_of(one[0], 500, 0, 3, 10) == 500
    assert end_of(one[0], 500, 2, 3, 10) == 2500
    assert end_of(one[0], 500, 3, 3, 10) == 2510
