"""Losses located window by window, of the last half minute only: nothing is claimed that a look at everything contradicts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.headers import batches
from tests.lab.scenario import CAPTURES
from tests.location.network import FATES, Clock, Fate, Network
from wireverdict import snapshot
from wireverdict.location.evidence import tally
from wireverdict.location.locate import Place, locate
from wireverdict.location.log import Log
from wireverdict.location.recent import LEAD, Found, Recent, as_located, packed, unpacked

SECOND = 10**9
WIDTH = 10 * SECOND
SENSORS = ("client", "server")


@cache
def rows(name: str, view: str, offset: int = 0) -> np.ndarray:
    made = np.concatenate([batch.rows.copy() for batch in batches(CAPTURES / f"{name}.{view}.pcap.xz", 65_536)])
    made["ts"] += offset
    return made


def pieces(name: str, offset: int) -> Iterator[tuple[str, np.ndarray]]:
    """What the sensors send, second by second; `offset` ns: of the server's clock."""
    every = {view: rows(name, view, offset if view == "server" else 0) for view in SENSORS}
    start = int(min(every["client"]["ts"].min(), every["server"]["ts"].min() - offset))
    end = int(max(every["client"]["ts"].max(), every["server"]["ts"].max() - offset))
    for second in range(start, end + SECOND, SECOND):
        for view, whole in every.items():
            here = second + (offset if view == "server" else 0)
            yield view, whole[(whole["ts"] >= here) & (whole["ts"] < here + SECOND)]


