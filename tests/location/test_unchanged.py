"""What needs no further look is what the longer look finds nothing in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.location.network import FATES, Fate, Network
from wireverdict.location.log import SEGMENT, Log
from wireverdict.location.unchanged import unchanged


def rows(network: Network, name: str) -> np.ndarray:
    return network.logs[name].segments()


def test_a_connection_without_faults() -> None:
    network = Network(segments=30).run()
    (number,) = network.logs["a"].connections
    assert unchanged(rows(network, "a"), rows(network, "b")) == {number: 32}  # a SYN each and the data


@effort(max_examples=60)
@given(st.dictionaries(st.integers(1, 25), st.sampled_from(FATES), min_size=1, max_size=3))
def test_any_loss_repeat_or_reordering_of_data_shows(data: dict[int, Fate]) -> None:
    """Of the first and last segments it does not if they are lost before the first sensor: the copy looks like the first."""
    network = Network(segments=30, data=data).run()
    happened = {fate for fate, *_ in network.truth} - {""}
    # what is lost or late beyond both is seen by what is sent again; late after may be in time
    if happened - {"late after"}:
        assert unchanged(rows(network, "a"), rows(network, "b")) == {}


@pytest.mark.parametrize("name", "ab")
def test_a_packet_that_one_capture_missed_shows(name: str) -> None:
    network = Network(segments=30).run()
    both = {"a": rows(network, "a"), "b": rows(network, "b")}
    place = np.flatnonzero(both[name]["length"] > 1)[7]
    both[name] = np.delete(both[name], place)
    assert unchanged(both["a"], both["b"]) == {}
    both[name] = both[name][both[name]["length"] < 2]  # none of the data
    assert unchanged(both["a"], both["b"]) == {}


def test_a_hole_that_neither_saw_shows() -> None:
    network = Network(segments=30).run()
    both = {"a": rows(network, "a"), "b": rows(network, "b")}
    for name, part in both.items():
        both[name] = np.delete(part, np.flatnonzero(part["length"] > 1)[7])
    assert unchanged(both["a"], both["b"]) == {}


def test_nothing_to_compare() -> None:
    none = np.zeros(0, SEGMENT)
    network = Network(segments=3).run()
    assert unchanged(none, none) == unchanged(none, rows(network, "b")) == unchanged(rows(network, "a"), none) == {}
    assert Log().segments().dtype == SEGMENT
