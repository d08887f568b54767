"""History letters: each kind, what comes once and what comes again, and how they are packed."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.connections.compare import check, letters
from tests.connections.packets import CLIENT, SERVER, Talk, udp
from wireverdict.connections import history
from wireverdict.connections.finish import LETTERS
from wireverdict.connections.layout import CONN
from wireverdict.connections.tracker import SERVER_TCP, SERVER_UDP


@numba.njit  # type: ignore[untyped-decorator]
def write(conn: Any, codes: Any, out: Any) -> None:
    """Add letters (code, plus 16 for the responder's) and read back what is kept."""
    c = conn[0]
    for code in codes:
        history.add(c, code & 15, code >> 4)
    for n in range(c.letters):
        out[n] = history.code_at(c, n)


@numba.njit  # type: ignore[untyped-decorator]
def powers(counts: Any, out: Any) -> None:
    """history.at_power_of_ten of each."""
    for k in range(len(counts)):
        out[k] = history.at_power_of_ten(counts[k])


def written(talk: Talk) -> str:
    """The history of the only connection."""
    return letters(check(talk.rows).record)


@effort(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 1)), max_size=30))
def test_eighteen_letters_are_kept_in_order(added: list[tuple[int, int]]) -> None:
    conn, out = np.zeros(1, CONN), np.zeros(18, np.int64)
    codes = np.array([letter | side << 4 for letter, side in added], np.int64)
    write(conn, codes, out)
    kept = min(len(codes), history.MAX_LETTERS)
    assert conn[0]["letters"] == kept
    assert out[:kept].tolist() == codes[:kept].tolist()


def test_letters_and_their_codes() -> None:
    assert bytes(LETTERS[:13]) == history.LETTERS
    assert bytes(LETTERS[16:29]) == history.LETTERS.lower()


def test_powers_of_ten() -> None:
    counts = np.arange(1, 100_002)
    out = np.zeros(len(counts), np.bool_)
    powers(counts, out)
    assert counts[out].tolist() == [1, 10, 100, 1_000, 10_000, 100_000]


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (Talk().handshake().c(20, "P.", 1).s(21, "P.", 1).c(22, "F.").s(23, "F.").c(24, "."), "ShADdFf"),
        (Talk().handshake().s(20, ".").s(21, ".").c(22, "."), "ShAa"),
        (Talk().c(0, "S").s(1, "R."), "Sr"),
        (Talk().c(0, "S").c(1, "S", seq=0), "S"),
        (Talk().c(0, ""), ""),
        (Talk().handshake().c(20, "F.").c(21, "F.", seq=1), "ShAF"),
        (Talk().handshake().c(20, "F.").c(21, "F.", seq=50), "ShAFF"),
        (Talk().handshake().c(20, "F.", 10).c(21, "F.", seq=11), "ShAF"),
        (Talk().handshake().c(20, "R").c(21, "R", seq=1), "ShAR"),
        (Talk().handshake().c(20, "R").c(21, "R", seq=7), "ShARR"),
        (Talk().handshake().c(20, "FR").c(21, "FR", seq=9), "ShAI"),
        (Talk().handshake().c(20, "SF", seq=0).c(21, "SF", seq=0), "ShAQ"),
        (Talk().handshake().c(20, "P.", 9).c(300, "P.", 9, seq=1), "ShADT"),
        (Talk().handshake().c(20, "P.", 9).c(300, "FP.", 9, seq=1), "ShADF"),
        (Talk().handshake().c(20, "P.", 9).c(300, ".", 1, seq=9), "ShADT"),
        (Talk().handshake().c(20, "P.", 9).c(21, "R.").c(300, "P.", 9, seq=1), "ShADR"),
        (Talk().handshake().c(20, "P.", 9, seq=10).c(21, "P.", 9, seq=1), "ShADT"),
        (Talk().handshake().s(20, ".", window=0).s(21, ".", window=0), "ShAaw"),
        (Talk().handshake().c(20, "P.", 9, seq=10).s(21, ".", ack=19), "ShADaG"),
        (Talk().s(0, "S."), "^h"),
        (Talk().s(0, "P.", 5), "^d"),
    ],
)
def test_histories(talk: Talk, expected: str) -> None:
    assert written(talk) == expected


def test_every_letter_has_its_example() -> None:
    marks = test_histories.pytestmark  # type: ignore[attr-defined]
    shown = {letter.upper() for _, expected in marks[0].args[1] for letter in expected}
    assert shown == set(history.LETTERS.decode()) - {"?"}


def test_t_comes_at_the_first_tenth_and_hundredth_repeat() -> None:
    talk = Talk().handshake().c(20, "P.", 9)
    for repeat in range(99):
        talk.c(300 + repeat, "P.", 9, seq=1)
    assert written(talk) == "ShADTT"
    assert written(talk.c(500, "P.", 9, seq=1)) == "ShADTTT"


def test_what_is_beyond_eighteen_letters_is_dropped() -> None:
    talk = Talk()
    for number in range(30):
        talk.c(number, "R", seq=number)
    assert written(talk) == "R" * 18


def test_udp_has_d_once_a_side_even_for_empty_datagrams() -> None:
    rows = [
        udp(0, CLIENT, 40_000, SERVER, 53),
        udp(1, SERVER, 53, CLIENT, 40_000, 0),
        udp(2, CLIENT, 40_000, SERVER, 53),
    ]
    assert letters(check(rows).record) == "Dd"


def test_a_flip_is_written_first() -> None:
    assert 443 in SERVER_TCP
    assert 53 in SERVER_UDP
    assert letters(check([udp(0, SERVER, 53, CLIENT, 40_000)]).record) == "^d"
