from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import (
    SEGMENT,
    SOURCE4,
    SOURCE6,
    TARGET4,
    TARGET6,
    dns,
    extension,
    fragment6,
    icmp,
    ip4,
    ip6,
    udp,
)  # fmt: skip
from tests.decode.comparing import batch_of, differences, one
from wireverdict import headers as h

RAW = 101
QUERY4 = ip4(udp(dns(), dport=53), 17)
QUERY6 = ip6(udp(dns(), dport=53), 17)


def error4(quote: bytes, kind: int = 3) -> dict[str, int]:
    return one(ip4(icmp(kind, 1, quote), 1, source=bytes([192, 0, 2, 1])), RAW)[0]


def error6(quote: bytes, kind: int = 1) -> dict[str, int]:
    return one(ip6(icmp(kind, 4, quote), 58), RAW)[0]


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_errors_quote_a_flow(kind: int) -> None:
    row = error4(QUERY4, kind)
    assert row["present"] == h.QUOTED
    assert (row["icmp_type"], row["icmp_code"], row["quoted_protocol"]) == (kind, 1, 17)
    assert row["quoted_src_lo"] == 0xFFFF << 32 | int.from_bytes(SOURCE4, "big")
    assert row["quoted_dst_lo"] == 0xFFFF << 32 | int.from_bytes(TARGET4, "big")
    assert (row["quoted_sport"], row["quoted_dport"]) == (40000, 53)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_errors_quote_a_flow_of_ipv6(kind: int) -> None:
    row = error6(QUERY6, kind)
    assert row["present"] == h.QUOTED | h.IPV6
    assert (row["quoted_src_hi"] << 64 | row["quoted_src_lo"]).to_bytes(16, "big") == SOURCE6
    assert (row["quoted_dst_hi"] << 64 | row["quoted_dst_lo"]).to_bytes(16, "big") == TARGET6
    assert (row["quoted_protocol"], row["quoted_sport"], row["quoted_dport"]) == (17, 40000, 53)


@pytest.mark.parametrize("kind", [0, 8, 9, 13])
def test_other_messages_quote_nothing(kind: int) -> None:
    row = error4(QUERY4, kind)
    assert "present" not in row
    assert "quoted_sport" not in row


@pytest.mark.parametrize("kind", [128, 129, 133, 135, 137])
def test_other_messages_of_ipv6_quote_nothing(kind: int) -> None:
    assert error6(QUERY6, kind)["present"] == h.IPV6


def test_quoted_extension_headers_are_passed_over() -> None:
    row = error6(ip6(extension(60) + extension(44) + fragment6(6) + SEGMENT, 0))
    assert (row["quoted_protocol"], row["quoted_sport"], row["quoted_dport"]) == (6, 40000, 443)


def test_quoted_options_are_passed_over() -> None:
    row = error4(ip4(SEGMENT, options=bytes(8)))
    assert (row["quoted_protocol"], row["quoted_sport"], row["quoted_dport"]) == (6, 40000, 443)


def test_a_quoted_later_fragment_has_no_ports() -> None:
    for row in (error4(ip4(SEGMENT, fragment=100)), error6(ip6(fragment6(6, 10) + SEGMENT, 44))):
        assert row["present"] & h.QUOTED
        assert row["quoted_protocol"] == 6
        assert "quoted_sport" not in row


def test_a_quoted_message_gives_type_and_code_for_ports() -> None:
    row = error4(ip4(icmp(8, 3, b"ping"), 1))
    assert (row["quoted_protocol"], row["quoted_sport"], row["quoted_dport"]) == (1, 8, 3)


def test_lengths_in_a_quote_are_not_believed() -> None:
    assert error4(ip4(SEGMENT, length=0xFF00))["quoted_dport"] == 443


@pytest.mark.parametrize("size", range(0, 60, 3))
def test_a_cut_quote_gives_what_is_left(size: int) -> None:
    row = error4(QUERY4[:size])
    assert bool(row.get("present", 0) & h.QUOTED) == (size >= 20)
    assert ("quoted_dport" in row) == (size >= 24)


def test_a_message_of_one_byte_has_no_type() -> None:
    row, _, decoder = one(ip4(b"\x03", 1), RAW)
    assert "icmp_type" not in row
    assert decoder.flaws == {"transport_short": 1}


@given(st.binary(max_size=80), st.sampled_from([1, 58]), st.integers(0, 140), st.sampled_from([b"", b"\x45", b"\x60"]))
def test_any_quote_decodes_as_the_reference_says(quote: bytes, protocol: int, cut: int, begin: bytes) -> None:
    message = icmp(3, 0, begin + quote)
    assert differences(batch_of([(RAW, ip4(message, protocol)), (RAW, ip6(message, protocol))], cut=cut)) == []
