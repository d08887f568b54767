"""Frames put together by hand, so that every field can be wrong."""

from __future__ import annotations

import struct

SOURCE4, TARGET4 = bytes([10, 0, 0, 1]), bytes([198, 51, 100, 7])
SOURCE6, TARGET6 = bytes.fromhex("fd00" + "00" * 13 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "07")


def ether(payload: bytes, kind: int = 0x0800) -> bytes:
    return b"\x02\0\0\0\0\2" + b"\x02\0\0\0\0\1" + struct.pack(">H", kind) + payload


def ip4(
    payload: bytes,
    protocol: int = 6,
    *,
    options: bytes = b"",
    length: int | None = None,
    fragment: int = 0,
    source: bytes = SOURCE4,
    target: bytes = TARGET4,
) -> bytes:
    size = 20 + len(options)
    total = size + len(payload) if length is None else length
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0x2E, total, 7, fragment, 64, protocol, 0)
    return head + source + target + options + payload


def ip6(
    payload: bytes, protocol: int = 6, *, length: int | None = None, source: bytes = SOURCE6, target: bytes = TARGET6
) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">IHBB", 0x62E00000 | 5, size, protocol, 63) + source + target + payload


def extension(following: int, body: bytes = b"\x01\x04\0\0\0\0") -> bytes:
    """An IPv6 extension header whose options, with two bytes more, are a multiple of eight bytes."""
    return bytes([following, (len(body) + 2) // 8 - 1]) + body


def fragment6(following: int, offset: int = 0, more: int = 0) -> bytes:
    return struct.pack(">BBHI", following, 0, offset << 3 | more, 99)


def tcp(
    payload: bytes = b"",
    *,
    sport: int = 40000,
    dport: int = 443,
    seq: int = 0x01020304,
    ack: int = 0x0A0B0C0D,
    flags: int = 0x10,
    window: int = 501,
    options: bytes = b"",
    offset: int | None = None,
) -> bytes:
    options += b"\0" * (-len(options) % 4)
    words = (20 + len(options)) // 4 if offset is None else offset
    return struct.pack(">HHIIHHHH", sport, dport, seq, ack, words << 12 | flags, window, 0, 0) + options + payload


def udp(payload: bytes = b"", *, sport: int = 40000, dport: int = 5000, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def name(text: str) -> bytes:
    labels = [label.encode() for label in text.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def dns(
    question: bytes | None = None, *, ident: int = 0x1234, flags: int = 0x0100, counts: tuple[int, int, int] = (0, 0, 0)
) -> bytes:
    """A message with one question (name, type, class), or none for ``b""``."""
    question = name("www.Example.org") + struct.pack(">HH", 28, 1) if question is None else question
    return struct.pack(">HHHHHH", ident, flags, 1 if question else 0, *counts) + question


def icmp(kind: int, code: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


TIMESTAMPS = bytes.fromhex("0101080a0000a1b20000c3d4")
SEGMENT = tcp(b"hello", options=TIMESTAMPS)
INNER4 = ip4(udp(dns(), dport=53), 17, source=bytes([172, 16, 0, 9]))
INNER6 = ip6(SEGMENT)


def vxlan(payload: bytes) -> bytes:
    return udp(b"\x08\0\0\0\0\0\7\0" + payload, dport=4789)


def gtp(payload: bytes, extensions: bytes = b"") -> bytes:
    """A G-PDU; `extensions` begins with the type of the first one."""
    body = b"\0\0\0" + extensions if extensions else b""
    return udp(
        struct.pack(">BBHI", 0x34 if extensions else 0x30, 255, len(body) + len(payload), 1) + body + payload,
        dport=2152,
    )


CARRIERS: dict[str, tuple[int, bytes]] = {
    "ipip": (4, b""),
    "6in4": (41, b""),
    "gre": (47, bytes.fromhex("00000800")),
    "gre with key, checksum, sequence": (47, bytes.fromhex("b00086dd 00000000 00000001 00000002")),
    "etherip": (97, b"\x30\0" + ether(b"")),
    "mpls": (137, bytes.fromhex("00001040 00002140")),
    "ethernet": (143, ether(b"", 0x86DD)),
    "nvgre": (47, bytes.fromhex("20006558 00000100") + ether(b"")),
    "erspan 1": (47, bytes.fromhex("000088be") + ether(b"")),
    "erspan 2": (47, bytes.fromhex("100088be 00000001 1001000100000000") + ether(b"")),
    "erspan 3": (47, bytes.fromhex("100022eb 00000001 200100010000000000000000") + ether(b"")),
    "erspan 3 with platform": (
        47,
        bytes.fromhex("100022eb 00000001 200100010000000000000001 0000000000000000") + ether(b""),
    ),
    "pptp": (47, bytes.fromhex("3081880b 00200001 00000001 00000002 ff030021")),
    "wccp": (47, bytes.fromhex("0000883e 00000000")),
    "gre cut": (47, bytes.fromhex("0000")),
    "gre routing": (47, bytes.fromhex("40000800 00000000")),
}
"""IP protocols that carry a packet, and what stands in front of it."""

OVER_UDP: dict[str, tuple[int, bytes]] = {
    "vxlan": (4789, bytes.fromhex("0800000000000700") + ether(b"")),
    "vxlan linux": (8472, bytes.fromhex("0800000000000700") + ether(b"", 0x8100) + bytes.fromhex("00050800")),
    "vxlan gpe": (4790, bytes.fromhex("0c00000100000700")),
    "vxlan gpe ethernet": (4790, bytes.fromhex("0c00000300000700") + ether(b"")),
    "vxlan gpe mpls": (4790, bytes.fromhex("0c00000500000700 00001140")),
    "geneve": (6081, bytes.fromhex("0100655800000700 01020304") + ether(b"", 0x86DD)),
    "geneve ip": (6081, bytes.fromhex("0000080000000700")),
    "gtp": (2152, bytes.fromhex("30ff002000000001")),
    "gtp with extensions": (2152, bytes.fromhex("34ff002000000001 00000085 01000000")),
    "teredo": (3544, b""),
    "teredo with authentication": (3544, bytes.fromhex("00010201 aabb cc 0000000000000001 00 0000 1234 c0000201")),
    "gre in udp": (4754, bytes.fromhex("00000800")),
    "mpls in udp": (6635, bytes.fromhex("00001140")),
}
"""UDP ports that carry a packet, and what stands in front of it."""

LINKS: dict[str, tuple[int, bytes]] = {
    "ethernet": (1, ether(b"")),
    "ethernet 6": (1, ether(b"", 0x86DD)),
    "vlan": (1, ether(bytes.fromhex("00640800"), 0x8100)),
    "qinq": (1, ether(bytes.fromhex("01f48100 00640800"), 0x88A8)),
    "mpls": (1, ether(bytes.fromhex("00001040 00002140"), 0x8847)),
    "pseudo-wire": (1, ether(bytes.fromhex("00001140 00000000") + ether(b""), 0x8847)),
    "pseudo-wire without word": (1, ether(bytes.fromhex("00001140") + b"\xf2" + ether(b"")[1:], 0x8847)),
    "pppoe": (1, ether(bytes.fromhex("110000010020 0021"), 0x8864)),
    "snap": (1, ether(bytes.fromhex("aaaa03 000000 0800"), 60)),
    "snap bridged": (1, ether(bytes.fromhex("aaaa03 0080c2 0007 0000") + ether(b""), 60)),
    "llc": (1, ether(bytes.fromhex("060603"), 60)),
    "backbone": (1, ether(bytes.fromhex("00000001") + ether(b""), 0x88E7)),
    "fabric path": (1, ether(bytes.fromhex("0001") + ether(b""), 0x8903)),
    "e-tag": (1, ether(bytes.fromhex("000000000000 0800"), 0x893F)),
    "vn-tag": (1, ether(bytes.fromhex("00000000 0800"), 0x8926)),
    "arp": (1, ether(b"\0\1\x08\0", 0x0806)),
    "null": (0, bytes.fromhex("02000000")),
    "null, other order": (0, bytes.fromhex("00000002")),
    "loop 6": (108, bytes.fromhex("00000018")),
    "null darwin 6": (0, bytes.fromhex("1e000000")),
    "raw": (101, b""),
    "raw bsd": (12, b""),
    "raw openbsd": (14, b""),
    "ipv4": (228, b""),
    "ipv6": (229, b""),
    "ppp": (9, bytes.fromhex("ff030021")),
    "ppp compressed": (9, bytes.fromhex("57")),
    "ppp serial": (50, bytes.fromhex("0f000800")),
    "ppp ether": (51, bytes.fromhex("110000010020 0057")),
    "sll": (113, bytes.fromhex("0004 0001 0006 020000000001 0000 0800")),
    "sll2": (276, bytes.fromhex("0800 0000 00000002 0001 00 06 0200000000010000")),
    "cisco hdlc": (104, bytes.fromhex("0f000800")),
    "frame relay": (107, bytes.fromhex("184103cc")),
    "wlan": (105, bytes.fromhex("0801 0000") + bytes(18) + bytes.fromhex("0000 aaaa03 000000 0800")),
    "radiotap": (
        127,
        bytes.fromhex("00000900 02000000 00 8801 0000") + bytes(18) + bytes.fromhex("0000 0000 aaaa03 000000 0800"),
    ),
    "nflog": (239, bytes.fromhex("02000000 0800 0100 0800 03 00 5400 0900")),
    "token ring": (6, bytes.fromhex("1040") + bytes(12) + bytes.fromhex("aaaa03 000000 0800")),
    "unknown": (147, b""),
}
"""Link types, and what stands in front of a packet."""
