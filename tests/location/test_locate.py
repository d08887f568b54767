"""Losses, reordering and repeats of all kinds between two sensors with any clocks: no place is claimed that the truth
contradicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.location.network import FATES, Clock, Fate, Network, losses
from wireverdict.location.locate import Direction, Located, Place, locate
from wireverdict.location.log import Log

ACKS: tuple[Fate, ...] = ("before", "between", "after")
CLOCK = st.builds(Clock, st.integers(-(10**15), 10**15), st.floats(-1e-4, 1e-4))
CLOCKS = st.fixed_dictionaries({"a": CLOCK, "b": CLOCK})


def both(network: Network, turned: bool = False) -> Located:
    logs = network.logs
    a, b = ("a", logs["a"]), ("b", logs["b"])
    return locate(b, a) if turned else locate(a, b)


def sent(located: Located) -> list[Direction]:
    """The data's direction."""
    return [one for one in located.directions if one.first == "a"]


def contradictions(network: Network, located: Located) -> list[Any]:
    """Claims that are not true, one by one; without timestamps by their number, since equal copies cannot be told apart."""
    found: list[Any] = []
    clock = network.clocks.get("a", Clock())
    by_time: dict[int, list[str]] = {}
    for fate, when, _ in network.truth:
        by_time.setdefault(clock(when), []).append(fate)
    for one in sent(located):
        assert one.second == "b"
        for row in one.losses:
            place = Place(int(row["place"]))
            if (
                network.timestamps
                and place in (Place.BETWEEN, Place.AFTER)
                and place.name.lower() not in by_time.get(int(row["ts"]), [])
            ):
                found.append((place, row, by_time.get(int(row["ts"]))))
        known = (Place.BEFORE, Place.BETWEEN, Place.AFTER)
        found += [place for place in known if losses(one.losses, place) > network.count(place.name.lower())]
    answers = [one for one in located.directions if one.first == "b"]  # of which no data are lost
    return found + [one for one in answers if (one.losses["place"] != Place.UNKNOWN).any()]


