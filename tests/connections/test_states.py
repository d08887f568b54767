"""Endpoint states: Zeek's table, and what a connection's conn_state becomes of them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.connections.compare import check
from tests.connections.packets import CLIENT, SERVER, Row, Talk, icmp, udp
from wireverdict.connections import states
from wireverdict.connections.layout import (
    CLOSED,
    DID_CLOSE,
    ESTABLISHED,
    HALF,
    INACTIVE,
    PARTIAL,
    RESET,
    SYN_ACK_SENT,
    SYN_SENT,
)
from wireverdict.records import State

FIN, SYN, RST, ACK = 1, 2, 4, 16


@numba.njit  # type: ignore[untyped-decorator]
def advance(half: Any, originator: bool, flags: int, length: int) -> None:
    """One packet of half[0] to half[1]."""
    states.advance(half[0], half[1], originator, flags, length)


@numba.njit  # type: ignore[untyped-decorator]
def is_closed(half: Any) -> bool:
    """Whether the connection of half[0] and half[1] is closed."""
    return bool(states.is_closed(half[0], half[1]))


def after(mine: int, theirs: int, flags: int, *, originator: bool = True, length: int = 0) -> tuple[int, int]:
    """Both states after one packet."""
    half = np.zeros(2, HALF)
    half["state"] = mine, theirs
    advance(half, originator, flags, length)
    return int(half[0]["state"]), int(half[1]["state"])


@pytest.mark.parametrize(
    ("mine", "theirs", "flags", "originator", "expected"),
    [
        (INACTIVE, INACTIVE, SYN, True, (SYN_SENT, INACTIVE)),
        (INACTIVE, INACTIVE, SYN | ACK, True, (SYN_ACK_SENT, INACTIVE)),
        (INACTIVE, SYN_SENT, SYN | ACK, False, (ESTABLISHED, ESTABLISHED)),
        (INACTIVE, SYN_SENT, SYN, False, (ESTABLISHED, ESTABLISHED)),
        (INACTIVE, INACTIVE, SYN | ACK, False, (ESTABLISHED, INACTIVE)),
        (INACTIVE, SYN_SENT, ACK, False, (INACTIVE, SYN_SENT)),
        (INACTIVE, SYN_SENT, RST, False, (RESET, SYN_SENT)),
        (INACTIVE, ESTABLISHED, ACK, True, (ESTABLISHED, ESTABLISHED)),
        (INACTIVE, INACTIVE, ACK, True, (PARTIAL, INACTIVE)),
        (INACTIVE, PARTIAL, 0, False, (PARTIAL, PARTIAL)),
        (INACTIVE, INACTIVE, FIN, True, (CLOSED, INACTIVE)),
        (SYN_SENT, INACTIVE, FIN, True, (CLOSED, INACTIVE)),
        (SYN_SENT, INACTIVE, RST, True, (RESET, INACTIVE)),
        (SYN_SENT, INACTIVE, SYN, True, (SYN_SENT, INACTIVE)),
        (PARTIAL, INACTIVE, SYN, True, (SYN_SENT, INACTIVE)),
        (PARTIAL, PARTIAL, SYN, True, (PARTIAL, PARTIAL)),
        (ESTABLISHED, ESTABLISHED, FIN | ACK, True, (CLOSED, ESTABLISHED)),
        (ESTABLISHED, ESTABLISHED, FIN | RST, True, (RESET, ESTABLISHED)),
        (ESTABLISHED, ESTABLISHED, RST, False, (RESET, ESTABLISHED)),
        (CLOSED, ESTABLISHED, RST, True, (RESET, ESTABLISHED)),
        (CLOSED, CLOSED, RST, True, (CLOSED, CLOSED)),
        (RESET, ESTABLISHED, FIN, True, (RESET, ESTABLISHED)),
        (RESET, ESTABLISHED, SYN, True, (RESET, ESTABLISHED)),
    ],
)
def test_one_packet_moves_the_states(
    mine: int, theirs: int, flags: int, originator: bool, expected: tuple[int, int]
) -> None:
    assert after(mine, theirs, flags, originator=originator) == expected


def test_data_instead_of_an_answer_to_a_syn_is_a_partial_connection() -> None:
    assert after(INACTIVE, SYN_SENT, ACK, originator=False, length=10) == (PARTIAL, SYN_SENT)


def test_a_peer_that_closed_and_then_reset_had_a_normal_end() -> None:
    half = np.zeros(2, HALF)
    half["state"], half["previous"] = (ESTABLISHED, RESET), (PARTIAL, CLOSED)
    advance(half, True, FIN, 0)
    assert half["state"].tolist() == [CLOSED, CLOSED]


def test_a_peer_that_only_reset_stays_reset() -> None:
    half = np.zeros(2, HALF)
    half["state"], half["previous"] = (ESTABLISHED, RESET), (PARTIAL, ESTABLISHED)
    advance(half, True, FIN, 0)
    assert half["state"].tolist() == [CLOSED, RESET]


@effort(max_examples=200, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 31), st.booleans(), st.booleans())
def test_the_state_before_is_kept_and_the_close_is_marked(
    mine: int, theirs: int, flags: int, originator: bool, length: bool
) -> None:
    half = np.zeros(2, HALF)
    half["state"], half["previous"] = (mine, theirs), 99
    advance(half, originator, flags, int(length))
    for side, before in ((0, mine), (1, theirs)):
        changed = half[side]["state"] != before
        assert half[side]["previous"] == (before if changed else 99)
    assert bool(half[0]["bits"] & DID_CLOSE) == bool(flags & (FIN | RST))
    assert not half[1]["bits"]


@pytest.mark.parametrize(
    ("a", "b", "closed"),
    [
        ((ESTABLISHED, 0), (ESTABLISHED, 0), False),
        ((CLOSED, DID_CLOSE), (ESTABLISHED, 0), False),
        ((CLOSED, DID_CLOSE), (CLOSED, DID_CLOSE), True),
        ((CLOSED, DID_CLOSE), (INACTIVE, 0), True),
        ((INACTIVE, 0), (CLOSED, DID_CLOSE), True),
        ((RESET, 0), (ESTABLISHED, 0), True),
        ((ESTABLISHED, 0), (RESET, 0), True),
        ((SYN_SENT, 0), (INACTIVE, 0), False),
    ],
)
def test_closed(a: tuple[int, int], b: tuple[int, int], closed: bool) -> None:
    half = np.zeros(2, HALF)
    for side, (state, bits) in enumerate((a, b)):
        half[side]["state"], half[side]["bits"] = state, bits
    assert is_closed(half) == closed


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (Talk().c(0, "S").rows, State.S0),
        (Talk().c(0, "S").s(1, ".").rows, State.S0),
        (Talk().handshake().rows, State.S1),
        (Talk().s(0, "S.").c(1, ".").rows, State.S1),
        (Talk().handshake().c(20, "F.").s(21, "F.").rows, State.SF),
        (Talk().handshake().c(20, "F.").s(21, "F.").c(22, "R").rows, State.SF),
        (Talk().c(0, "S").s(1, "R.").rows, State.REJ),
        (Talk().c(0, "S").c(1, "R").s(2, "R").rows, State.REJ),
        (Talk().handshake().c(20, "F.").rows, State.S2),
        (Talk().handshake().s(20, "F.").rows, State.S3),
        (Talk().handshake().c(20, "R.").rows, State.RSTO),
        (Talk().handshake().c(20, "F.").c(21, "R").rows, State.RSTO),
        (Talk().handshake().s(20, "R.").rows, State.RSTR),
        (Talk().handshake().c(20, "F.").s(21, "R.").rows, State.RSTR),
        (Talk().c(0, "S").c(1, "R").rows, State.RSTOS0),
        (Talk().c(0, "S").s(1, ".").c(2, "R").rows, State.RSTOS0),
        (Talk().c(0, "S").c(1, ".").c(2, "R").rows, State.OTH),
        (Talk().s(0, "S.").s(1, "R.").rows, State.RSTRH),
        (Talk().c(0, "S").c(1, "F").rows, State.SH),
        (Talk().s(0, "S.").s(1, "F.").rows, State.SHR),
        (Talk().c(0, "P.", 10).s(1, "P.", 10).rows, State.OTH),
        (Talk().c(0, "R").rows, State.OTH),
        ([udp(0, CLIENT, 40_000, SERVER, 53)], State.S0),
        ([udp(0, CLIENT, 40_000, SERVER, 53), udp(1, SERVER, 53, CLIENT, 40_000)], State.SF),
        ([udp(0, SERVER, 53, CLIENT, 40_000)], State.SHR),
        ([icmp(0, CLIENT, SERVER, 8), icmp(1, SERVER, CLIENT, 0)], State.OTH),
    ],
)
def test_conn_state(rows: list[Row], expected: State) -> None:
    assert check(rows).record["state"] == expected


def test_every_conn_state_has_its_example() -> None:
    marks = test_conn_state.pytestmark  # type: ignore[attr-defined]
    assert {expected for _, expected in marks[0].args[1]} == set(State)
