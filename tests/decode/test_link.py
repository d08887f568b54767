from __future__ import annotations

import pytest

from tests.decode.building import LINKS, SEGMENT, ether, ip4, ip6
from tests.decode.comparing import one
from wireverdict.decode.link import FAST, FIRST_LAYER
from wireverdict.frames import IN, OUT, UNKNOWN

PACKET = ip4(SEGMENT)
WITHOUT = {"arp": "arp", "unknown": "link_type_147"}


@pytest.mark.parametrize("kind", LINKS)
def test_every_link_type_leads_to_the_packet(kind: str) -> None:
    link, prefix = LINKS[kind]
    row, _, decoder = one(prefix + PACKET, link)
    if kind in WITHOUT:
        assert (row, decoder.skipped) == ({}, {WITHOUT[kind]: 1})
    else:
        assert (row["sport"], row["dport"], row["ip_length"]) == (40000, 443, len(PACKET))
        assert row["frame_length"] == len(prefix) + len(PACKET)
        assert decoder.skipped == {}


@pytest.mark.parametrize("kind", LINKS)
def test_a_frame_that_ends_before_the_packet_is_counted(kind: str) -> None:
    link, prefix = LINKS[kind]
    for size in range(len(prefix)):
        row, _, decoder = one(prefix[:size], link)
        assert row == {}
        assert sum(decoder.skipped.values()) == 1


def test_fast_link_types_are_those_with_a_first_layer() -> None:
    assert {link for link in range(len(FIRST_LAYER)) if FIRST_LAYER[link] >= 0} == set(FAST)


def test_the_outermost_vlan_is_reported() -> None:
    assert one(LINKS["vlan"][1] + PACKET)[0]["vlan"] == 0x64
    assert one(LINKS["qinq"][1] + PACKET)[0]["vlan"] == 0x1F4
    priority = ether(bytes.fromhex("a0008100 00640800") + PACKET, 0x8100)  # a priority tag has number 0
    assert "vlan" not in one(priority)[0]


@pytest.mark.parametrize(
    ("tags", "skipped"), [(1, {}), (14, {}), (15, {"link_too_deep": 1}), (40, {"link_too_deep": 1})]
)
def test_tags_are_followed_sixteen_steps_deep(tags: int, skipped: dict[str, int]) -> None:
    frame = ether(bytes.fromhex("00018100") * (tags - 1) + bytes.fromhex("00010800") + PACKET, 0x8100)
    row, _, decoder = one(frame)
    assert decoder.skipped == skipped
    assert bool(row) == (not skipped)


@pytest.mark.parametrize(("packet_type", "direction"), [(0, IN), (1, IN), (2, IN), (3, OUT), (4, OUT)])
def test_cooked_captures_know_the_direction(packet_type: int, direction: int) -> None:
    sll = packet_type.to_bytes(2, "big") + LINKS["sll"][1][2:]
    assert one(sll + PACKET, 113)[0].get("direction", UNKNOWN) == direction  # 3 falls back on home networks: out
    sll2 = bytearray(LINKS["sll2"][1])
    sll2[10] = packet_type
    assert one(bytes(sll2) + PACKET, 276)[0].get("direction", UNKNOWN) == direction


def test_values_of_a_length_field_are_not_taken_for_made_up_layers() -> None:
    for kind in range(8):  # 1 to 4 stand for NULL, SLL, SLL2, LLC inside the walk
        snap = ether(bytes.fromhex("aaaa03000000") + kind.to_bytes(2, "big") + bytes(20) + PACKET, 60)
        assert one(snap)[2].skipped == {"not_ip": 1}
        cisco = bytes.fromhex("0f00") + kind.to_bytes(2, "big") + bytes(20) + PACKET
        assert one(cisco, 9)[2].skipped == {"not_ip": 1}


@pytest.mark.parametrize("family", [2, 10, 23, 24, 28, 30])
@pytest.mark.parametrize("order", ["big", "little"])
def test_loopback_headers_of_all_systems(family: int, order: str) -> None:
    packet = PACKET if family == 2 else ip6(SEGMENT)
    for link in (0, 108):
        assert one(family.to_bytes(4, "little" if order == "little" else "big") + packet, link)[0]["sport"] == 40000


def test_mpls_guesses_ip_and_pseudo_wires() -> None:
    label = bytes.fromhex("00001140")
    assert one(ether(label + ip6(SEGMENT), 0x8847))[0]["ttl"] == 63
    for word in (b"", bytes(4)):  # without control word, an address that begins with 4 is no IPv4 header
        inside = bytes.fromhex("40") + ether(PACKET)[1:] if not word else ether(PACKET)
        assert one(ether(label + word + inside, 0x8847))[0]["sport"] == 40000


def test_the_version_nibble_decides_and_not_the_ether_type() -> None:
    assert one(ether(ip6(SEGMENT), 0x0800))[0]["ttl"] == 63
    assert one(ether(b"\x70" + PACKET[1:], 0x0800))[2].skipped == {"ip_version": 1}
