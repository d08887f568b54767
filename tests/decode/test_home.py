from __future__ import annotations

import ipaddress

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.decode.building import SEGMENT, ip4, ip6
from tests.decode.comparing import batch_of, one
from wireverdict.decode import Decoder, DecodeSettings, HomeNets
from wireverdict.decode.home import DEFAULT, EVERYWHERE, NOWHERE, PARTLY, is_home
from wireverdict.frames import IN, OUT, UNKNOWN, FrameBatch

RAW = 101
PAIRS = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.tuples(st.integers(2**96, 2**128 - 1), st.integers(0, 128)),
)
PLACES = PAIRS.map(lambda pair: str(ipaddress.ip_network(pair, strict=False)))


@numba.njit  # type: ignore[untyped-decorator]
def lookup(ranges: NDArray[np.uint64], tops: NDArray[np.uint8], hi: np.uint64, lo: np.uint64) -> bool:
    return is_home(ranges, tops, hi, lo)


def inside(nets: HomeNets, address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    value = int(parsed) + (0xFFFF << 32 if parsed.version == 4 else 0)
    return bool(lookup(nets.ranges, nets.tops, np.uint64(value >> 64), np.uint64(value & (2**64 - 1))))


@pytest.mark.parametrize(
    ("address", "home"),
    [
        ("10.0.0.0", True), ("10.255.255.255", True), ("11.0.0.0", False), ("9.255.255.255", False),
        ("172.31.1.1", True), ("172.32.1.1", False), ("192.168.9.9", True), ("169.254.1.1", True),
        ("100.64.0.1", True), ("100.128.0.1", False), ("8.8.8.8", False),
        ("fd00::1", True), ("fe80::1", True), ("fec0::1", False), ("2001:db8::1", False), ("::a00:1", False),
    ],
)  # fmt: skip
def test_the_default_networks(address: str, home: bool) -> None:
    assert inside(HomeNets(), address) == home


@given(st.lists(PLACES, max_size=8), st.lists(PLACES, min_size=1, max_size=8))
def test_any_networks_hold_what_ipaddress_says(networks: list[str], probes: list[str]) -> None:
    nets = HomeNets(networks)
    parsed = [ipaddress.ip_network(text) for text in networks]
    for probe in (ipaddress.ip_network(text) for text in (*probes, *networks)):
        for address in (probe.network_address, probe.broadcast_address):
            expected = any(address.version == n.version and address in n for n in parsed)
            # ::/n of IPv6 holds the mapped addresses too, as it does everywhere
            mapped = [n for n in parsed if n.version == 6 and address.version == 4]
            value = 0xFFFF << 32 | int(address)
            expected = expected or any(int(n.network_address) <= value <= int(n.broadcast_address) for n in mapped)
            assert inside(nets, str(address)) == expected


def test_ranges_are_sorted_and_apart() -> None:
    ranges = HomeNets(["10.0.1.0/24", "10.0.0.0/24", "10.0.0.0/16", "192.0.2.1", "10.1.0.0/16"]).ranges
    assert ranges[:, 1].tolist() == [0xFFFF0A000000, 0xFFFFC0000201]
    assert HomeNets([]).ranges.shape == (0, 4)


def test_most_addresses_are_told_by_their_first_byte() -> None:
    tops = HomeNets(["10.0.0.0/9", "10.128.0.0/9", "192.168.0.0/16", "fc00::/7", "fe80::/10"]).tops
    told = {**dict.fromkeys((10, 256 + 0xFC, 256 + 0xFD), EVERYWHERE), **dict.fromkeys((192, 256 + 0xFE, 256), PARTLY)}
    assert tops.tolist() == [told.get(top, NOWHERE) for top in range(512)]


@pytest.mark.parametrize("bad", ["10.0.0.1/8", "300.0.0.0/8", "", "home", "10.0.0.0/33", "fe80::/129"])
def test_what_is_no_network_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="home network") as caught:
        HomeNets(["10.0.0.0/8", bad])
    assert repr(bad) in str(caught.value)


def test_directions() -> None:
    home, away = bytes([10, 0, 0, 1]), bytes([192, 0, 2, 1])
    ways = [(home, away, OUT), (away, home, IN), (home, home, UNKNOWN), (away, away, UNKNOWN)]
    for source, target, way in ways:
        assert one(ip4(SEGMENT, source=source, target=target), RAW)[0].get("direction", UNKNOWN) == way
    settings = DecodeSettings(home_nets=("192.0.2.0/24", "2001:db8::/32"))
    for source, target, _ in ways[:2]:
        row = one(ip4(SEGMENT, source=source, target=target), RAW, home_nets=settings.home_nets)[0]
        assert row["direction"] == (IN if target == away else OUT)
    assert one(ip6(SEGMENT), RAW)[0]["direction"] == OUT
    assert "100.64.0.0/10" in DEFAULT


def test_the_source_of_frames_knows_better() -> None:
    batch = batch_of([(RAW, ip4(SEGMENT)), (RAW, ip4(SEGMENT))])
    frames = batch.frames.copy()
    frames["direction"] = IN, UNKNOWN
    assert Decoder().decode(FrameBatch(batch.data, frames)).rows["direction"].tolist() == [IN, OUT]