@effort(max_examples=400)
@given(
    st.dictionaries(st.integers(0, 120), st.sampled_from(FATES), max_size=40),
    st.dictionaries(st.integers(0, 200), st.sampled_from(ACKS), max_size=40),
    CLOCKS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_no_place_is_claimed_that_the_truth_contradicts(
    data: dict[int, Fate], acks: dict[int, Fate], clocks: dict[str, Clock], timestamps: bool, sack: bool, turned: bool
) -> None:
    network = Network(data=data, acks=acks, clocks=clocks, timestamps=timestamps, sack=sack).run()
    located = both(network, turned)
    assert contradictions(network, located) == []
    if located.directions:
        (one,) = sent(located)
        found, lost = losses(one.losses, Place.BETWEEN), network.count("between")
        assert found <= lost
        if timestamps:  # without them, one of two equal copies may be the other's
            assert lost <= found + losses(one.losses, Place.UNKNOWN)
        assert one.missed == (0, 0)


@effort(max_examples=200)
@given(
    st.dictionaries(st.integers(1, 80), st.sampled_from(("between", "before")), max_size=20),
    st.sets(st.tuples(st.sampled_from("ab"), st.integers(4, 150)), min_size=1, max_size=20),
    CLOCKS,
)
def test_captures_with_gaps_of_their_own_claim_no_more(
    data: dict[int, Fate], unseen: set[tuple[str, int]], clocks: dict[str, Clock]
) -> None:
    """What a capture missed is never told to have been lost by the network."""
    network = Network(data=data, unseen=dict.fromkeys(unseen, True), clocks=clocks).run()
    for one in sent(both(network)):
        assert losses(one.losses, Place.BETWEEN) <= network.count("between")
        assert losses(one.losses, Place.AFTER) == 0


@pytest.mark.parametrize("place", list(Place)[:3])
def test_single_losses_are_found_where_they_were(place: Place) -> None:
    data: dict[int, Any] = dict.fromkeys((9, 23, 37), place.name.lower())
    network = Network(data=data).run()
    (one,) = sent(both(network))
    assert [losses(one.losses, other) for other in Place] == [3 if other is place else 0 for other in Place]
    assert (one.source[2], one.destination[2]) == (40_000, 443)


def test_a_lost_syn_is_a_segment() -> None:
    (one,) = sent(both(Network(data={0: "between"}).run()))
    assert losses(one.losses, Place.BETWEEN) == 1


def test_repeats_and_reordering_are_no_losses() -> None:
    network = Network(data={5: "twice", 12: "late between", 30: "late after"}).run()
    (one,) = sent(both(network))
    assert one.losses["segments"].sum() == 0


def of_two(first: Network, second: Network) -> tuple[Log, Log]:
    """Logs in which two connections were seen, one after the other."""
    logs = Log(), Log()
    for log, name in zip(logs, "ab", strict=True):
        for number, network in enumerate((first, second)):
            rows = network.headers(name)
            rows["ts"] += number * 50_000_000_000
            log.add(rows)
    return logs


def test_ports_that_are_used_again_are_another_connection() -> None:
    logs = of_two(Network(data={9: "between"}).run(), Network(data={20: "after"}, isn=77).run())
    located = locate(("a", logs[0]), ("b", logs[1]))
    told = sorted(sent(located), key=lambda one: int(one.losses["ts"][0]))
    assert [[losses(one.losses, place) for place in Place] for one in told] == [[0, 1, 0, 0], [0, 0, 1, 0]]


def test_syns_that_never_get_to_the_second_sensor_are_lost_between() -> None:
    logs = Network().run().logs
    network = Network(segments=1)
    network.rows["a"] = [
        network._fields(("192.0.2.1", 50_000), ("198.51.100.7", 443), 2, 0) | {"ts": 10**9 * n} for n in (1, 2, 4)
    ]
    logs["a"].add(network.headers("a")[:-1])
    located = locate(("a", logs["a"]), ("b", logs["b"]))
    assert located.seen_by_both == 1
    (lone,) = [one for one in sent(located) if one.source[2] == 50_000]
    assert losses(lone.losses, Place.BETWEEN) == 3
    network.rows["a"] = [network._fields(("198.51.100.7", 443), ("192.0.2.1", 50_000), 20, 0) | {"ts": 10**9 + 50}]
    logs["a"].add(network.headers("a")[:-1])  # refused by a box on the way: that is an answer
    assert [one for one in sent(locate(("a", logs["a"]), ("b", logs["b"]))) if one.source[2] == 50_000] == []


def test_without_a_way_to_compare_clocks_nothing_is_said() -> None:
    logs = Network(data={9: "between"}).run().logs
    still = Log()
    rows = Network(data={9: "between"}).run().headers("b")
    still.add(rows[rows["sport"] == 40_000])  # one direction only
    located = locate(("a", logs["a"]), ("b", still))
    assert (located.directions, located.silent, located.seen_by_both) == ([], {"clocks": 1}, 1)


def test_a_connection_that_one_sensor_no_longer_takes_is_not_lost() -> None:
    network = Network(data={9: "between"}).run()
    rows = network.headers("b")
    part = Log()
    part.add(np.concatenate([rows[: len(rows) // 2], rows[-1:]]))
    (one,) = sent(locate(("a", network.logs["a"]), ("b", part)))
    assert losses(one.losses, Place.BETWEEN) == losses(one.losses, Place.AFTER) == 0
    assert one.missed[1] > 10


def test_numbers_that_are_rewritten_on_the_way_say_nothing() -> None:
    network = Network(data={9: "between"}).run()
    other = Log()
    rows = network.headers("b")
    mine = rows["sport"] == 40_000
    rows["seq"][mine] += np.uint32(99_999)
    rows["ack"][~mine] += np.uint32(99_999)
    other.add(rows)
    located = locate(("a", network.logs["a"]), ("b", other))
    assert located.directions == []
    assert sum(located.silent.values()) == 1


def test_addresses_that_are_translated_are_no_common_connection() -> None:
    network = Network(data={9: "between"}).run()
    rows = network.headers("b")
    inside = rows["src_lo"][1]
    for side in ("src_lo", "dst_lo"):
        rows[side][rows[side] == inside] += np.uint64(7)
    other = Log()
    other.add(rows)
    located = locate(("a", network.logs["a"]), ("b", other))
    assert (located.directions, located.seen_by_both) == ([], 0)
