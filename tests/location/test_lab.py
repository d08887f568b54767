"""The lab's captures of both ends: every segment that the router dropped was lost between them, and none elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.headers import batches
from tests.lab.scenario import CAPTURES
from wireverdict.location.locate import Located, Place, locate
from wireverdict.location.log import Log

ONE_WAY = {"policed-down-small-burst": "server", "heavy-loss": "server", "policed-up-big-burst": "client"}
"""Scenarios in which the router drops TCP data of one direction only, and where that is sent from."""


@cache
def log(name: str, view: str, offset: int = 0, skew: float = 0.0) -> Log:
    made = Log()
    for batch in batches(CAPTURES / f"{name}.{view}.pcap.xz", 65_536):
        rows = batch.rows.copy()
        since = rows["ts"] - 1_795_000_000_000_000_000
        rows["ts"] += offset + np.rint(since * skew).astype(np.int64)
        made.add(rows)
    return made


def both(name: str, offset: int = 0, skew: float = 0.0) -> Located:
    return locate(("client", log(name, "client")), ("server", log(name, "server", offset, skew)))


def lost(located: Located, sender: str) -> list[int]:
    """Segments by place, of what was sent from the side of one sensor."""
    mine = [one.losses for one in located.directions if one.first == sender]
    return [sum(int(rows["segments"][rows["place"] == place].sum()) for rows in mine) for place in Place]


def truth(name: str) -> Any:
    return json.loads((CAPTURES / f"{name}.truth.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ONE_WAY)
def test_what_the_router_dropped_was_lost_between(name: str) -> None:
    dropped = sum(side["dropped"]["packets"] for side in truth(name)["counters"].values())
    located, sender = both(name), ONE_WAY[name]
    assert dropped > 1_000
    assert lost(located, sender) == [0, dropped, 0, 0]
    assert lost(located, "client" if sender == "server" else "server") == [0, 0, 0, 0]
    assert sum(sum(one.missed) for one in located.directions) == 0


@pytest.mark.parametrize(("offset", "skew"), [(3_600 * 10**9, 0.0), (-7 * 10**9, 1e-4), (123_456, -1e-4)])
def test_clocks_that_differ_change_nothing(offset: int, skew: float) -> None:
    located = both("random-loss", offset, skew)
    assert lost(located, "client") == lost(both("random-loss"), "client") == [0, 91, 0, 0]  # what its kernel sent again
    assert lost(located, "server") == [0, 60, 0, 0]  # 61, of which one was needless


@pytest.mark.parametrize("name", ["bufferbloat-up", "bufferbloat-up-offloads"])
def test_what_a_queue_dropped_was_lost_between_with_offloads_too(name: str) -> None:
    assert lost(both(name), "client") == [0, truth(name)["kernel"]["client"]["Tcp.RetransSegs"], 0, 0]


@pytest.mark.parametrize("name", ["reordering", "thinned-acks", "zero-window-client", "route-change", "round-trips"])
def test_where_no_data_were_lost_none_are(name: str) -> None:
    located = both(name)
    assert located.directions or located.whole == located.seen_by_both
    assert lost(located, "client")[:3] == lost(located, "server")[:3] == [0, 0, 0]


def test_the_path_between_is_as_long_as_it_is() -> None:
    """15 ms each way."""
    for one in both("random-loss", 10**9, 5e-5).directions:
        assert one.clocks.apart == pytest.approx(30_000_000, rel=0.01)


def beside(name: str, view: str) -> Log:
    """A sensor 1 ms from one of the lab's, on the way to the other: it sees the same, so that the router drops beyond it."""
    made = Log()
    for batch in batches(CAPTURES / f"{name}.{view}.pcap.xz", 65_536):
        rows = batch.rows.copy()
        from_server = rows["src_lo"] & np.uint64(0xFFFFFF00) == np.uint64(0xC0000200)  # 192.0.2.0/24
        away = from_server if view == "server" else ~from_server
        rows["ts"] += np.where(away, 1_000_000, -1_000_000)
        made.add(rows[np.argsort(rows["ts"], kind="stable")])
    return made


@pytest.mark.parametrize("name", ["random-loss", "short-queue", "policed-down-small-burst"])
def test_what_the_router_drops_beyond_both_sensors_is_lost_after_or_before(name: str) -> None:
    """Never between them. After the second, every loss is seen, if not always told; before the first, copies are not seen."""
    real = both(name)
    at_server = locate(("server", log(name, "server")), ("beside", beside(name, "server")))
    at_client = locate(("beside", beside(name, "client")), ("client", log(name, "client")))
    for located, outside in ((at_server, "server"), (at_client, "client")):
        other = "client" if outside == "server" else "server"
        sent, received = lost(located, outside), lost(located, "beside")
        there, back = lost(real, outside)[Place.BETWEEN], lost(real, other)[Place.BETWEEN]
        assert (sent[Place.BEFORE], sent[Place.BETWEEN]) == (0, 0)
        assert sent[Place.AFTER] + sent[Place.UNKNOWN] == pytest.approx(there, abs=1)
        assert sent[Place.AFTER] >= 0.65 * there
        assert (received[Place.BETWEEN], received[Place.AFTER], received[Place.UNKNOWN]) == (0, 0, 0)
        assert 0.7 * back <= received[Place.BEFORE] <= back
