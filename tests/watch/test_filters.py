"""Expressions against what they say."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.records import Flag, State
from wireverdict.watch.filters import Ends, Filter, FilterRefused, ends
from wireverdict.windows.home import address_halves

ROWS = [
    ("10.0.0.1", "192.0.2.80", 40000, 80, 6, 0, State.SF, 1),
    ("10.0.0.2", "192.0.2.53", 5353, 53, 17, 1 << Flag.ONE_SIDED, State.S0, 0),
    ("2001:db8::1", "2001:db8::2", 40000, 53, 6, 1 << Flag.RESET, State.RSTO, 1),
    ("10.0.0.1", "10.0.0.2", 8, 0, 1, 0, State.OTH, 0),
    ("2001:db8::1", "ff02::fb", 128, 0, 58, 0, State.OTH, 0),
]


def rows(text: bool = True) -> Ends:
    four = [
        np.array([address_halves(str(row[end]))[half] for row in ROWS], np.uint64) for end in (0, 1) for half in (0, 1)
    ]
    numbers = [np.array([row[place] for row in ROWS], np.int64) for place in range(2, 8)]
    lines = [f"{row[0]} > {row[1]} Something{number}" for number, row in enumerate(ROWS)]
    return ends(
        four, numbers[:3], flags=numbers[3], state=numbers[4], final=numbers[5], text=(lambda: lines) if text else None
    )


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("host 10.0.0.1", [0, 3]),
        ("src host 10.0.0.1 and tcp", [0]),
        ("dst 10.0.0.2", [3]),
        ("dst host 10.0.0.2 or port 53", [1, 2, 3]),
        ("src port 53", []),
        ("10.0.0.0/24", [0, 1, 3]),
        ("net 10.0.0.0/24", [0, 1, 3]),
        ("net 2001:db8::/32", [2, 4]),
        ("net 0.0.0.0/0", [0, 1, 3]),
        ("ip6", [2, 4]),
        ("ip", [0, 1, 3]),
        ("icmp or icmp6", [3, 4]),
        ("not tcp", [1, 3, 4]),
        ("! tcp && ! udp", [3, 4]),
        ("tcp not port 80", [2]),
        ("(tcp or udp) and (port 53 || host 10.0.0.9)", [1, 2]),
        ("udp or tcp port 80", [0, 1]),  # and binds closer
        ("flag one-sided", [1]),
        ("flag reset or flag one_sided", [1, 2]),
        ("state s0", [1]),
        ("open", [1, 3, 4]),
        ("ended and tcp", [0, 2]),
        ("192.0.2", [0, 1]),
        ("something3", [3]),
        ("not something3 and icmp", []),
    ],
)
def test_what_matches(expression: str, found: list[int]) -> None:
    assert np.flatnonzero(Filter(expression).mask(rows())).tolist() == found


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("host", "an address is missing at the end"),
        ("host example", "'example' is neither an address nor a network"),
        ("net 10.0.0.0/40", "'10.0.0.0/40' is neither"),
        ("port http", "'http' is no port"),
        ("port 70000", "'70000' is no port"),
        ("flag slow", "there is no flag 'slow'; there are bufferbloat, policed"),
        ("state XX", "there is no state 'XX'"),
        ("tcp and", "something to look for is missing at the end"),
        ("and tcp", "something to look for is missing before 'and'"),
        ("(tcp", r"a \) is missing at the end"),
        ("tcp )", r"there is a '\)' too many"),
        ("", "something to look for is missing"),
    ],
)
def test_what_cannot_be(expression: str, sentence: str) -> None:
    with pytest.raises(FilterRefused, match=sentence):
        Filter(expression)


def test_it_is_known_what_can_be_told_of_ends_alone() -> None:
    assert Filter("tcp and host 10.0.0.1 or not port 5").plain
    assert not any(Filter(text).plain for text in ("flag reset", "state S0", "open", "tcp or ended", "10.0.0", "web"))
    bare = rows(text=False)._replace(flags=None, state=None, final=None)
    for text in ("flag reset", "state S0", "open", "anything"):
        assert Filter(text).mask(bare).all()


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_those_of_the_standard_library(address: ipaddress.IPv4Address, length: int) -> None:
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    expected = [
        place for place, row in enumerate(ROWS) if any(ipaddress.ip_address(str(end)) in network for end in row[:2])
    ]
    assert np.flatnonzero(Filter(f"net {network}").mask(rows())).tolist() == expected


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_expression_or_refused(text: str) -> None:
    refused = ""
    try:
        assert Filter(text).mask(rows()).shape == (len(ROWS),)
    except FilterRefused as error:
        refused = str(error)
    assert "Error" not in refused
