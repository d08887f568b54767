"""The reference's way from a link layer to an IP packet, on dpkt's header tables."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import dpkt

from wireverdict.frames import IN, OUT, UNKNOWN


class Skip(Exception):
    """No row, for this reason."""


class Short(Exception):
    """Fewer bytes than a header has."""


def fields(table: type, data: bytes) -> SimpleNamespace:
    """The fields of a dpkt header, and nothing of what follows it."""
    size = table.__hdr_len__  # type: ignore[attr-defined]
    if len(data) < size:
        raise Short
    values = struct.unpack(table.__hdr_fmt__, data[:size])  # type: ignore[attr-defined]
    return SimpleNamespace(**dict(zip((item[0] for item in table.__hdr__), values, strict=True)))  # type: ignore[attr-defined]


def take(data: bytes, count: int) -> tuple[bytes, bytes]:
    if len(data) < count:
        raise Short
    return data[:count], data[count:]


def number(data: bytes) -> int:
    return int.from_bytes(data, "big")


class Walk:
    """From a link layer to an IP packet; `left` is what has not been read."""

    def __init__(self, data: bytes) -> None:
        self.left = data
        self.vlan: int | None = None
        self.direction = UNKNOWN
        self.steps = 0

    def read(self, count: int) -> bytes:
        head, self.left = take(self.left, count)
        return head

    def start(self, link: int) -> None:
        layers = {1: "ether", 0: "null", 108: "null", 113: "sll", 276: "sll2", 9: "ppp", 50: "ppp", 51: "pppoe"}
        try:
            self.go(layers.get(link, "ip"))
        except Short:
            raise Skip("link_cut") from None

    def go(self, layer: str) -> None:
        while layer != "ip":
            self.steps += 1
            if self.steps > 16:
                raise Skip("link_too_deep")
            layer = getattr(self, layer)()
        if self.steps == 16:
            raise Skip("link_too_deep")

    def by_type(self, kind: int) -> str:
        if kind in (dpkt.ethernet.ETH_TYPE_IP, dpkt.ethernet.ETH_TYPE_IP6):
            return "ip"
        return {
            0x8100: "tag", 0x88A8: "tag", 0x9100: "tag", 0x9200: "tag", 0x9300: "tag",
            0x8847: "mpls", 0x8848: "mpls", 0x8864: "pppoe", 0x6558: "ether", 0x880B: "ppp",
            0x88E7: "backbone", 0x8903: "fabric_path", 0x893F: "e_tag", 0x8926: "vn_tag", 0x0806: "arp", 0x8035: "arp",
        }.get(kind, "other")  # fmt: skip

    def by_length(self, kind: int) -> str:
        return "llc" if kind < 0x600 else self.by_type(kind)

    def ether(self) -> str:
        return self.by_length(fields(dpkt.ethernet.Ethernet, self.read(14)).type)

    def tag(self) -> str:
        tag = fields(dpkt.ethernet.VLANtag8021Q, self.read(4))
        if self.vlan is None:
            self.vlan = tag._pri_cfi_id & 0xFFF
        return self.by_length(tag.type)

    def backbone(self) -> str:
        return self.by_length(number(self.read(18)[16:]))

    def fabric_path(self) -> str:
        self.left = self.left[2:]
        return "ether"

    def e_tag(self) -> str:
        return self.by_length(number(self.read(8)[6:]))

    def vn_tag(self) -> str:
        return self.by_length(number(self.read(6)[4:]))

    def arp(self) -> str:
        raise Skip("arp")

    def other(self) -> str:
        raise Skip("not_ip")

    def mpls(self) -> str:
        label = fields(dpkt.ethernet.MPLSlabel, self.read(4))
        if not label._val_exp_s_ttl >> 8 & 1:
            return "mpls"
        first = self.left[:1]
        if not first or first[0] >> 4 == 6 or (first[0] >> 4 == 4 and first[0] & 15 >= 5):
            return "ip"
        if first[0] >> 4 == 0 and len(self.left) >= 4:
            self.read(4)
        return "ether"

    def ppp(self) -> str:
        if len(self.left) < 4:
            raise Short
        if self.left[0] in (0x0F, 0x8F):
            return self.by_type(number(self.read(4)[2:]))
        if self.left[:2] == b"\xff\x03":
            self.read(2)
        protocol = self.read(1)[0]
        if not protocol & 1:
            protocol = protocol << 8 | self.read(1)[0]
        kinds = {dpkt.ppp.PPP_IP: "ip", dpkt.ppp.PPP_IP6: "ip", 0x281: "mpls", 0x283: "mpls"}
        if protocol not in kinds:
            raise Skip("not_ip")
        return kinds[protocol]

    def pppoe(self) -> str:
        self.read(6)
        return self.ppp()

    def llc(self) -> str:
        saps = self.left[:2]
        self.read(3)
        if saps == b"\x06\x06":
            return "ip"
        if saps != b"\xaa\xaa":
            raise Skip("not_ip")
        rest = self.read(5)
        organisation, kind = rest[:3], number(rest[3:])
        if organisation in (b"\0\0\0", b"\0\0\xf8"):
            return self.by_type(kind)
        if organisation == b"\0\x80\xc2" and kind in (1, 7):
            self.read(2)
            return "ether"
        raise Skip("not_ip")

    def null(self) -> str:
        family = self.read(4)
        known = {struct.pack(order + "I", f): f for order in "<>" for f in (2, 10, 23, 24, 28, 30)}
        if family not in known:
            raise Skip("not_ip")
        return "ip"

    def cooked(self, kind: int, packet_type: int) -> str:
        self.direction = {0: IN, 1: IN, 2: IN, 4: OUT}.get(packet_type, UNKNOWN)
        if kind < 0x600 and kind != 4:
            raise Skip("not_ip")
        return self.by_length(kind)

    def sll(self) -> str:
        header = fields(dpkt.sll.SLL, self.read(16))
        return self.cooked(header.ethtype, header.type)

    def sll2(self) -> str:
        header = fields(dpkt.sll2.SLL2, self.read(20))
        return self.cooked(header.ethtype, header.type)
