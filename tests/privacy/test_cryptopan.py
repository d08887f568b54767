"""Crypto-PAn against its published vectors, another implementation, and its definition."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yacryptopan import CryptoPAn

from wireverdict.privacy.cryptopan import CryptoPan
from wireverdict.privacy.settings import KEPT
from wireverdict.windows.home import address_halves, address_text

SAMPLE = bytes.fromhex("1522178d33a4cf80130a5b1649907d10d8988f8379796527625 74c2d2a842202".replace(" ", ""))
"""The key of the authors' distribution; the vectors are pairs of its sample_trace_raw and sample_trace_sanitized."""
VECTORS = {
    "128.11.68.132": "135.242.180.132",
    "129.118.74.4": "134.136.186.123",
    "130.132.252.244": "133.68.164.234",
    "141.223.7.43": "141.167.8.160",
    "152.163.225.39": "151.140.114.167",
    "165.247.96.84": "162.9.99.234",
    "192.102.249.13": "252.138.62.131",
    "192.41.57.43": "252.222.221.184",
    "198.200.171.101": "249.199.68.213",
    "24.0.250.221": "100.15.198.226",
    "24.94.26.44": "100.88.228.35",
    "38.15.67.68": "64.3.66.187",
    "4.3.88.225": "124.60.155.63",
    "63.97.7.140": "95.97.9.123",
    "64.39.15.238": "0.219.7.41",
    "10.185.25.118": "117.161.29.118",
    # IPv6, as other implementations agree on (the paper has none)
    "::1": "78ff:f001:9fc0:20df:8380:b1f1:704:ed",
    "::2": "78ff:f001:9fc0:20df:8380:b1f1:704:ef",
    "::ffff": "78ff:f001:9fc0:20df:8380:b1f1:704:f838",
    "2001:db8::1": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e",
    "2001:db8::2": "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c",
}
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
FOUR = st.ip_addresses(v=4)
SIX = st.ip_addresses(v=6).filter(lambda address: address not in MAPPED)


def mapped(pan: CryptoPan, *texts: str) -> list[str]:
    """Addresses all in one call."""
    halves = np.array([address_halves(text) for text in texts], np.uint64)
    hi, lo = pan.map(halves[:, 0], halves[:, 1])
    return [address_text(*pair) for pair in zip(hi.tolist(), lo.tolist(), strict=True)]


def test_published_vectors() -> None:
    assert mapped(CryptoPan(SAMPLE), *VECTORS) == list(VECTORS.values())


@given(st.binary(min_size=32, max_size=32), st.lists(FOUR | SIX, min_size=1, max_size=8))
def test_as_another_implementation(key: bytes, addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> None:
    other = CryptoPAn(key)
    expected = [type(one)(other.anonymize_bin(int(one), one.version)) for one in addresses]
    assert mapped(CryptoPan(key), *map(str, addresses)) == [str(one) for one in expected]


def shared(first: str, second: str) -> int:
    """Bits at the front in which two addresses of a family agree."""
    one, two = ipaddress.ip_address(first), ipaddress.ip_address(second)
    return one.max_prefixlen - (int(one) ^ int(two)).bit_length()


@given(st.binary(min_size=32, max_size=32), st.data(), st.sampled_from([(), KEPT, ("10.0.0.0/8", "2001:db8::/33")]))
def test_prefixes_stay_common_and_no_more_become_so(key: bytes, data: st.DataObject, kept: tuple[str, ...]) -> None:
    one = data.draw(FOUR | SIX)
    differs = 1 << data.draw(st.integers(0, one.max_prefixlen - 1))
    two = type(one)((int(one) ^ differs) ^ data.draw(st.integers(0, differs - 1)))
    seen = mapped(CryptoPan(key, kept), str(one), str(two))
    if two.version == 4 or two not in MAPPED:
        assert shared(*seen) == shared(str(one), str(two))


@given(FOUR | SIX)
def test_kept_networks_stay_and_others_stay_out(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    kept = [ipaddress.ip_network(text) for text in (*KEPT, "8.8.8.8/32")]
    (text,) = mapped(CryptoPan(SAMPLE, [*KEPT, "8.8.8.8/32"]), str(address))
    seen = ipaddress.ip_address(text)
    homes = [network for network in kept if address in network]
    assert [network for network in kept if seen in network] == homes
    assert (seen == address) or not homes


def test_a_network_is_seen_where_its_addresses_are() -> None:
    pan = CryptoPan(SAMPLE, KEPT)
    for text, inside in (
        ("10.0.0.0/8", "10.200.3.4"),
        ("192.0.2.0/27", "192.0.2.30"),
        ("2001:db8::/33", "2001:db8::9"),
    ):
        network = ipaddress.ip_network(pan.network(text))
        assert ipaddress.ip_address(mapped(pan, inside)[0]) in network
        assert network.prefixlen == ipaddress.ip_network(text).prefixlen
        assert ipaddress.ip_network(text) != network
    assert pan.network("239.0.0.0/8") == "239.0.0.0/8"
    assert pan.network("0.0.0.0/0") == "0.0.0.0/0"


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CryptoPan(b"short")
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/40"):
        CryptoPan(SAMPLE, ["10.0.0.0/40"])


def test_as_many_as_there_are() -> None:
    pan = CryptoPan(SAMPLE, KEPT)
    many = np.arange(5_000, dtype=np.uint64) << np.uint64(7)
    hi, lo = pan.map(np.zeros_like(many), many | np.uint64(0xFFFF << 32))
    assert len(np.unique(lo)) == 5_000
    assert not hi.any()
    alone = [
        pan.map(np.zeros(1, np.uint64), many[i : i + 1] | np.uint64(0xFFFF << 32))[1][0] for i in (0, 1023, 1024, 4999)
    ]
    assert lo[[0, 1023, 1024, 4999]].tolist() == alone
    assert [len(words) for words in pan.map(many[:0], many[:0])] == [0, 0]
