"""What a flow's packets are expected to carry: an orderly connection needs no differences after its first packet."""

from __future__ import annotations

import numpy as np

from wireverdict.codec.layout import FLOW
from wireverdict.codec.predict import FIELDS, NEXT, apart, begin, expected_ack, expected_echo, learn
from wireverdict.headers import ACK, HEADER, SYN, TCP_HEADER, TIMESTAMPS

# own direction, flags, seq, ack, payload, tsval, tsecr
ORDERLY = [
    (0, SYN, 2**32 - 1, 0, 0, 10, 0),
    (1, SYN | ACK, 500, 0, 0, 90, 10),
    (0, ACK, 0, 501, 0, 10, 90),
    (0, ACK, 0, 501, 100, 11, 90),
    (1, ACK, 501, 100, 0, 91, 11),
    (1, ACK, 501, 100, 1000, 91, 11),
    (0, ACK, 100, 1501, 0, 12, 91),
]


def test_an_orderly_connection_is_foreseen() -> None:
    first = np.zeros(1, FLOW)
    first["seq"], first["tsval"] = ORDERLY[0][2], ORDERLY[0][5]
    state = np.zeros((2, FIELDS), np.uint32)
    begin(state, 0, first[0])
    row = np.zeros(1, HEADER)
    missed = []
    for own, flags, seq, ack, payload, tsval, tsecr in ORDERLY:
        row["seq"], row["ack"], row["payload_length"], row["tsval"], row["tsecr"] = seq, ack, payload, tsval, tsecr
        missed.append(
            (
                seq - int(state[own, NEXT]),
                ack - int(expected_ack(state, own, bool(flags & ACK))),
                tsecr - int(expected_echo(state, own, True)),
            )
        )
        learn(state, own, TCP_HEADER | TIMESTAMPS, flags, row[0])
    assert missed[1][0] == 500  # the server's first number cannot be known
    assert missed[0] == (0, 0, 0)
    assert missed[1][1:] == (0, 0)
    assert missed[2:] == [(0, 0, 0)] * 5


def test_a_repeat_does_not_move_what_is_next() -> None:
    state = np.zeros((2, FIELDS), np.uint32)
    row = np.zeros(1, HEADER)
    for seq, payload in ((1000, 500), (1000, 500), (1500, 10)):
        row["seq"], row["payload_length"] = seq, payload
        learn(state, 0, TCP_HEADER, 0, row[0])
    assert state[0, NEXT] == 1510


def test_distance_is_modular() -> None:
    assert [int(apart(np.uint32(a), np.uint32(b))) for a, b in ((5, 3), (3, 5), (2**32 - 1, 1), (0, 0))] == [2, 2, 2, 0]
