"""From the first byte of a frame to the IP header: link types, tags, labels and shims.

The walk is a state machine over EtherTypes: each step reads one header, and says which EtherType comes next. What has
no EtherType of its own borrows one: Transparent Ethernet Bridging (0x6558) stands for an Ethernet header, 0x880B for
PPP, and numbers below 0x0600 (where the field is a length) for LLC and others.
"""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
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


@kernel(borrow=True)
def loopback_layer(family: int) -> int:
    """Layer by the address family of a NULL or LOOP header, which is in the byte order of whoever captured."""
    if family > 0xFFFF:
        family = family >> 24 | (family >> 8 & 0xFF00) | (family << 8 & 0xFF0000) | (family << 24 & 0xFF000000)
    # AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on
    # Darwin
    if family == 2:
        return IPV4
    if family == 10 or family == 23 or family == 24 or family == 28 or family == 30:
        return IPV6
    return 0


@kernel(borrow=True)
def known_type(layer: int) -> int:
    """An EtherType from the wire as a layer: numbers that are none must not be taken for the made-up ones."""
    return layer if layer >= 0x600 else -NOT_IP


@kernel(borrow=True)
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


@kernel(borrow=True)
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


@kernel(borrow=True)
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


@kernel(borrow=True)
def find_ip(data: Bytes, at: int, end: int, layer: int) -> tuple[int, int, int]:
    """Walk from `layer` at `at` to an IP header: (position, outermost VLAN id, direction).

    The position is at or before `end`, or minus a reason. Whether an IP header is there is for the caller to see. Linux
    cooked captures have a packet type: 0 to 2 to us, by broadcast or by multicast, 3 others' traffic, 4 sent by us.
    """
    tag = -1
    packet_type = 3
    found = -LINK_TOO_DEEP
    for _ in range(STEPS):
        if layer == IPV4 or layer == IPV6:
            found = at
            break
        size, following = 4, 2
        if layer == ETHERNET:
            size, following = 14, 12
        elif layer == 0x8100 or layer == 0x88A8 or layer == 0x9100 or layer == 0x9200 or layer == 0x9300:
            if tag < 0 and at + 4 <= end:
                tag = u16(data, at) & 0xFFF
        elif layer == SLL:
            size, following = 16, 14
            if at + 16 <= end:
                packet_type = u16(data, at)
        elif layer == SLL2:
            size, following = 20, 0
            if at + 20 <= end:
                packet_type = u8(data, at + 10)
        elif layer == MPLS or layer == 0x8848 or layer == NULL or layer == PPPOE:
            following = -1
            size = 6 if layer == PPPOE else 4
        elif layer == PPP:
            at, layer = ppp_layer(data, at, end)
            continue
        elif layer == LLC:
            at, layer = llc_layer(data, at, end)
            continue
        elif layer == 0x88E7:  # IEEE 802.1ah: service tag, then the customer's addresses
            size, following = 18, 16
        elif layer == 0x8903:  # Cisco FabricPath: a tag, then the whole Ethernet frame
            at, layer = at + 2, ETHERNET
            continue
        elif layer == 0x893F:  # IEEE 802.1BR E-tag
            size, following = 8, 6
        elif layer == 0x8926:  # Cisco VN-tag
            size, following = 6, 4
        else:
            found = layer if layer < 0 else -ARP if layer == 0x0806 or layer == 0x8035 else -NOT_IP
            break
        if at + size > end:
            found = -LINK_CUT
            break
        at += size
        if following >= 0:
            cooked = layer == SLL or layer == SLL2
            layer = u16(data, at - size + following)
            if layer < 0x600:  # a length, so LLC; in cooked captures 4 says LLC (ETH_P_802_2), others are no EtherTypes
                layer = LLC if not cooked or layer == 4 else -NOT_IP
        elif layer == NULL:
            layer = loopback_layer(u32(data, at - 4))
        elif layer == PPPOE:  # RFC 2516
            layer = PPP
        elif u8(data, at - 2) & 1:  # the last label
            at, layer = after_labels(data, at, end)
    if found == -LINK_TOO_DEEP and layer < 0:
        found = layer
    direction = OUT if packet_type == 4 else IN if packet_type <= 2 else UNKNOWN
    return found, max(tag, 0), direction
