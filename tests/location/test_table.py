"""The tables: memory that is given back, sensors that are forgotten, snapshots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.location.linked import SECOND, header
from wireverdict import snapshot
from wireverdict.location import gate
from wireverdict.location.table import Table


def packets(*numbers: int, host: str = "198.51.100.1", port: int = 9) -> np.ndarray:
    return np.concatenate(
        [header("192.0.2.1", host, sport=port, ts=n * SECOND, seq=100 * n, payload_length=100) for n in numbers]
    )


def filled(*sensors: str) -> Table:
    table = Table()
    for sensor in sensors:
        table.add(sensor, packets(1, 2, 3), 4 * SECOND)
    return table


def test_one_sensor_alone_takes_no_rows() -> None:
    table = filled("a")
    assert (table.many, table.counters[gate.WRITTEN]) == (0, 3)
    assert table.clocks.tolist() == [4 * SECOND]


def test_two_sensors_are_arranged() -> None:
    table = filled("a", "b")
    table.arrange()
    assert (table.many, table.used, table.starts[:3].tolist()) == (6, 1, [0, 3, 6])
    assert table.rows["seq"][:6].tolist() == [100, 200, 300] * 2
    ends = table.endpoints(0)
    assert (ends.low[2], ends.high[2]) == (9, 2)
    table.add("a", packets(4), 5 * SECOND)
    table.arrange()
    assert table.starts[:3].tolist() == [0, 4, 7]


def test_ticks_move_clocks_and_nothing_else() -> None:
    table = filled("a")
    table.add("a", None, 9 * SECOND)
    table.add("b", None, 9 * SECOND)
    assert (table.sensors, table.clocks.tolist()) == ({"a": 0}, [9 * SECOND])


def test_of_too_many_rows_the_older_half_goes() -> None:
    table = filled("a", "b")
    table.arrange()
    table.trim(4)
    assert table.many <= 4
    assert table.rows["seq"][: table.many].min() > 100


@pytest.mark.parametrize("gone", ["a", "b"])
def test_a_sensor_that_is_forgotten_leaves_nothing(gone: str) -> None:
    table = filled("a", "b")
    kept = "b" if gone == "a" else "a"
    table.add("a", packets(1, host="198.51.100.7"), 4 * SECOND)
    table.add("b", packets(1, host="198.51.100.8"), 4 * SECOND)
    assert table.forget(gone) is not None
    assert (table.many, table.used) == (0, 0)
    assert table.forget("nobody") is None
    host = "198.51.100.7" if gone == "a" else "198.51.100.8"
    table.add(gone, packets(5, host=host), 6 * SECOND)
    assert table.many == 0  # nobody else has seen that pair
    table.add(kept, packets(5, host=host), 6 * SECOND)
    assert table.many == 2
    assert table.began[table.sensors[gone]] == 5 * SECOND


def test_connections_that_nothing_refers_to_are_forgotten() -> None:
    table = Table()
    for sensor in ("a", "b"):
        for port in range(3_000):
            table.add(sensor, packets(1, port=port), 2 * SECOND)
    table.arrange()
    assert table.used == 3_000
    assert table.compact(np.zeros(0, np.int64)) is None  # their rows are there
    table.before[:] = 100 * SECOND
    table.trim(1 << 30)
    assert table.many == 0
    places = table.compact(np.array([7], np.int64))
    assert places is not None
    assert (table.used, places[7], (places >= 0).sum()) == (1, 0, 1)
    assert table.conns["low_port"][0] == 7
    for sensor in ("a", "b"):
        table.add(sensor, packets(200, port=7), 201 * SECOND)
    table.arrange()
    assert table.used == 1


def test_pairs_of_which_nothing_comes_make_room(monkeypatch: Any) -> None:
    monkeypatch.setattr("wireverdict.location.table.PAIRS", 4)
    table = Table()
    for number in range(4):
        for sensor in ("a", "b"):
            table.add(sensor, packets(1, host=f"198.51.100.{number}"), 2 * SECOND)
    table.arrange()
    table.before[:] = 100 * SECOND
    table.trim(1 << 30)
    monkeypatch.setattr(table, "used", table.used)
    table._keep(np.zeros(table.used, bool))
    assert table.counters[gate.FREE_GROUP] > 0
    assert np.count_nonzero(table.groups["key"]) == 1
    assert table.groups["low_lo"][np.flatnonzero(table.groups["key"])[0]] != 0
    for sensor in ("a", "b"):
        table.add(sensor, packets(200, host="203.0.113.9"), 201 * SECOND)
    assert table.many == 2
    assert table.counters[gate.FULL] == 0


def test_a_snapshot_holds_everything() -> None:
    table, more = filled("a", "b"), Table()
    table.arrange()
    table.add("a", packets(4), 5 * SECOND)
    table.add("c", packets(1, host="198.51.100.7"), 5 * SECOND)
    more.load(snapshot.unpack(snapshot.pack(table.dump())))
    assert snapshot.pack(more.dump()) == snapshot.pack(table.dump())
    for one in (table, more):
        one.add("b", packets(4), 5 * SECOND)
        one.add("b", packets(1, host="198.51.100.7"), 5 * SECOND)
        one.arrange()
    assert snapshot.pack(more.dump()) == snapshot.pack(table.dump())
    assert (more.rows[: more.many] == table.rows[: table.many]).all()
    state = table.dump()
    state["rows"] = state["rows"]["ts"]
    with pytest.raises(ValueError, match="rows is not an array of the type"):
        Table().load(snapshot.unpack(snapshot.pack(state)))
