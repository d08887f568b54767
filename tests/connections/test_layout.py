"""How tables lie in memory: what they cost, and that nothing overlaps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wireverdict.connections import layout
from wireverdict.connections.layout import CONN, HALF, HISTOGRAM, HOLES, INLINE_RTT, RTT_BUCKETS, TROUBLE

CONN_BITS = (
    *("LIVE", "ORIGINATOR_LOW", "FLIPPED", "GOT_UNREACHABLE", "GOT_REFUSED", "HANDSHAKE", "ENDED"),
    *("BOTH_WAYS", "SACK_LOW", "SACK_HIGH", "SYN_START", "ORIGINATOR_RESET", "NEVER_ANSWERED"),
    *("ORIGINATOR_COPIED", "RESPONDER_COPIED"),
)
HALF_BITS = (
    *("DID_CLOSE", "DATA_TIMED", "WINDOW_IS_ZERO", "TIMING", "TIMED_TWICE", "FIN_SENT", "SCALE_OFFERED"),
    "BY_TIMESTAMP",
)


def test_a_connection_costs_what_the_settings_say() -> None:
    per_connection = CONN.itemsize + 2 * HALF.itemsize + 2 * np.dtype(np.uint32).itemsize
    assert per_connection == 248
    assert (TROUBLE.itemsize, HISTOGRAM.itemsize) == (288, 872)


@pytest.mark.parametrize("kind", [CONN, HALF, TROUBLE, HISTOGRAM])
def test_rows_have_no_hidden_gaps(kind: np.dtype[np.void]) -> None:
    sizes = [kind[name].itemsize for name in kind.names or ()]
    assert kind.isalignedstruct
    assert sum(sizes) == kind.itemsize


@pytest.mark.parametrize(("names", "width"), [(CONN_BITS, 16), (HALF_BITS, 8)])
def test_bits_are_distinct_and_fit(names: tuple[str, ...], width: int) -> None:
    bits = [getattr(layout, name) for name in names]
    assert all(bit.bit_count() == 1 and bit < 1 << width for bit in bits)
    assert not any(one & other for one, other in itertools.combinations(bits, 2))


def test_no_bit_is_left_out_of_these_lists() -> None:
    named = {name for name, value in vars(layout).items() if name.isupper() and isinstance(value, int)}
    states = {"INACTIVE", "SYN_SENT", "SYN_ACK_SENT", "PARTIAL", "ESTABLISHED", "CLOSED", "RESET"}
    assert named == {*CONN_BITS, *HALF_BITS, *states, "HOLES", "INLINE_RTT", "RTT_BUCKETS"}


def test_an_empty_row_is_an_inactive_one() -> None:
    assert layout.INACTIVE == 0
    assert not np.zeros(1, HALF)["state"].any()
    assert HALF["rtt"].shape == (INLINE_RTT,)
    assert TROUBLE["hole_left"].shape == (HOLES,)
    assert HISTOGRAM["count"].shape == (RTT_BUCKETS,)
