from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import TIMESTAMPS, ip4, tcp
from tests.decode.comparing import batch_of, differences, one
from wireverdict import headers as h

RAW = 101
ALL = bytes.fromhex("020405b4 0402 080a000000090000000a 01 030307")


def sack(*blocks: tuple[int, int]) -> bytes:
    return bytes([1, 1, 5, 2 + 8 * len(blocks)]) + b"".join(struct.pack(">II", *block) for block in blocks)


def options(data: bytes, flags: int = h.ACK, ack: int = 1000) -> dict[str, int]:
    return one(ip4(tcp(options=data, flags=flags, ack=ack)), RAW)[0]


def test_a_syn_says_all_it_can() -> None:
    row = options(ALL, h.SYN)
    assert (row["mss"], row["wscale"], row["tsval"], row["tsecr"]) == (1460, 7, 9, 10)
    wanted = h.MSS | h.WINDOW_SCALE | h.TIMESTAMPS | h.SACK_PERMITTED | h.PORTS | h.TCP_HEADER
    assert row["present"] == wanted


def test_what_belongs_on_a_syn_does_not_count_elsewhere() -> None:
    row = options(ALL)
    assert row["present"] == h.TIMESTAMPS | h.PORTS | h.TCP_HEADER
    assert "mss" not in row
    assert "wscale" not in row


def test_the_usual_layout_of_timestamps() -> None:
    row = options(TIMESTAMPS)
    assert (row["tsval"], row["tsecr"]) == (0xA1B2, 0xC3D4)


def test_a_window_scale_over_fourteen_is_fourteen() -> None:
    assert options(b"\3\3\x20\1", h.SYN)["wscale"] == 14


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_first_two_blocks(count: int) -> None:
    blocks = [(2000 * i, 2000 * i + 1000) for i in range(1, count + 1)]
    row = options(sack(*blocks))
    assert (row["sack1_left"], row["sack1_right"]) == (2000, 3000)
    assert (row.get("sack2_left", 0), row.get("sack2_right", 0)) == ((4000, 5000) if count > 1 else (0, 0))
    assert bool(row["present"] & h.SACK2) == (count > 1)
    assert row["present"] & (h.SACK1 | h.DSACK) == h.SACK1


TOP = 2**32


@pytest.mark.parametrize(
    ("ack", "blocks", "duplicate"),
    [
        (1000, [(500, 800)], True),  # below the cumulative ACK
        (1000, [(500, 1000)], True),
        (1000, [(500, 1001)], False),
        (1000, [(2000, 3000)], False),
        (1000, [(2200, 2400), (2000, 3000)], True),  # inside the second
        (1000, [(2000, 3000), (2000, 3000)], True),
        (1000, [(1900, 2400), (2000, 3000)], False),
        (1000, [(2200, 3100), (2000, 3000)], False),
        (50, [(TOP - 100, TOP - 20)], True),  # across the wrap
        (TOP - 50, [(10, 60)], False),
        (100, [(TOP - 10, 20), (TOP - 40, 50)], True),
    ],
)
def test_duplicates_are_told_from_holes(ack: int, blocks: list[tuple[int, int]], duplicate: bool) -> None:
    assert bool(options(sack(*blocks), ack=ack)["present"] & h.DSACK) == duplicate


def test_without_ack_nothing_is_below_it() -> None:
    assert not options(sack((500, 800)), flags=h.PSH)["present"] & h.DSACK


@pytest.mark.parametrize("bad", ["0800", "0801", "080f0000000000000000", "05", "0240"])
def test_malformed_options_end_the_list(bad: str) -> None:
    data = bytes.fromhex("0101") + bytes.fromhex("080a0000000900000001") + bytes.fromhex(bad)
    data = data + b"\1" * (-len(data) % 4) if bad != "05" else data[:12] + b"\1\1\1\5"
    row, _, decoder = one(ip4(tcp(options=data)), RAW)
    assert row["tsval"] == 9
    assert decoder.flaws == {"tcp_options": 1}


def test_known_kinds_of_unknown_length_are_passed_over() -> None:
    row, _, decoder = one(
        ip4(tcp(options=bytes.fromhex("0806ffffffff 020305 0303 07 05060000 0000 0402 00"), flags=2)), RAW
    )
    assert row["present"] == h.PORTS | h.TCP_HEADER | h.WINDOW_SCALE | h.SACK_PERMITTED
    assert decoder.flaws == {}


def test_nothing_counts_behind_the_end_of_options() -> None:
    assert options(b"\0" + b"\x08\x0a" + bytes(8))["present"] == h.PORTS | h.TCP_HEADER


@given(st.binary(max_size=40), st.integers(0, 0xFFF), st.integers(0, 2**32 - 1), st.integers(0, 80))
def test_any_bytes_decode_as_the_reference_says(data: bytes, flags: int, ack: int, cut: int) -> None:
    data = data[: len(data) // 4 * 4]
    frame = ip4(tcp(b"payload", options=data, flags=flags, ack=ack))
    assert differences(batch_of([(RAW, frame)], cut=cut)) == []


KINDS = st.sampled_from(
    [b"\1", TIMESTAMPS[2:], b"\2\4\5\xb4", b"\3\3\7", b"\4\2", sack((1, 2)), sack((1, 9), (0, 20)), b"\0"]
)


@given(st.lists(KINDS, max_size=6), st.sampled_from([h.SYN, h.SYN | h.ACK, h.ACK]), st.integers(0, 90))
def test_any_mix_of_options_decodes_as_the_reference_says(parts: list[bytes], flags: int, cut: int) -> None:
    frame = ip4(tcp(b"payload", options=b"".join(parts)[:40], flags=flags, ack=10))
    assert differences(batch_of([(RAW, frame)], cut=cut)) == []
