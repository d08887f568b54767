"""Numbers, times and addresses as text, against Python's own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wireverdict.output import text

UNSIGNED = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 64).map(lambda bits: (1 << bits) - 1),
    st.builds(lambda power, off: 10**power + off, st.integers(1, 19), st.integers(-1, 1)),
)


def written(function: object, *values: object) -> str:
    """What a kernel writes at position 3 of a buffer full of something else."""
    out = np.full(96, ord("#"), np.uint8)
    end = function(out, 3, *values)  # type: ignore[operator]
    assert bytes(out[:3]) == b"###"
    return bytes(out[3:end]).decode()


@settings(max_examples=500, deadline=None)
@given(UNSIGNED)
def test_unsigned(value: int) -> None:
    assert written(text.put_unsigned, np.uint64(value)) == str(value)


@settings(max_examples=200, deadline=None)
@given(UNSIGNED)
def test_thousandths(value: int) -> None:
    assert written(text.put_thousandths, np.uint64(value)) == f"{value // 1000}.{value % 1000:03d}"


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
@example(0)
@example(-1)
@example(951_827_199_999_999_999)  # 29 February 2000, the last nanosecond
@example(-2_203_891_200_000_000_000)  # 1 March 1900: 1900 was no leap year
def test_time(ts: int) -> None:
    seconds, nanoseconds = divmod(ts, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    days, rest = divmod(ts, text.DAY)
    assert written(text.put_date, np.int64(days)) == f"{moment:%Y-%m-%dT}"
    assert written(text.put_clock, np.int64(rest)) == f"{moment:%H:%M:%S}.{nanoseconds:09d}Z"


GROUPS = st.lists(st.sampled_from([0, 0, 0, 1, 0xF, 0x10, 0xFF, 0x100, 0xFFF, 0x1000, 0xFFFF]), min_size=8, max_size=8)
ADDRESS = st.one_of(
    st.integers(0, 2**128 - 1), GROUPS.map(lambda groups: int("".join(f"{group:04x}" for group in groups), 16))
)


@settings(max_examples=400, deadline=None)
@given(ADDRESS)
@example(0)
@example(1)
@example(2**128 - 1)
def test_ipv6_address(number: int) -> None:
    if number >> 32 == 0xFFFF:
        return  # an IPv4 address; see the next test
    # Python writes addresses by RFC 5952, apart from IPv4-mapped ones
    expected = str(ipaddress.IPv6Address(number))
    assert written(text.put_address, np.uint64(number >> 64), np.uint64(number & (1 << 64) - 1)) == expected


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses(v=4))
def test_ipv4_address(address: ipaddress.IPv4Address) -> None:
    assert written(text.put_address, np.uint64(0), np.uint64(0xFFFF << 32 | int(address))) == str(address)


def test_rooms_are_large_enough() -> None:
    longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert len(longest) == text.ADDRESS_ROOM
    assert len(str(2**64 - 1)) == text.INTEGER_ROOM
    assert len("2026-03-14T09:26:53.589793238Z") == text.TIME_ROOM
