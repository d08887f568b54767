"""What is settled without being followed, what is not, and what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.location.linked import SECOND, rows, tables
from wireverdict.headers import ACK, SYN
from wireverdict.location import scan
from wireverdict.location.layout import CUT

GAP = 7_000_000


def data(number: int, side: int, **more: Any) -> dict[str, Any]:
    return {"seq": 100 * number, "length": 100, "ts": number * 1_000 + side * GAP, "side": side} | more


def acked(number: int, side: int, **more: Any) -> dict[str, Any]:
    return {"from_high": 1, "ack": number, "ts": 100_000_000 + number - side * GAP, "side": side} | more


def look(
    near: list[dict[str, Any]], far: list[dict[str, Any]], clock: int = 20 * SECOND, tabled: Any = None
) -> tuple[Any, ...]:
    """The state of the direction from low, what may be settled, the tables, and what is kept."""
    whole = rows(*near, *far)
    whole["sensor"] = whole["side"]
    starts = np.array([0, len(near), len(near) + len(far)], np.int64)
    conns, links = tabled or tables()
    clocks, before = np.array([clock, clock]), np.zeros(2, np.int64)
    state, has, reach = np.zeros(2, np.uint8), np.zeros(2, np.uint8), np.zeros(2, np.uint32)
    scan.scan(whole, starts, 1, conns, links, clocks, state, reach, has)
    out = np.zeros(len(whole), whole.dtype)
    kept = scan.trim(whole, starts, 1, conns, links, clocks, before, out)
    return state[0], (int(reach[0]) if has[0] else None), conns[0], links[0], out[:kept]


def test_data_that_both_saw_and_that_are_acknowledged_are_settled() -> None:
    sent = [data(n, 0) for n in range(4)], [data(n, 1) for n in range(4)]
    state, _, conn, link, kept = look([*sent[0], acked(300, 0)], [*sent[1], acked(300, 1)])
    assert (state, conn["cut"][0], conn["sent"][0]) == (scan.WHOLE, 300, 3)
    assert link["whole"] == 1
    assert link["points"][0][0]["gap"].tolist() == [GAP, GAP]
    assert link["points"][0][0]["many"] == 4
    assert link["points"][1][0]["gap"].tolist() == [-GAP, -GAP]
    assert kept["seq"].tolist() == [300, 300]


def test_what_both_have_not_heard_acknowledged_stays() -> None:
    sent = [data(n, 0) for n in range(4)], [data(n, 1) for n in range(4)]
    _, _, conn, _, kept = look([*sent[0], acked(300, 0)], [*sent[1], acked(200, 1)])
    assert conn["cut"][0] == 200
    assert kept["seq"][kept["from_high"] == 0].tolist() == [200, 300, 200, 300]


@pytest.mark.parametrize("gone", [0, 1, 3])
@pytest.mark.parametrize("side", [0, 1])
def test_what_one_sensor_did_not_see_has_to_be_followed(gone: int, side: int) -> None:
    sent = [[data(n, which) for n in range(4) if which != side or n != gone] for which in (0, 1)]
    state, reach, *_ = look([*sent[0], acked(350, 0)], [*sent[1], acked(350, 1)])
    assert state == scan.FAULTY
    assert reach == 300  # 350 would divide a segment


def test_data_that_were_sent_twice_have_to_be_followed() -> None:
    sent = [[data(n, which) for n in (0, 1, 1, 2)] for which in (0, 1)]
    assert look(sent[0], sent[1])[0] == scan.FAULTY


def test_what_may_still_come_is_waited_for() -> None:
    near, far = [data(n, 0) for n in range(4)], [data(n, 1) for n in range(3)]
    state, _, conn, _, kept = look([*near, acked(300, 0)], [*far, acked(300, 1)], clock=SECOND // 2)
    assert (state, conn["cut"][0]) == (scan.WHOLE, 0)  # no acknowledgement is old enough either
    assert len(kept) == 9


def test_repeats_of_settled_data_are_dropped() -> None:
    sent = [[data(n, which) for n in range(4)] for which in (0, 1)]
    _, _, conn, link, _ = look([*sent[0], acked(400, 0)], [*sent[1], acked(400, 1)])
    tabled = np.array([conn]), np.array([link])
    state, _, conn, _, kept = look([data(2, 0)], [], tabled=tabled)
    assert (state, conn["cut"][0], len(kept)) == (scan.NOTHING, 400, 0)


@pytest.mark.parametrize(("flags", "state"), [(SYN, scan.ALONE), (SYN | ACK, scan.NOTHING), (ACK, scan.NOTHING)])
def test_connections_of_which_one_sensor_saw_syns_only(flags: int, state: int) -> None:
    assert look([data(0, 0, flags=flags, length=1), data(0, 0, flags=flags, length=1)], [])[0] == state


def test_what_is_older_than_all_windows_is_given_up_at_both_sensors() -> None:
    whole = rows(data(0, 0), data(1, 0, ts=9 * SECOND), data(0, 1, ts=8 * SECOND), data(1, 1, ts=9 * SECOND))
    whole["sensor"] = whole["side"]
    conns, links = tables()
    out = np.zeros(4, whole.dtype)
    clocks, before = np.array([20 * SECOND] * 2), np.array([5 * SECOND] * 2)
    kept = scan.trim(whole, np.array([0, 2, 4]), 1, conns, links, clocks, before, out)
    assert out["seq"][:kept].tolist() == [100, 100]
    assert (conns["cut"][0][0], conns["bits"][0]) == (100, CUT)


def test_what_is_kept_is_told_by_connection_and_sensor() -> None:
    given = [data(0, 0), data(1, 0, ts=9 * SECOND), data(0, 1), data(1, 1, ts=9 * SECOND), data(2, 1, ts=9 * SECOND)]
    whole = rows(*given, *given)
    whole["sensor"] = whole["side"]
    whole["place"][len(given) :] = 2
    conns, links = (np.concatenate([table] * 3) if len(table) == 1 else table for table in tables())
    starts, out = np.array([0, 2, 5, 5, 5, 7, 10]), np.zeros(10, whole.dtype)
    clocks, before = np.array([20 * SECOND] * 2), np.array([5 * SECOND] * 2)
    kept = scan.trim(whole, starts, 3, conns, links, clocks, before, out)
    assert starts.tolist() == [0, 1, 3, 3, 3, 4, 6]
    assert (kept, out["side"][:kept].tolist(), out["place"][:kept].tolist()) == (6, [0, 1, 1] * 2, [0] * 3 + [2] * 3)
    alive = np.zeros(3, np.uint8)
    for last, found in ((4 * SECOND, [1, 0, 1]), (5 * SECOND, [1, 1, 1])):
        conns["last"][1] = [-1, last]
        scan.find_alive(starts, 3, conns, links, before, alive)
        assert alive.tolist() == found
