"""The slow path: rarer link types, in Python, on dpkt.

It only finds where the fast path can go on (an EtherType's header, LLC, PPP or IP), so what a packet decodes to does
not depend on the path. Headers are dpkt's, or tables in dpkt's form where dpkt has none; dpkt's parsers of payload are
not used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dpkt.dpkt import NeedData, Packet
from dpkt.radiotap import Radiotap as DpktRadiotap

from wireverdict.decode.link import ETHERNET, FAST, FIRST_LAYER, IPV4, LLC, PPP
from wireverdict.decode.reasons import LINK_CUT, NOT_IP
from wireverdict.frames import IN, OUT, UNKNOWN


class Place(NamedTuple):
    """Where the fast path goes on: a layer of `link.find_ip` (or minus a reason), a position in the frame, and a
    direction.

    `reason` names one of the slow path's own; it then is all there is.
    """

    layer: int
    at: int
    direction: int = UNKNOWN
    reason: str = ""


NOWHERE = Place(-NOT_IP, 0)
DEPTH = 3
"""How often a frame may name the link type of a frame inside it."""


class Header(Packet):  # type: ignore[misc]
    """A fixed header; what follows stays bytes."""

    def unpack(self, buf: bytes) -> None:
        """Fields only: no payload is parsed."""
        Packet.unpack(self, buf)
        self.data = b""


class Radiotap(Header):
    """radiotap.org: dpkt's first fields, and the bitmap of those that follow."""

    __hdr__ = (*DpktRadiotap.__hdr__, ("present", "I", 0))
    __byte_order__ = "<"


class Prism(Header):
    """Prism header, whose length is in its own byte order."""

    __hdr__ = (("code", "I", 0), ("length", "I", 0))


class Avs(Header):
    """AVS header."""

    __hdr__ = (("version", "I", 0), ("length", "I", 0))


class Ppi(Header):
    """Per-packet information header."""

    __hdr__ = (("version", "B", 0), ("flags", "B", 0), ("length", "H", 0), ("link", "I", 0))
    __byte_order__ = "<"


class Pktap(Header):
    """Apple's PKTAP header as far as needed."""

    __hdr__ = (
        ("length", "I", 0),
        ("record", "I", 0),
        ("link", "I", 0),
        ("interface", "24s", b""),
        ("flags", "I", 0),
    )
    __byte_order__ = "<"


def place(link: int, frame: bytes, depth: int = 0) -> Place:
    """Where in `frame`, of link type `link`, the fast path can go on.

    Never raises: a frame that ends too soon gives minus LINK_CUT, one that carries no IP minus NOT_IP, and a link type
    that is not known gives the reason ``link_type_N``.
    """
    if link in FAST and depth:
        return Place(int(FIRST_LAYER[link]), 0)
    finder = FINDERS.get(link)
    if depth > DEPTH or (finder is None and depth):  # a nested number may be anything
        return NOWHERE
    if finder is None:
        return Place(-NOT_IP, 0, UNKNOWN, f"link_type_{link}")
    try:
        found = finder(frame, depth)
    except (NeedData, IndexError):
        return Place(-LINK_CUT, 0)
    if found.layer < 0:
        return found._replace(at=0)
    return found if found.at <= len(frame) else Place(-LINK_CUT, 0)


def _nested(link: int, frame: bytes, at: int, depth: int, direction: int = UNKNOWN) -> Place:
    found = place(link, frame[at:], depth + 1)
    return found._replace(at=found.at + at, direction=found.direction or direction)


def _word(frame: bytes, at: int, size: int = 2) -> int:
    if at + size > len(frame):
        raise NeedData
    return int.from_bytes(frame[at : at + size], "big")


def _fixed(layer: int, at: int) -> Callable[[bytes, int], Place]:
    return lambda frame, depth: Place(layer, at)


def _typed(at: int, behind: int) -> Callable[[bytes, int], Place]:
    """An EtherType at `at`, what it says at `behind`."""

    def find(frame: bytes, depth: int) -> Place:
        layer = _word(frame, at)
        return Place(layer if layer >= 0x600 else LLC, behind)

    return find


def _cisco(frame: bytes, depth: int) -> Place:
    """Cisco's HDLC: address, control, EtherType."""
    layer = _word(frame, 2)
    return Place(layer, 4) if layer >= 0x600 else NOWHERE


