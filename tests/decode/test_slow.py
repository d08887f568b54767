from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import SEGMENT, ether, ip4, ip6
from tests.decode.comparing import batch_of, differences, one
from wireverdict.decode.link import FAST
from wireverdict.decode.slow import FINDERS, place
from wireverdict.frames import IN, OUT, UNKNOWN

PACKET = ip4(SEGMENT)
SNAP = bytes.fromhex("aaaa03 000000 0800")
DATA = bytes.fromhex("0801 0000") + bytes(20)  # IEEE 802.11: data to an access point


def pktap(link: int, flags: int, rest: bytes) -> bytes:
    return struct.pack("<III24sI", 108, 1, link, b"en0", flags).ljust(108, b"\0") + rest


def nflog(*fields: tuple[int, bytes]) -> bytes:
    body = b"\x02\0\0\0"
    for kind, value in fields:
        body += struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
    return body


PACKET_FIELD = struct.pack("<HH", 4 + len(PACKET), 9)
JUNIPER = bytes.fromhex("4d4743")
EVERY: list[tuple[str, int, bytes, int]] = [
    ("token ring", 6, bytes(14) + SNAP, UNKNOWN),
    ("token ring with a route", 6, bytes(8) + b"\x80" + bytes(5) + bytes.fromhex("0600 0000 0000") + SNAP, UNKNOWN),
    ("arcnet", 7, bytes.fromhex("0102 d4 00 0001"), UNKNOWN),
    ("arcnet, old", 7, bytes.fromhex("0102 f0"), UNKNOWN),
    ("arcnet, exception frame", 7, bytes.fromhex("0102 d4 ff ffffff 00 0001"), UNKNOWN),
    ("arcnet of linux", 129, bytes.fromhex("0102 0000 d4 00 0001"), UNKNOWN),
    ("slip, received", 8, bytes([0, 0x40]) + bytes(14), IN),
    ("slip, sent", 8, bytes([1, 0x40]) + bytes(14), OUT),
    ("fddi", 10, bytes(13) + SNAP, UNKNOWN),
    ("atm", 100, SNAP, UNKNOWN),
    ("cisco hdlc", 104, bytes.fromhex("0f00 0800"), UNKNOWN),
    ("wlan", 105, DATA + SNAP, UNKNOWN),
    ("wlan with qos", 105, b"\x88" + DATA[1:] + bytes(2) + SNAP, UNKNOWN),
    ("wlan with qos and ht control", 105, b"\x88\x81" + DATA[2:] + bytes(6) + SNAP, UNKNOWN),
    ("wlan between access points", 105, b"\x08\x03" + DATA[2:] + bytes(6) + SNAP, UNKNOWN),
    ("wlan, aggregate", 105, b"\x88" + DATA[1:] + b"\x80\0" + bytes(14) + SNAP, UNKNOWN),
    ("frame relay", 107, bytes.fromhex("1841 03 cc"), UNKNOWN),
    ("frame relay, long address", 107, bytes.fromhex("18404041 03 00 cc"), UNKNOWN),
    ("frame relay, snap", 107, bytes.fromhex("1841 03 00 80 000000 0800"), UNKNOWN),
    ("frame relay, bridged", 107, bytes.fromhex("1841 03 00 80 0080c2 0007") + ether(b""), UNKNOWN),
    ("frame relay, ppp", 107, bytes.fromhex("1841 03 cf 0021"), UNKNOWN),
    ("frame relay, cisco", 107, bytes.fromhex("1841 0800"), UNKNOWN),
    ("enc", 109, bytes(12), UNKNOWN),
    ("pflog, in", 117, bytes([61, 2]) + bytes(58) + b"\1" + bytes(3), IN),
    ("pflog, out", 117, bytes([61, 2]) + bytes(58) + b"\2" + bytes(3), OUT),
    ("prism", 119, struct.pack("<II", 0x44, 144) + bytes(136) + DATA + SNAP, UNKNOWN),
    ("prism, other order", 119, struct.pack(">II", 0x44, 144) + bytes(136) + DATA + SNAP, UNKNOWN),
    ("avs", 163, struct.pack(">II", 0x80211001, 64) + bytes(56) + DATA + SNAP, UNKNOWN),
    ("ip over fibre channel", 122, bytes(16) + SNAP, UNKNOWN),
    ("sunatm, lane", 123, bytes.fromhex("81 000000 0000") + ether(b""), OUT),
    ("sunatm, llc", 123, bytes.fromhex("02 000000") + SNAP, IN),
    ("radiotap", 127, bytes.fromhex("0000 0800 00000000") + DATA + SNAP, UNKNOWN),
    ("radiotap, padded", 127, bytes.fromhex("0000 0900 02000000 20") + b"\x88" + DATA[1:] + bytes(4) + SNAP, UNKNOWN),
    ("radiotap, two words and time", 127,
     bytes.fromhex("0000 1900 03000080 00000000 00000000") + bytes(8) + b"\x20" + DATA + SNAP, UNKNOWN),
    ("juniper atm 2", 135, JUNIPER + b"\1" + bytes(8) + SNAP, IN),
    ("juniper atm 1", 137, JUNIPER + b"\0" + bytes(4) + SNAP, OUT),
    ("apple firewire", 138, bytes(16) + b"\x08\0", UNKNOWN),
    ("pktap, sent", 258, pktap(1, 2, ether(b"")), OUT),
    ("pktap, received", 149, pktap(101, 1, b""), IN),
    ("pppd", 166, bytes.fromhex("00 03 0021"), IN),
    ("juniper ethernet", 178, JUNIPER + b"\x80" + bytes.fromhex("0004 aabbccdd") + ether(b""), OUT),
    ("juniper ppp", 179, JUNIPER + b"\1" + bytes.fromhex("ff030021"), IN),
    ("juniper frame relay", 180, JUNIPER + b"\1" + bytes.fromhex("1841 03 cc"), IN),
    ("juniper hdlc", 181, JUNIPER + b"\1" + bytes.fromhex("0f00 0800"), IN),
    ("juniper without link layer", 178, JUNIPER + b"\3" + bytes(4), IN),
    ("ppi", 192, struct.pack("<BBHI", 0, 0, 12, 105) + bytes(4) + DATA + SNAP, UNKNOWN),
    ("ppp with direction", 204, bytes.fromhex("01 ff03 0021"), OUT),
    ("ipnet", 226, bytes(24), UNKNOWN),
    ("nflog, in", 239, nflog((1, b"\x08\0\1\0"), (10, b"x")) + PACKET_FIELD, IN),
    ("nflog, out", 239, nflog((1, b"\x08\0\3\0")) + PACKET_FIELD, OUT),
    ("netanalyzer", 240, bytes(4) + ether(b""), UNKNOWN),
    ("netanalyzer, preamble", 241, bytes(12) + ether(b""), UNKNOWN),
    ("infiniband", 242, bytes(40) + bytes.fromhex("0800 0000"), UNKNOWN),
    ("mpacket", 274, bytes(8) + ether(b""), UNKNOWN),
    ("broadcom tag", 281, bytes(12) + bytes(4) + b"\x08\0", UNKNOWN),
    ("broadcom tag in front", 282, bytes(4) + ether(b""), UNKNOWN),
    ("marvell", 284, bytes(12) + bytes.fromhex("c0100539 0800"), UNKNOWN),
    ("marvell, with ethertype", 285, bytes(12) + bytes.fromhex("dada0000 c0100539 0800"), UNKNOWN),
]  # fmt: skip
TITLES = [row[0] for row in EVERY]