def streamed(name: str, most: int = 1 << 30, offset: int = 0, reload: bool = False) -> dict[str, list[Found]]:
    """As a stream worker does it: a window is told of when the clock has come 10 s beyond its end."""
    recent, told = Recent(most), {view: list[Found]() for view in SENSORS}
    due: dict[str, int] = {}
    clock: dict[str, int] = {}

    def close(view: str, until: int) -> None:
        while due[view] + 2 * WIDTH <= until:
            told[view] += recent.located(view, due[view], due[view] + WIDTH)
            due[view] += WIDTH
            recent.forget(view, due[view] - LEAD)

    for view, piece in pieces(name, offset):
        if len(piece):
            clock[view] = int(piece["ts"].max())
            due.setdefault(view, int(piece["ts"].min()) // WIDTH * WIDTH)
            recent.add(view, piece, clock[view])
        if reload:
            state, recent = recent.dump(), Recent(most)
            recent.load(snapshot.unpack(snapshot.pack(state)))
        if view in due:
            close(view, clock[view])
        assert recent.table.many <= max(most, len(piece))
    for view in SENSORS:
        recent.add(view, None, clock[view] + 3 * WIDTH)
    for view in SENSORS:
        close(view, clock[view] + 3 * WIDTH)
    return told


def places(found: list[Found]) -> dict[str, int]:
    made = tally(as_located(found).directions)
    return {} if made is None else dict(made.places) | ({"unknown": made.unknown} if made.unknown else {})


@cache
def whole(name: str) -> dict[str, int]:
    logs = {view: Log() for view in SENSORS}
    for view, log in logs.items():
        log.add(rows(name, view))
    located = locate(("client", logs["client"]), ("server", logs["server"]))
    made = tally(located.directions)
    assert made is not None
    return dict(made.places)


@pytest.mark.parametrize(
    ("name", "offset"), [("heavy-loss", 0), ("random-loss", 3_600 * SECOND), ("policed-up-big-burst", -SECOND)]
)
def test_both_sensors_tell_of_each_window_what_a_look_at_everything_tells(name: str, offset: int) -> None:
    between = "between sensor client and sensor server"
    assert whole(name).keys() == {between}
    told = streamed(name, offset=offset)
    for view in SENSORS:
        found = places(told[view])
        assert set(found) <= {between, "unknown"}
        assert 0.97 * whole(name)[between] <= found[between] <= whole(name)[between]
        assert found.get("unknown", 0) <= 0.02 * whole(name)[between]


def test_nothing_is_told_of_what_was_not_lost() -> None:
    for found in streamed("reordering").values():
        assert places(found) == {}


def test_the_same_comes_out_after_snapshots() -> None:
    assert streamed("random-loss", reload=True) == streamed("random-loss")


def test_with_little_memory_less_is_told_and_nothing_wrong() -> None:
    between = "between sensor client and sensor server"
    for found in streamed("heavy-loss", most=8_000).values():
        told = places(found)
        assert set(told) <= {between, "unknown"}
        assert told.get(between, 0) <= whole("heavy-loss")[between]


CLOCKS = st.fixed_dictionaries(
    {name: st.builds(Clock, st.integers(-(10**13), 10**13), st.floats(-2e-4, 2e-4)) for name in ("a", "b")}
)


@effort(max_examples=60)
@given(
    st.dictionaries(st.integers(0, 120), st.sampled_from(FATES), max_size=40),
    st.dictionaries(st.integers(0, 200), st.sampled_from(("before", "between", "after")), max_size=40),
    CLOCKS,
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(1, 60), min_size=1, max_size=12),
)
def test_no_place_is_claimed_that_the_truth_contradicts_however_it_comes_in(
    data: dict[int, Fate],
    acks: dict[int, Fate],
    clocks: dict[str, Clock],
    timestamps: bool,
    sack: bool,
    sizes: list[int],
) -> None:
    network = Network(data=data, acks=acks, clocks=clocks, timestamps=timestamps, sack=sack).run()
    recent, every = Recent(1 << 30), {name: network.headers(name) for name in ("a", "b")}
    waiting = [(int(clocks["b"].offset - clocks["a"].offset) if name == "a" else 0, name) for name in every]
    cut: list[tuple[int, str, np.ndarray]] = []
    for late, name in waiting:
        whole, at, number = every[name], 0, 0
        while at < len(whole):
            piece = whole[at : at + sizes[number % len(sizes)]]
            at, number = at + len(piece), number + 1
            cut.append((int(piece["ts"][-1]) + late, name, piece))
    told: list[Found] = []
    for _, name, piece in sorted(cut, key=lambda each: each[0]):
        recent.add(name, piece, int(piece["ts"][-1]))
        recent.located(name, 0, 0)  # compares what has come
    for name, whole in every.items():
        recent.add(name, None, int(whole["ts"][-1]))
    recent._look()
    told = recent.located("a", 0, 1 << 62)
    mine = [one for one in told if one.first == "a"]
    answers = [one for one in told if one.first == "b"]
    assert all(place == Place.UNKNOWN for one in answers for _, _, place in one.losses)
    count = {place: sum(many for one in mine for _, many, each in one.losses if each == place) for place in Place}
    for place in (Place.BEFORE, Place.BETWEEN, Place.AFTER):
        assert count[place] <= network.count(place.name.lower())


def test_a_sensor_alone_and_one_that_is_gone_tell_nothing() -> None:
    recent = Recent(1 << 30)
    mine = rows("random-loss", "client")
    start, end = int(mine["ts"].min()), int(mine["ts"].max())
    recent.add("client", mine, end)
    assert recent.located("client", start, end) == []
    assert recent.located("other", start, end) == []
    recent.add("server", rows("random-loss", "server"), end)
    assert recent.located("client", start, end)
    recent.forget("server")
    assert recent.located("client", start, end) == []


def test_what_is_told_survives_the_bus() -> None:
    found = streamed("random-loss")["client"]
    assert unpacked([*packed(found[:1]), *packed(found[1:])]) == found
    assert packed([]) == ()
    with pytest.raises(ValueError, match=r"."):
        unpacked([b"\x01"])
    one = found[0].direction()
    assert {int(place) for place in one.losses["place"]} <= {int(place) for place in Place}
    assert one.losses["segments"].sum() == sum(many for _, many, _ in found[0].losses)
