"""Simulated connections: every byte arrives, and what was promised happens."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import plan, simulate
from benchmarks.events import EVENT, FIN, RST, SYN


def planned(n: int = 300, **values: int) -> NDArray[np.void]:
    rows = plan.tcp(n, 15.3, 30.0, np.random.default_rng(4))
    rows["kind"] = plan.NORMAL
    for name, value in values.items():
        rows[name] = value
    return rows


def test_without_loss_nothing_goes_wrong() -> None:
    rows = planned(lossy=0)
    simulate.events(rows)
    for side in ("client", "server"):
        for name in ("retransmissions", "out_of_order", "duplicate_acks", "spurious"):
            assert rows[side][name].sum() == 0


@pytest.mark.parametrize("lossy", [0, 1])
def test_all_is_acknowledged_in_the_end(lossy: int) -> None:
    rows = planned(lossy=lossy)
    events = simulate.events(rows)
    for index in range(len(rows)):
        mine = events[events["conn"] == index]
        sent = mine[mine["server"] == 1]
        got = mine[mine["server"] == 0]
        assert sent["seq"].max() == got["ack"].max()  # the last ACK of the server follows its FIN
        assert (mine["flags"] & FIN > 0).sum() == 2
        unique = {(int(e["seq"]), int(e["length"])) for e in sent if e["length"]}
        assert sum(length for _, length in unique) == sent["seq"].max() - 2


def test_acks_are_delayed() -> None:
    rows = planned(lossy=0, requests=1, segments=100)
    events = simulate.events(rows)
    data = ((events["server"] == 1) & (events["length"] > 0)).sum()
    acks = ((events["server"] == 0) & (events["length"] == 0)).sum()
    assert 0.5 < acks / data < 0.6


@pytest.mark.parametrize(
    ("kind", "packets", "last"),
    [(plan.REFUSED, 2, RST), (plan.UNREACHED, 3, SYN), (plan.FLOOD, 1, SYN)],
)
def test_failures(kind: int, packets: int, last: int) -> None:
    rows = planned(20, kind=kind)
    events = simulate.events(rows)
    assert len(events) == 20 * packets
    for index in range(20):
        assert events[events["conn"] == index]["flags"][-1] & last


def test_resets() -> None:
    for kind, server in ((plan.RESET_BY_CLIENT, 0), (plan.RESET_BY_SERVER, 1)):
        rows = planned(20, kind=kind)
        events = simulate.events(rows)
        resets = events[events["flags"] & RST > 0]
        assert len(resets) == 20
        assert set(resets["server"].tolist()) == {server}


def test_dns() -> None:
    rows = plan.dns(4_000, 30.0, np.random.default_rng(2))
    events = simulate.events(rows)
    queries, answers = (np.bincount(events["conn"][events["server"] == side], minlength=len(rows)) for side in (0, 1))
    assert np.array_equal(queries, rows["kind"] != plan.ORPHAN)
    assert np.array_equal(answers, rows["kind"] != plan.UNANSWERED)
    late = rows["kind"] == plan.LATE
    assert np.all((rows["last"] - rows["first"])[late] > 5_000_000_000)
    assert np.all((rows["last"] - rows["first"])[~late] < 1_000_000_000)


def test_the_buffer_s_size_does_not_show() -> None:
    whole = planned(1_500)
    pieces = whole.copy()
    space = np.zeros(2_000_000, EVENT)
    first, n = simulate.simulate(whole, 0, space, *simulate.room())
    assert first == len(whole)
    small = np.zeros(17_000, EVENT)
    got = []
    first = 0
    while first < len(pieces):
        first, count = simulate.simulate(pieces, first, small, *simulate.room())
        got.append(small[:count].copy())
    assert len(got) > 1
    assert np.array_equal(np.concatenate(got), space[:n])
    assert np.array_equal(pieces, whole)