def _wlan(frame: bytes, depth: int = 0, padded: bool = False) -> Place:
    """IEEE 802.11: data frames, with QoS, HT control, four addresses, the first part of an aggregate."""
    control, flags = frame[0], frame[1]
    if control & 0x0F != 0x08 or control & 0x40:  # not version 0 and data; or data without data
        return NOWHERE
    if flags & 0x40:
        return Place(-NOT_IP, 0, UNKNOWN, "wlan_encrypted")
    if _word(frame, 22) >> 8 & 15:  # sequence control, little endian: a fragment that is not the first
        return Place(-NOT_IP, 0, UNKNOWN, "wlan_fragment")
    size = 30 if flags & 3 == 3 else 24
    aggregate = False
    if control & 0x80:
        aggregate = bool(_word(frame, size) >> 8 & 0x80)
        size += 6 if flags & 0x80 else 2
    if padded:
        size += -size % 4
    return Place(LLC, size + 14 if aggregate else size)


def _radiotap(frame: bytes, depth: int) -> Place:
    """Radiotap before 802.11; the flags field says if the 802.11 header is padded to four bytes."""
    header = Radiotap(frame)
    at, word = 8, header.present
    while word >> 31:
        word = int.from_bytes(frame[at : at + 4], "little")
        at += 4
    if header.present & 1:
        at += -at % 8 + 8
    padded = bool(header.present & 2 and frame[at] & 0x20)
    found = _wlan(frame[header.length :], depth, padded)
    return found._replace(at=found.at + header.length)


def _prism(frame: bytes, depth: int) -> Place:
    """Prism or AVS header before 802.11; drivers put either under link type 119."""
    if _word(frame, 0, 4) & 0xFFFFF000 == 0x80211000:
        return _nested(105, frame, Avs(frame).length, depth)
    length = Prism(frame).length
    return _nested(105, frame, length if length < 0x10000 else int.from_bytes(frame[4:8], "little"), depth)


def _ppi(frame: bytes, depth: int) -> Place:
    header = Ppi(frame)
    return _nested(header.link, frame, header.length, depth)


def _pktap(frame: bytes, depth: int) -> Place:
    """PKTAP of macOS: each frame names its link type; flags tell the direction."""
    header = Pktap(frame)
    return _nested(header.link, frame, header.length, depth, {1: IN, 2: OUT}.get(header.flags & 3, UNKNOWN))


def _token_ring(frame: bytes, depth: int) -> Place:
    """IEEE 802.5; the first bit of the source address says that a route follows."""
    return Place(LLC, 14 + (frame[14] & 31 if frame[8] & 0x80 else 0))


def _arcnet(source: int) -> Callable[[bytes, int], Place]:
    """ARCNET (RFC 1201, RFC 1051), with the type at `source`."""

    def find(frame: bytes, depth: int) -> Place:
        kind, at = frame[source], source + 1
        if kind == 240:  # RFC 1051: nothing more
            return Place(IPV4, at)
        if kind not in (212, 196):  # IPv4, IPv6
            return NOWHERE
        flag = frame[at]
        if flag == 0xFF:  # an exception frame: the same again behind padding
            at += 4
            flag = frame[at]
        first = flag == 0 or flag & 1
        return Place(IPV4, at + 3) if first else Place(-NOT_IP, 0, UNKNOWN, "arcnet_fragment")

    return find


def _frame_relay(frame: bytes, depth: int) -> Place:
    """Frame relay (Q.922 address; RFC 2427), or Cisco's EtherType in its place."""
    at = 1
    while not frame[at - 1] & 1:
        if at == 4:
            return NOWHERE
        at += 1
    if frame[at] != 3:
        layer = _word(frame, at)
        return Place(layer, at + 2) if layer >= 0x600 else NOWHERE
    at += 1
    if frame[at] == 0:
        at += 1
    network = frame[at]
    if network in (0xCC, 0x8E):
        return Place(IPV4, at + 1)
    if network == 0xCF:
        return Place(PPP, at + 1)
    if network != 0x80:
        return NOWHERE
    organisation, kind = _word(frame, at + 1, 3), _word(frame, at + 4)
    if organisation == 0x80C2:  # bridged, RFC 2427 section 4.2; only Ethernet
        return Place(ETHERNET, at + 8 if kind == 1 else at + 6) if kind in (1, 7) else NOWHERE
    return Place(kind, at + 6) if organisation == 0 and kind >= 0x600 else NOWHERE


