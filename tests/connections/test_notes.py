"""Notes: what downstream reads of each packet, and promises that connect the numbers with the bits."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import settings as effort
from numpy.typing import NDArray

from tests.connections import made
from tests.connections.compare import check, run
from tests.connections.packets import CLIENT, SERVER, Talk, udp
from wireverdict import headers as h
from wireverdict.connections import notes as n
from wireverdict.connections.notes import NOTE

BITS = [value for name, value in vars(n).items() if name.isupper() and isinstance(value, int)]


def test_bits_are_distinct_and_fit() -> None:
    assert len(BITS) == 25
    assert all(bit.bit_count() == 1 and bit < 1 << 32 for bit in BITS)
    assert not any(one & other for one, other in itertools.combinations(BITS, 2))
    assert NOTE.isalignedstruct
    assert sum(NOTE[name].itemsize for name in NOTE.names or ()) == NOTE.itemsize == 40


@effort(max_examples=60, deadline=None)
@given(made.traffic())
def test_numbers_come_with_their_bits(rows: NDArray[np.void]) -> None:
    notes = run(rows).notes
    events = notes["events"]

    def has(bit: int) -> NDArray[np.bool_]:
        return np.asarray((events & np.uint32(bit)) != 0, np.bool_)

    assert not (events & ~np.uint32(sum(BITS))).any()
    assert np.array_equal(has(n.MISSED), (notes["missed"] > 0) & ~has(n.UNREACHABLE))
    assert np.array_equal(has(n.ACK_ADVANCED), notes["acked"] > 0)
    assert np.array_equal(has(n.SPURIOUS), notes["spurious"] > 0)
    assert not notes["rtt"][~has(n.RTT_SAMPLE)].any()
    assert not notes["flight"][~has(n.DATA)].any()
    assert not notes["reply_to"][~has(n.SYN_ANSWERED | n.REFUSED | n.UNREACHABLE)].any()
    assert not (has(n.RETRANSMISSION) & has(n.OUT_OF_ORDER)).any()
    assert not (has(n.RETRANSMISSION | n.OUT_OF_ORDER) & ~has(n.DATA)).any()
    assert not (has(n.SYN_RETRY) & ~has(n.SYN_SENT)).any()
    assert not (has(n.KEEP_ALIVE) & has(n.DATA)).any()
    assert not notes["pad"].any()


@effort(max_examples=60, deadline=None)
@given(made.traffic())
def test_notes_add_up_to_the_records(rows: NDArray[np.void]) -> None:
    outcome = run(rows)
    events, records = outcome.notes["events"], outcome.records
    sides = records["source"], records["destination"]
    for bit, name in (
        (n.RETRANSMISSION, "retransmissions"),
        (n.OUT_OF_ORDER, "out_of_order"),
        (n.DUPLICATE_ACK, "duplicate_acks"),
        (n.KEEP_ALIVE, "keep_alives"),
        (n.RTT_SAMPLE, "rtt_samples"),
    ):
        assert np.count_nonzero(events & np.uint32(bit)) == sum(int(side[name].sum()) for side in sides)
    acknowledged = (outcome.notes["events"] & n.MISSED) != 0
    assert outcome.notes["missed"][acknowledged].sum() == sum(int(side["missed_bytes"].sum()) for side in sides)
    assert outcome.notes["spurious"].sum() == sum(int(side["spurious_retransmissions"].sum()) for side in sides)
    assert outcome.notes["flight"].max(initial=0) == max(
        (int(side["peak_in_flight"].max(initial=0)) for side in sides), default=0
    )
    quoting = (rows["present"] & h.QUOTED) != 0  # their own conversations' NEW is not told
    new = np.count_nonzero(events[~quoting] & np.uint32(n.NEW))
    assert new <= len(records) <= new + np.count_nonzero(quoting)


def test_the_age_is_in_milliseconds_since_the_first_packet() -> None:
    assert check(Talk().c(0, "S").s(30.9, "S.").c(31, ".").rows).notes["age"].tolist() == [0, 30, 31]


def test_one_sided_and_both_ways() -> None:
    rows = [udp(0, CLIENT, 1, SERVER, 2), udp(1, CLIENT, 1, SERVER, 2), udp(2, SERVER, 2, CLIENT, 1)]
    bits = check(rows).notes["events"] & np.uint32(n.ONE_SIDED | n.ESTABLISHED | n.FROM_RESPONDER)
    assert bits.tolist() == [n.ONE_SIDED, n.ONE_SIDED, n.ESTABLISHED | n.FROM_RESPONDER]
