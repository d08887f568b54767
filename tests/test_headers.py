from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict import headers
from wireverdict.headers import HEADER, address

PRESENT = (
    *("IPV6", "PORTS", "TCP_HEADER", "TIMESTAMPS", "MSS", "WINDOW_SCALE", "SACK_PERMITTED", "SACK1", "SACK2", "DSACK"),
    *("DNS", "MDNS", "QUOTED", "FIRST_FRAGMENT", "CUT", "SUPER_PACKET", "TUNNEL", "QUESTION"),
)
TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")


def test_a_row_is_as_large_as_the_documentation_says_and_has_no_hidden_gaps() -> None:
    assert HEADER.itemsize == 168
    assert f"a row is {HEADER.itemsize} bytes" in (headers.__doc__ or "")
    assert HEADER.isalignedstruct
    names = HEADER.names or ()
    assert sum(HEADER[name].itemsize for name in names) >= HEADER.itemsize - 7  # only what aligns the end
    ends = [HEADER.fields[name][1] + HEADER[name].itemsize for name in names]  # type: ignore[index]
    starts = [HEADER.fields[name][1] for name in names]  # type: ignore[index]
    assert starts[1:] == ends[:-1]


@pytest.mark.parametrize(("names", "field"), [(PRESENT, "present"), (TCP_FLAGS, "tcp_flags")])
def test_bits_are_distinct_and_fit(names: tuple[str, ...], field: str) -> None:
    bits = [getattr(headers, name) for name in names]
    assert all(bit.bit_count() == 1 and bit < 1 << 8 * HEADER[field].itemsize for bit in bits)
    assert not any(one & other for one, other in itertools.combinations(bits, 2))


def test_tcp_flags_are_as_on_the_wire() -> None:  # RFC 9293, section 3.1
    assert [getattr(headers, name) for name in TCP_FLAGS] == [1 << bit for bit in range(9)]


def test_protocol_numbers_are_iana_s() -> None:
    assert (headers.TCP, headers.UDP, headers.ICMP, headers.ICMP6) == (6, 17, 1, 58)


@given(st.ip_addresses(v=6) | st.ip_addresses(v=4))
def test_an_address_is_sixteen_bytes(given_address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    number = int(given_address) | (0xFFFF << 32 if given_address.version == 4 else 0)
    packed = address(number >> 64, number & (1 << 64) - 1)
    shown = ipaddress.IPv6Address(packed)
    assert given_address in (shown, shown.ipv4_mapped)