def _nflog(frame: bytes, depth: int) -> Place:
    """Netfilter log: fields of a length and a type, of which 9 is the packet and 1 has the hook that saw it."""
    at, direction = 4, UNKNOWN
    _word(frame, 0, 4)
    while at + 4 <= len(frame):
        size, kind = frame[at] | frame[at + 1] << 8, frame[at + 2] | (frame[at + 3] & 0x7F) << 8
        if size < 4:
            return NOWHERE
        if kind == 9:
            return Place(IPV4, at + 4, direction) if frame[0] in (2, 10) else NOWHERE
        if kind == 1 and size >= 7:  # NF_INET_LOCAL_IN is 1, NF_INET_LOCAL_OUT is 3
            direction = {1: IN, 3: OUT}.get(frame[at + 6], UNKNOWN)
        at += size + -size % 4
    return Place(-LINK_CUT, 0)


def _slip(frame: bytes, depth: int) -> Place:
    """SLIP as BPF shows it: 16 bytes of which the first is the direction; compressed TCP (RFC 1144) is not undone."""
    return NOWHERE if frame[1] & 0x80 else Place(IPV4, 16, OUT if frame[0] else IN)


def _sunatm(frame: bytes, depth: int) -> Place:
    """SunATM: four bytes, whose first says what is carried."""
    kind = frame[0] & 15
    direction = OUT if frame[0] & 0x80 else IN
    if kind == 1:
        return Place(ETHERNET, 6, direction)
    return Place(LLC, 4, direction) if kind == 2 else NOWHERE


def _pflog(frame: bytes, depth: int) -> Place:
    """OpenBSD's pf log; its length is rounded up to four."""
    size = frame[0] + -frame[0] % 4
    direction = {1: IN, 2: OUT}.get(frame[60], UNKNOWN) if size > 60 else UNKNOWN
    return Place(IPV4, size, direction)


def _ppp_directed(frame: bytes, depth: int) -> Place:
    """PPP with a byte for the direction in front."""
    return Place(PPP, 1, OUT if frame[0] else IN)


def _pppd(frame: bytes, depth: int) -> Place:
    """PPP of pppd's logs: the address byte has become the direction."""
    return Place(PPP, 2, OUT if frame[0] else IN)


def _juniper(link: int, cookie: int) -> Callable[[bytes, int], Place]:
    """Juniper: magic, flags, perhaps fields of the platform, a cookie, then a frame of type `link`; LLC for -1."""

    def find(frame: bytes, depth: int) -> Place:
        if _word(frame, 0, 3) != 0x4D4743:
            return NOWHERE
        flags = frame[3]
        direction = IN if flags & 1 else OUT
        at = 4
        if flags & 0x80:
            at += 2 + _word(frame, 4)
        if flags & 2:  # no link layer: a protocol number and the packet
            return Place(IPV4, at + 4, direction)
        at += cookie
        return Place(LLC, at, direction) if link < 0 else _nested(link, frame, at, depth, direction)

    return find


def _enc(frame: bytes, depth: int) -> Place:
    """OpenBSD's enc(4): address family, SPI and flags."""
    return Place(IPV4, 12)


FINDERS: dict[int, Callable[[bytes, int], Place]] = {
    6: _token_ring,
    7: _arcnet(2),
    8: _slip,
    10: _fixed(LLC, 13),  # FDDI
    100: _fixed(LLC, 0),  # ATM, RFC 2684
    104: _cisco,  # Cisco HDLC
    105: _wlan,
    107: _frame_relay,
    109: _enc,
    117: _pflog,
    119: _prism,
    122: _fixed(LLC, 16),  # IP over Fibre Channel, RFC 2625
    123: _sunatm,
    127: _radiotap,
    129: _arcnet(4),
    135: _juniper(-1, 8),  # ATM2
    137: _juniper(-1, 4),  # ATM1
    138: _typed(16, 18),  # Apple's IP over IEEE 1394
    149: _pktap,  # the number that macOS used before PKTAP had its own
    163: _prism,
    166: _pppd,
    178: _juniper(1, 0),
    179: _juniper(9, 0),
    180: _juniper(107, 0),
    181: _juniper(104, 0),
    192: _ppi,
    204: _ppp_directed,
    226: _fixed(IPV4, 24),  # Solaris ipnet
    239: _nflog,
    240: _fixed(ETHERNET, 4),  # NetAnalyzer
    241: _fixed(ETHERNET, 12),  # NetAnalyzer with preamble
    242: _typed(40, 44),  # IP over InfiniBand
    258: _pktap,
    274: _fixed(ETHERNET, 8),  # mPackets
    281: _typed(16, 18),  # Broadcom's switch tag
    282: _fixed(ETHERNET, 4),
    284: _typed(16, 18),  # Marvell's DSA
    285: _typed(20, 22),  # Marvell's EDSA
}
"""How to find a place, by link type."""
