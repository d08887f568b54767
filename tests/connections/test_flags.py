"""Flags: true, false, or null and why. The model judges every script as well."""

from __future__ import annotations

import pytest

from tests.connections.compare import check, flags
from tests.connections.packets import CLIENT, SERVER, Row, Talk, icmp, udp
from wireverdict import headers as h
from wireverdict.records import Flag, Reason


def flag(which: Flag, talk: Talk | list[Row]) -> bool | Reason:
    """One flag of the only connection (of the first, where an ICMP error about it came along)."""
    rows = talk.rows if isinstance(talk, Talk) else talk
    return flags(check(rows).records[0])[which]


def established() -> Talk:
    return Talk().handshake()


def lossy(repeats: int, payload: int = 100) -> Talk:
    """A segment, sent again so many times."""
    talk = established().c(20, "P.", 100).c(21, "P.", payload)
    for repeat in range(repeats):
        talk.c(300 + repeat, "P.", 100, seq=1)
    return talk


@pytest.mark.parametrize(("repeats", "expected"), [(0, False), (9, False), (10, True)])
def test_a_storm_is_ten_retransmissions(repeats: int, expected: bool) -> None:
    assert flag(Flag.RETRANSMISSION_STORM, lossy(repeats)) is expected


@pytest.mark.parametrize(("payload", "expected"), [(8_900, True), (8_901, False)])
def test_a_storm_is_a_tenth_of_the_payload(payload: int, expected: bool) -> None:
    assert flag(Flag.RETRANSMISSION_STORM, lossy(10, payload)) is expected


def test_needless_retransmissions_are_no_storm() -> None:
    talk = lossy(10).s(400, ".", present=h.SACK1 | h.DSACK)
    assert flag(Flag.RETRANSMISSION_STORM, talk) is False


@pytest.mark.parametrize(("real", "expected"), [(9, False), (10, True)])
def test_packets_that_were_captured_twice_are_no_storm(real: int, expected: bool) -> None:
    talk = lossy(real)
    for copy in range(30):
        talk.c(500 + copy, "P.", 100, seq=1, present=h.COPY)
    assert flag(Flag.RETRANSMISSION_STORM, talk) is expected
    for copy in range(30):
        talk.s(600 + copy, "P.", 100, seq=1, present=h.COPY)
    assert flag(Flag.RETRANSMISSION_STORM, talk) is expected


def test_the_storm_of_the_responder_counts_too() -> None:
    talk = established().s(20, "P.", 100)
    for repeat in range(10):
        talk.s(300 + repeat, "P.", 100, seq=1)
    assert flag(Flag.RETRANSMISSION_STORM, talk) is True


def test_a_storm_is_unknown_without_data_or_with_one_direction() -> None:
    assert flag(Flag.RETRANSMISSION_STORM, established()) is Reason.TOO_FEW_SAMPLES
    assert flag(Flag.RETRANSMISSION_STORM, Talk().c(0, "P.", 5)) is Reason.ONE_DIRECTION


def test_a_storm_in_one_direction_is_a_storm_even_if_the_other_is_not_captured() -> None:
    rows = [row for row in lossy(10).rows if row["sport"] == 40_000][1:]
    assert flag(Flag.RETRANSMISSION_STORM, rows) is True


@pytest.mark.parametrize("side", ["c", "s"])
def test_a_zero_window_of_either_side(side: str) -> None:
    talk = established()
    getattr(talk, side)(20, ".", window=0)
    assert flag(Flag.ZERO_WINDOW, talk) is True


