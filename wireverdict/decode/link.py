"""From the first byte of a frame to the IP header: link types, tags, labels and shims.

The walk is a state machine over EtherTypes: each step reads one header, and says which EtherType comes next. What has
no EtherType of its own borrows one: Transparent Ethernet Bridging (0x6558) stands for an Ethernet header, 0x880B for
PPP, and numbers below 0x0600 (where the field is a length) for LLC and others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.reasons import ARP, LINK_CUT, LINK_TOO_DEEP, NOT_IP
from wireverdict.frames import IN, OUT, UNKNOWN
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32

IPV4, IPV6, ETHERNET, PPP, MPLS, PPPOE = 0x0800, 0x86DD, 0x6558, 0x880B, 0x8847, 0x8864
NULL, SLL, SLL2, LLC = 1, 2, 3, 4
STEPS = 16

_FIRST_LAYERS = (
    (ETHERNET, (1,)),
    (NULL, (0, 108)),  # NULL and LOOP
    (SLL, (113,)),
    (SLL2, (276,)),
    (IPV4, (12, 14, 101, 228, 229)),  # RAW by three numbers, IPV4, IPV6
    (PPP, (9, 50)),  # PPP and PPP_HDLC
    (PPPOE, (51,)),
)
FIRST_LAYER: NDArray[np.int64] = np.full(1 << 9, -1, np.int64)
"""The layer that frames begin with, by link type (LINKTYPE_* of pcap files); -1 where the fast path does not know."""
for _layer, _links in _FIRST_LAYERS:
    FIRST_LAYER[list(_links)] = _layer
FAST = tuple(np.flatnonzero(FIRST_LAYER >= 0).tolist())

# Families of NULL and LOOP headers: AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and
# OpenBSD, 28 on FreeBSD, 30 on Darwin
_FAMILY: NDArray[np.int64] = np.zeros(256, np.int64)
_FAMILY[2] = IPV4
_FAMILY[[10, 23, 24, 28, 30]] = IPV6

# What to do with a layer. IP ends the walk; so do ARP and NOT_IP, which are reasons. The next ones have a type in a
# fixed place, with which the walk goes on; the others are read by functions.
_IP = 0
_ETHERNET, _TAG, _SLL, _SLL2, _BACKBONE, _E_TAG, _VN_TAG, _FABRIC, _NULL, _PPPOE, _MPLS, _PPP, _LLC = range(3, 16)
_LAYERS = {
    # kind: layers, bytes of the header, where in it the type of the next one is
    _IP: ((IPV4, IPV6), 0, 0),
    ARP: ((0x0806, 0x8035), 0, 0),
    _ETHERNET: ((ETHERNET,), 14, 12),
    _TAG: ((0x8100, 0x88A8, 0x9100, 0x9200, 0x9300), 4, 2),
    _SLL: ((SLL,), 16, 14),
    _SLL2: ((SLL2,), 20, 0),
    _BACKBONE: ((0x88E7,), 18, 16),  # IEEE 802.1ah: service tag, then the customer's addresses
    _E_TAG: ((0x893F,), 8, 6),  # IEEE 802.1BR
    _VN_TAG: ((0x8926,), 6, 4),  # Cisco
    _FABRIC: ((0x8903,), 2, 0),  # Cisco FabricPath: a tag, then the whole Ethernet frame
    _NULL: ((NULL,), 4, 0),
    _PPPOE: ((PPPOE,), 6, 0),
    _MPLS: ((MPLS, 0x8848), 4, 0),
    _PPP: ((PPP,), 0, 0),
    _LLC: ((LLC,), 0, 0),
}
KINDS: NDArray[np.uint8] = np.full(1 << 16, NOT_IP, np.uint8)
"""The kind of each layer. Kernels get it as an argument: as a constant it would be compiled into each."""
_SIZE: NDArray[np.int64] = np.zeros(16, np.int64)
_NEXT: NDArray[np.int64] = np.zeros(16, np.int64)
for _kind, (_layers, _SIZE[_kind], _NEXT[_kind]) in _LAYERS.items():
    KINDS[list(_layers)] = _kind


@kernel(borrow=True, internal=True)
def known_type(layer: int) -> int:
    """An EtherType from the wire as a layer: numbers that are none must not be taken for the made-up ones."""
    return layer if layer >= 0x600 else -NOT_IP


@kernel(borrow=True, internal=True)
def after_labels(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """What lies at `at`, after the last MPLS label: (position, layer). MPLS does not say (RFC 4928, RFC 4448).

    A first nibble of 4 or 6 is IP; 0 is a pseudo-wire control word and Ethernet; else Ethernet without control word.
    """
    if at >= end:
        return at, IPV4
    nibble = u8(data, at) >> 4
    if nibble == 4 and u8(data, at) & 15 >= 5:
        return at, IPV4
    if nibble == 6:
        return at, IPV6
    if nibble == 0 and at + 4 <= end:
        return at + 4, ETHERNET
    return at, ETHERNET


@kernel(borrow=True, internal=True)
def ppp_layer(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """PPP (RFC 1661, RFC 1662): address and control may be absent, the protocol may be one byte. (position, layer).

    Address bytes 0x0F and 0x8F are those of Cisco's HDLC, which shares link types 9 and 50 and continues with an
    EtherType.
    """
    if at + 4 > end:
        return at, -LINK_CUT
    first = u8(data, at)
    if first == 0x0F or first == 0x8F:
        return at + 4, known_type(u16(data, at + 2))
    if first == 0xFF and u8(data, at + 1) == 3:
        at += 2
    protocol = u8(data, at)
    at += 1
    if protocol & 1 == 0:
        protocol = protocol << 8 | u8(data, at)
        at += 1
    if protocol == 0x21:
        return at, IPV4
    if protocol == 0x57:
        return at, IPV6
    if protocol == 0x281 or protocol == 0x283:
        return at, MPLS
    return at, -NOT_IP


@kernel(borrow=True, internal=True)
def llc_layer(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """IEEE 802.2 LLC at `at`, with SNAP (RFC 1042): (position, layer)."""
    if at + 3 > end:
        return at, -LINK_CUT
    sap = u16(data, at)
    if sap == 0x0606:  # IP's own SAP
        return at + 3, IPV4
    if sap != 0xAAAA:
        return at, -NOT_IP
    if at + 8 > end:
        return at, -LINK_CUT
    organisation = u32(data, at + 2) & 0xFFFFFF
    if organisation == 0 or organisation == 0xF8:  # encapsulated Ethernet, and IEEE 802.1H's bridge tunnel
        return at + 8, known_type(u16(data, at + 6))
    if organisation == 0x80C2:  # RFC 2684 bridged: 1 with FCS kept, 7 without, both with two bytes of padding
        return at + 10, ETHERNET if u16(data, at + 6) == 1 or u16(data, at + 6) == 7 else -NOT_IP
    return at, -NOT_IP


@kernel(borrow=True, internal=True)
def find_ip(data: Bytes, at: int, end: int, layer: int, kinds: Bytes) -> tuple[int, int, int]:
    """Walk from `layer` at `at` to an IP header: (position, outermost VLAN id, direction). `kinds`: KINDS.

    The position is at or before `end`, or minus a reason. Whether an IP header is there is for the caller to see. Linux
    cooked captures have a packet type: 0 to 2 to us, by broadcast or by multicast, 3 others' traffic, 4 sent by us.
    """
    tag = -1
    packet_type = 3
    found = -LINK_TOO_DEEP
    for _ in range(STEPS):
        if layer < 0:
            found = layer
            break
        kind = int(np.int64(kinds[layer]))
        if kind <= NOT_IP:
            found = -kind if kind else at
            break
        size = _SIZE[kind]
        if at + size > end:
            found = -LINK_CUT
            break
        at += size
        if kind < _FABRIC:
            layer = u16(data, at - size + _NEXT[kind])
            if layer < 0x600:  # a length, so LLC; in cooked captures 4 says LLC (ETH_P_802_2), others are no EtherTypes
                layer = LLC if layer == 4 or (kind != _SLL and kind != _SLL2) else -NOT_IP
            if kind == _TAG and tag < 0:
                tag = u16(data, at - 4) & 0xFFF
            elif kind == _SLL:
                packet_type = u16(data, at - 16)
            elif kind == _SLL2:
                packet_type = u8(data, at - 10)
        elif kind == _FABRIC:
            layer = ETHERNET
        elif kind == _NULL:
            family = u32(data, at - 4)
            if family & 0xFFFFFF == 0:  # in the byte order of whoever captured
                family >>= 24
            layer = _FAMILY[family] if family < 256 else 0
        elif kind == _MPLS:
            if u8(data, at - 2) & 1:  # the last label
                at, layer = after_labels(data, at, end)
        elif kind == _LLC:
            at, layer = llc_layer(data, at, end)
        else:  # PPP, also behind the header of PPPoE (RFC 2516)
            at, layer = ppp_layer(data, at, end)
    if found == -LINK_TOO_DEEP and layer < 0:
        found = layer
    direction = OUT if packet_type == 4 else IN if packet_type <= 2 else UNKNOWN
    return found, max(tag, 0), direction