@pytest.mark.parametrize(("title", "link", "prefix", "direction"), EVERY, ids=TITLES)
def test_the_packet_is_found(title: str, link: int, prefix: bytes, direction: int) -> None:
    row, _, decoder = one(prefix + PACKET, link)
    assert (row["dport"], row["ip_length"], row["frame_length"]) == (443, len(PACKET), len(prefix) + len(PACKET))
    assert row["direction"] == (direction or OUT)  # home networks say out
    assert (decoder.slow, decoder.skipped) == (1, {})


@pytest.mark.parametrize(("title", "link", "prefix", "direction"), EVERY, ids=TITLES)
def test_every_cut_is_counted(title: str, link: int, prefix: bytes, direction: int) -> None:
    for size in range(len(prefix)):
        row, _, decoder = one(prefix[:size], link)
        assert row == {}
        assert sum(decoder.skipped.values()) == 1


def test_every_link_type_of_the_table_is_tried() -> None:
    assert {link for _, link, _, _ in EVERY} == set(FINDERS)
    assert not set(FINDERS) & set(FAST)


@pytest.mark.parametrize(
    ("link", "frame", "reason"),
    [
        (105, b"\x08\x41" + DATA[2:] + SNAP + PACKET, "wlan_encrypted"),
        (105, DATA[:22] + b"\x01\0" + SNAP + PACKET, "wlan_fragment"),
        (105, b"\x80" + bytes(60), "not_ip"),  # a beacon
        (105, b"\x48" + bytes(60), "not_ip"),  # no data
        (105, DATA + bytes.fromhex("aaaa03 000000 0806") + bytes(28), "arp"),
        (7, bytes.fromhex("0102 d4 02 0001") + PACKET, "arcnet_fragment"),
        (7, bytes.fromhex("0102 d5 00 0001") + PACKET, "not_ip"),
        (8, bytes([0, 0x80]) + bytes(14) + PACKET, "not_ip"),
        (107, bytes.fromhex("1841 03 b1") + PACKET, "not_ip"),
        (107, bytes.fromhex("1841 03 80 00000c 2000") + PACKET, "not_ip"),
        (107, bytes.fromhex("40404040 03 cc") + PACKET, "not_ip"),
        (104, bytes.fromhex("8f00 8035"), "arp"),
        (104, bytes.fromhex("8f00 0002") + PACKET, "not_ip"),
        (123, b"\x05\0\0\0" + PACKET, "not_ip"),
        (178, b"\0\0\0\0" + ether(PACKET), "not_ip"),
        (239, b"\x07\0\0\0" + nflog((9, PACKET))[4:], "not_ip"),
        (239, b"\x02\0\0\0\x02\0\x09\0", "not_ip"),
        (239, nflog((10, b"nothing else")), "link_cut"),
        (192, struct.pack("<BBHI", 0, 0, 8, 147) + PACKET, "not_ip"),
        (258, pktap(258, 0, pktap(258, 0, pktap(258, 0, pktap(258, 0, pktap(1, 0, ether(PACKET)))))), "not_ip"),
        (147, PACKET, "link_type_147"),
        (65535, PACKET, "link_type_65535"),
    ],
)
def test_what_is_no_packet_is_counted(link: int, frame: bytes, reason: str) -> None:
    row, _, decoder = one(frame, link)
    assert (row, decoder.skipped) == ({}, {reason: 1})


def test_ipv6_in_a_few() -> None:
    assert one(bytes.fromhex("1841 03 8e") + ip6(SEGMENT), 107)[0]["ttl"] == 63
    assert one(nflog((9, ip6(SEGMENT))).replace(b"\x02", b"\x0a", 1), 239)[0]["ttl"] == 63
    assert one(bytes.fromhex("0102 c4 00 0001") + ip6(SEGMENT), 7)[0]["ttl"] == 63


@given(st.sampled_from(sorted(FINDERS)), st.binary(max_size=200), st.integers(0, len(EVERY) - 1), st.integers(0, 160))
def test_no_bytes_make_it_raise(link: int, garbage: bytes, which: int, keep: int) -> None:
    for frame in (garbage, EVERY[which][2][:keep] + garbage):
        found = place(link, frame)
        assert found.layer <= 0 or 0 <= found.at <= len(frame)
        assert found.direction in (UNKNOWN, IN, OUT)
        assert differences(batch_of([(link, frame)])) == []