def test_zero_window_is_false_or_unknown() -> None:
    assert flag(Flag.ZERO_WINDOW, established()) is False
    assert flag(Flag.ZERO_WINDOW, Talk().c(0, "S")) is False
    assert flag(Flag.ZERO_WINDOW, Talk().c(0, "P.", 5)) is Reason.ONE_DIRECTION
    assert flag(Flag.ZERO_WINDOW, Talk().c(0, "P.", 5).c(1, ".", window=0)) is True


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (Talk().c(0, "S"), True),
        (Talk().c(0, "S").s(1, "R."), True),
        (Talk().c(0, "S").s(1, "."), True),
        (Talk().c(0, "S").c(1, "R"), True),
        (Talk().c(0, "S").c(1, "R").s(2, "R"), True),
        (Talk().c(0, "S").c(1, "F").s(2, "R"), True),
        (Talk().c(0, "S").s(1, "S."), False),
        (Talk().handshake().s(20, "R"), False),
        (Talk().s(0, "S."), Reason.NOT_SEEN_FROM_START),
        (Talk().c(0, "P.", 5), Reason.NOT_SEEN_FROM_START),
    ],
)
def test_handshake_failed(talk: Talk, expected: bool | Reason) -> None:
    assert flag(Flag.HANDSHAKE_FAILED, talk) is expected


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (Talk().handshake().c(20, "R"), True),
        (Talk().handshake().s(20, "R"), True),
        (Talk().c(0, "S").s(1, "R."), True),
        (Talk().c(0, "P.", 5).c(1, "R"), True),
        (Talk().handshake().c(20, "F.").s(21, "F."), False),
        (Talk().handshake().c(20, "F.").s(21, "F.").c(22, "R"), False),
        (Talk().handshake(), False),
    ],
)
def test_reset(talk: Talk, expected: bool) -> None:
    assert flag(Flag.RESET, talk) is expected


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (Talk().handshake(), False),
        (Talk().c(0, "S"), False),
        (Talk().c(0, "S").c(1_000, "S", seq=0), False),
        (Talk().c(0, "P.", 5), True),
        (Talk().s(0, "S."), True),
    ],
)
def test_one_sided(talk: Talk, expected: bool) -> None:
    assert flag(Flag.ONE_SIDED, talk) is expected


def test_capture_loss() -> None:
    assert flag(Flag.CAPTURE_LOSS, established().c(20, "P.", 10)) is False
    assert flag(Flag.CAPTURE_LOSS, established().c(20, "P.", 10).s(30, ".", ack=500)) is True
    assert flag(Flag.CAPTURE_LOSS, Talk().c(0, "S")) is Reason.ONE_DIRECTION
    assert flag(Flag.CAPTURE_LOSS, Talk().c(0, "P.", 5, ack=1).c(1, ".", ack=9_000)) is Reason.ONE_DIRECTION


def test_unreachable() -> None:
    syn = Talk().c(0, "S").rows
    assert flag(Flag.UNREACHABLE, syn) is False
    assert flag(Flag.UNREACHABLE, [*syn, icmp(1, SERVER, CLIENT, 3, 3, about=syn[0])]) is True
    query = udp(0, CLIENT, 40_000, SERVER, 53)
    assert flag(Flag.UNREACHABLE, [query, icmp(1, SERVER, CLIENT, 3, 3, about=query)]) is True
    assert flag(Flag.UNREACHABLE, [query, icmp(1, SERVER, CLIENT, 3, 4, about=query)]) is False


@pytest.mark.parametrize("which", [Flag.BUFFERBLOAT, Flag.POLICED, Flag.THROTTLED])
def test_what_others_judge_is_unknown_until_then(which: Flag) -> None:
    assert flag(which, established()) is Reason.TOO_FEW_SAMPLES
    assert flag(which, Talk().c(0, "S")) is Reason.ONE_DIRECTION
    assert flag(which, [udp(0, CLIENT, 40_000, SERVER, 53)]) is Reason.NOT_TCP


def test_flags_of_other_protocols() -> None:
    one, both = [udp(0, CLIENT, 40_000, SERVER, 53)], [udp(0, CLIENT, 1, SERVER, 2), udp(1, SERVER, 2, CLIENT, 1)]
    assert flag(Flag.ONE_SIDED, one) is True
    assert flag(Flag.ONE_SIDED, both) is False
    assert flag(Flag.UNREACHABLE, both) is False
    for which in set(Flag) - {Flag.ONE_SIDED, Flag.UNREACHABLE}:
        assert flag(which, both) is Reason.NOT_TCP
