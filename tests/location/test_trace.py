"""Losses by the kernel, against `follow.follow` of the same packets."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.location.network import FATES, Clock, Network
from wireverdict.headers import ACK, RST
from wireverdict.location import follow
from wireverdict.location.clocks import Clocks
from wireverdict.location.layout import CUT
from wireverdict.location.order import ORDER
from wireverdict.location.table import Table
from wireverdict.location.trace import LOST, NARROW, TRACED, WIDE, trace

CLOCK = Clocks(0, 0, 0.0, 20_000_000.0, 100)


def tabled(network: Network) -> Table:
    """What both sensors saw (a is side 0), arranged."""
    table = Table()
    for name in ("a", "b"):
        rows = network.headers(name)
        table.add(name, rows, int(rows["ts"].max()))
    table.arrange()
    return table


def traced(
    table: Table, way: int, near: int, reach: int | None = None, size: int = 4_096
) -> tuple[np.ndarray, np.void]:
    """The losses of connection 0, and what else is told."""
    orders = np.zeros(1, ORDER)
    orders["near"], orders["known"], orders["apart"] = near if way == 0 else 1 - near, 1, CLOCK.apart
    has, reached = np.zeros(2, np.uint8), np.zeros(2, np.uint32)
    if reach is not None:
        has[way], reached[way] = 1, reach
    out, told = np.zeros(5 * table.many, LOST), np.zeros(1, TRACED)
    many = trace(
        table.rows, table.starts, table.conns, table.links, table.clocks, np.array(table.began), np.array([way]), 1, reached,
        has, orders, np.zeros(1, ORDER), np.zeros(WIDE * size, np.int64), size, np.zeros(NARROW * size, np.uint32),
        np.zeros(size, np.uint8), out, told,
    )  # fmt: skip
    return out[:many], told[0]


def followed(table: Table, way: int, near: int) -> follow.Followed | None:
    parts = [table.rows[table.starts[side] : table.starts[side + 1]] for side in (0, 1)]
    sender = [part[part["from_high"] == way] for part in parts]
    answers = [part[(part["from_high"] != way) & (part["flags"] & (ACK | RST) == ACK)] for part in parts]
    far = 1 - near
    span = table.began[far], int(table.clocks[far])
    conn = table.conns[0]
    cut = int(conn["cut"][way]) if conn["bits"] & (CUT << way) else None
    return follow.follow(sender[near], sender[far], answers[far], CLOCK, span, answers[near], cut)


def listed(found: Any, segments: Any) -> list[tuple[int, ...]]:
    columns = found.ts, segments, found.bytes, found.place
    return [tuple(map(int, each)) for each in zip(*columns, strict=True)]


NETWORKS = st.builds(
    lambda data, acks, clock, timestamps, sack: Network(
        data=data, acks=acks, clocks={"b": clock}, timestamps=timestamps, sack=sack
    ).run(),
    st.dictionaries(st.integers(0, 80), st.sampled_from(FATES), max_size=30),
    st.dictionaries(st.integers(0, 120), st.sampled_from(("before", "between", "after")), max_size=30),
    st.builds(Clock, st.integers(-2_000_000, 2_000_000)),
    st.booleans(),
    st.booleans(),
)


@effort(max_examples=150)
@given(NETWORKS, st.integers(0, 1), st.integers(0, 1))
def test_as_follow_tells(network: Network, way: int, near: int) -> None:
    """Whichever sensor is taken for the near one: also of what makes no sense the same is said."""
    table = tabled(network)
    if not table.used:
        return
    expected = followed(table, way, near)
    losses, told = traced(table, way, near)
    if expected is None:
        assert (told["done"], len(losses)) == (2, 0)
        return
    assert told["done"] == 1
    made = [tuple(int(row[name]) for name in ("ts", "segments", "bytes", "place")) for row in losses]
    assert made == listed(expected, -(-expected.bytes // expected.segment))
    assert (told["sent"], told["missed_near"], told["missed_far"]) == (
        expected.sent,
        expected.missed_near,
        expected.missed_far,
    )
    assert not losses["settled"].any()


@effort(max_examples=60)
@given(NETWORKS, st.integers(0, 40_000))
def test_what_is_settled_is_counted_once(network: Network, reach: int) -> None:
    table = tabled(network)
    if not table.used:
        return
    way = 0  # of the data: 192.0.2.1 is the lower address
    open_losses, every = traced(table, way, 0)
    upto = (network.isn + reach) % 2**32
    losses, told = traced(table, way, 0, upto)
    if every["done"] == 2:
        return
    conn, rows = table.conns[0], table.rows[: table.starts[1]]
    assert [row["ts"] for row in losses] == [row["ts"] for row in open_losses]
    for name in ("sent", "missed_near", "missed_far"):
        assert int(conn[name][way]) + int(told[name]) == int(every[name])
    mine = rows[(rows["from_high"] == way) & (rows["length"] > 0)]
    below = ((mine["seq"] + mine["length"] - np.uint32(upto)).astype(np.int32) <= 0).sum()
    assert conn["sent"][way] == below
    assert (conn["cut"][way], conn["bits"] & (CUT << way) != 0) == (upto, True)


def test_without_room_it_says_so_and_settles_nothing() -> None:
    table = tabled(Network(data={5: "between"}).run())
    losses, told = traced(table, 0, 0, reach=1, size=2 * table.many)
    assert told["done"] in (0, 1)
    table = tabled(Network(data={5: "between"}).run())
    assert len(traced(table, 0, 0)[0]) == 1
    assert len(losses) <= 1
