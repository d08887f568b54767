from __future__ import annotations

import pytest

from tests.decode.building import CARRIERS, INNER4, INNER6, OVER_UDP, SEGMENT, ether, gtp, ip4, ip6, tcp, udp, vxlan
from tests.decode.comparing import one
from wireverdict import headers as h

RAW = 101
TOO_LONG = ip4(SEGMENT, length=900)
CLOSED = {"gre cut", "gre routing"}


def carried(kind: str, inner: bytes) -> tuple[int, bytes]:
    """Protocol and body of a tunnel that holds `inner`."""
    if kind in CARRIERS:
        protocol, prefix = CARRIERS[kind]
        return protocol, prefix + inner
    port, prefix = OVER_UDP[kind]
    return 17, udp(prefix + inner, dport=port)


@pytest.mark.parametrize("kind", [*CARRIERS, *OVER_UDP])
@pytest.mark.parametrize("six", [False, True])
def test_the_inner_packet_is_found(kind: str, six: bool) -> None:
    if kind in CLOSED or (kind.startswith("teredo") and not six):
        return
    inner = INNER6 if six else INNER4
    protocol, body = carried(kind, inner)
    for outer in (ip4(body, protocol), ip6(body, protocol)):
        row, name, decoder = one(outer, RAW)
        assert row["present"] & h.TUNNEL
        assert bool(row["present"] & h.IPV6) == six
        assert (row["dport"], row["ip_length"]) == (443 if six else 53, len(inner))
        assert name == ("" if six else "www.example.org")
        assert row["frame_length"] == len(outer)
        assert decoder.flaws == {}
        row, name, _ = one(outer, RAW, tunnels="outer")
        assert (row["protocol"], row["ip_length"], name) == (protocol, len(outer), "")
        assert not row.get("present", 0) & h.TUNNEL


@pytest.mark.parametrize("kind", [*CARRIERS, *OVER_UDP])
@pytest.mark.parametrize("inner", [b"", b"\x45", INNER4[:12], b"\x44" + INNER4[1:], TOO_LONG, b"\x75" * 60])
def test_what_does_not_parse_falls_back_to_the_outer_packet(kind: str, inner: bytes) -> None:
    protocol, body = carried(kind, inner)
    row, _, decoder = one(ip4(body, protocol), RAW)
    assert (row["protocol"], row["ip_length"]) == (protocol, 20 + len(body))
    assert not row.get("present", 0) & h.TUNNEL
    assert decoder.skipped == {}


def test_gre_with_routing_is_left_alone() -> None:
    protocol, body = carried("gre routing", INNER4)
    assert one(ip4(body, protocol), RAW)[0]["protocol"] == 47


def test_an_inner_arp_leaves_the_outer_packet() -> None:
    row, _, _ = one(ip4(vxlan(ether(bytes(28), 0x0806)), 17), RAW)
    assert (row["protocol"], row["dport"]) == (17, 4789)


def test_the_first_fragment_of_a_tunnel_shows_the_whole_inner_length() -> None:
    inner = ip4(tcp(bytes(2000)))
    outer = ip4(gtp(inner)[:1000], 17, fragment=0x2000)
    row, _, decoder = one(outer, RAW)
    assert (row["ip_length"], row["payload_length"]) == (2040, 2000)
    assert row["present"] & (h.TUNNEL | h.FIRST_FRAGMENT) == h.TUNNEL
    assert decoder.flaws == {}


def test_an_inner_later_fragment_is_a_fragment() -> None:
    assert one(ip4(ip4(SEGMENT, fragment=5), 4), RAW)[2].skipped == {"fragment": 1}
    assert one(ip4(ip4(SEGMENT, fragment=5), 4), RAW, tunnels="outer")[2].skipped == {}


def test_an_inner_super_packet_is_as_long_as_the_outer_allows() -> None:
    row, _, _ = one(ip4(vxlan(ether(ip4(tcp(bytes(500)), length=0))), 17) + bytes(9), RAW)
    assert (row["ip_length"], row["payload_length"]) == (540, 500)
    assert row["present"] & h.SUPER_PACKET


@pytest.mark.parametrize("depth", range(1, 8))
def test_four_tunnels_deep(depth: int) -> None:
    packet = ip6(SEGMENT)
    for level in range(depth):
        packet = ip6(packet, 41) if level % 2 else ip4(packet, 41)
    row, _, decoder = one(packet, RAW)
    assert row["protocol"] == (6 if depth <= 4 else 41)
    assert decoder.flaws == ({} if depth <= 4 else {"tunnel_too_deep": 1})
    assert row["present"] & h.TUNNEL


def test_gtp_extension_headers() -> None:
    extensions = bytes.fromhex("85 01 0000 c0 02 000000000000 00")  # two of them, then the packet
    assert one(ip4(gtp(INNER6, extensions), 17), RAW)[0]["dport"] == 443
    for broken in (bytes.fromhex("85 00"), bytes.fromhex("85 ff 00"), bytes.fromhex("85")):
        assert one(ip4(gtp(b"", broken), 17), RAW)[0]["dport"] == 2152


def test_gtp_signalling_is_no_tunnel() -> None:
    echo = udp(bytes.fromhex("3201000400000000 0001 0000") + INNER4, dport=2152)
    assert one(ip4(echo, 17), RAW)[0]["dport"] == 2152


def test_the_outer_vlan_stays() -> None:
    row, _, _ = one(
        ether(bytes.fromhex("00640800") + ip4(vxlan(ether(bytes.fromhex("00650800") + INNER4, 0x8100)), 17), 0x8100)
    )
    assert (row["vlan"], row["dport"]) == (0x64, 53)
