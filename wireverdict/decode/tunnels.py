"""Tunnels: where the inner IP packet begins.

IP in IP (RFC 2003, RFC 4213), GRE (RFC 2784, 2890; ERSPAN I to III, NVGRE, PPTP's version 1 of RFC 2637), EtherIP (RFC
3378), MPLS in IP (RFC 4023), SRv6's Ethernet (RFC 8986), VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281),
Teredo (RFC 4380), GRE and MPLS in UDP (RFC 8086, RFC 7510). Those over UDP are known by their port alone, so what they
seem to carry has to prove itself: see `fast.decode_frames`.
"""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
from __future__ import annotations

from wireverdict.decode.link import ETHERNET, IPV4, MPLS, PPP, known_type
from wireverdict.headers import UDP
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16

DEPTH = 4
GRE_IN_UDP, MPLS_IN_UDP = 4754, 6635
VXLAN, VXLAN_LINUX, GENEVE, GTP_U, TEREDO, VXLAN_GPE = 4789, 8472, 6081, 2152, 3544, 4790
IPIP, IPV6_IN_IP, GRE, ETHERIP, MPLS_IN_IP, ETHERNET_IN_IP = 4, 41, 47, 97, 137, 143


@kernel(borrow=True, internal=True)
def gre_payload(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(position, layer) of what a GRE header at `at` carries; position -1 for none."""
    if at + 4 > end:
        return -1, 0
    flags = u16(data, at)
    layer = known_type(u16(data, at + 2))
    at += 4
    if flags & 7 == 1:  # PPTP: payload length and call id, then sequence and acknowledgment if their bits are set
        at += 4 + (4 if flags & 0x1000 else 0) + (4 if flags & 0x0080 else 0)
        return (at, PPP) if layer == PPP and at <= end else (-1, 0)
    if flags & 0x4007:  # other versions; routing (RFC 1701), which RFC 2784 took away
        return -1, 0
    at += (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
    if layer == 0x88BE:  # ERSPAN: type II has a sequence number and a header, type I has neither
        if flags & 0x1000:
            at += 8
        layer = ETHERNET
    elif layer == 0x22EB:  # ERSPAN type III; its last bit says that a platform-specific part follows
        if at + 12 > end:
            return -1, 0
        at += 20 if u8(data, at + 11) & 1 else 12
        layer = ETHERNET
    elif layer == 0x883E:  # WCCP, with a redirect header unless an IPv4 header follows at once
        if at < end and u8(data, at) >> 4 != 4:
            at += 4
        layer = IPV4
    return (at, layer) if at <= end else (-1, 0)


@kernel(borrow=True, internal=True)
def gtp_payload(data: Bytes, at: int, end: int) -> int:
    """Position of the user's packet in a GTP-U message at `at`; -1 for none."""
    if at + 8 > end or u8(data, at) >> 4 != 3 or u8(data, at + 1) != 255:
        return -1
    flags = u8(data, at)
    at += 8
    if flags & 7 == 0:
        return at
    if at + 4 > end:
        return -1
    following = u8(data, at + 3) if flags & 4 else 0
    at += 4
    for _ in range(16):
        if following == 0:
            return at
        if at >= end:
            return -1
        size = u8(data, at) * 4
        if size == 0 or at + size > end:
            return -1
        at += size
        following = u8(data, at - 1)
    return -1


@kernel(borrow=True, internal=True)
def teredo_payload(data: Bytes, at: int, end: int) -> int:
    """Position of the IPv6 packet in a Teredo message, after authentication and origin indication; -1 for none."""
    if at + 4 <= end and u16(data, at) == 1:
        at += 13 + u8(data, at + 2) + u8(data, at + 3)
    if at + 8 <= end and u16(data, at) == 0:
        at += 8
    return at if at + 40 <= end and u8(data, at) >> 4 == 6 else -1


@kernel(borrow=True, internal=True)
def udp_payload(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(position, layer) of what a UDP datagram whose header is at `at` tunnels, by its ports; position -1 for none."""
    if at + 16 > end:
        return -1, 0
    sport, dport = u16(data, at), u16(data, at + 2)
    at += 8
    if dport == VXLAN or dport == VXLAN_LINUX:
        return (at + 8, ETHERNET) if u8(data, at) & 8 else (-1, 0)
    if dport == GRE_IN_UDP:
        return gre_payload(data, at, end)
    if dport == MPLS_IN_UDP:
        return at, MPLS
    if dport == VXLAN_GPE and u8(data, at) & 8:
        following = u8(data, at + 3)
        if following == 0 or following == 3:
            return at + 8, ETHERNET
        if following == 5:
            return at + 8, MPLS
        return (at + 8, IPV4) if following <= 2 else (-1, 0)
    if dport == GENEVE:
        behind = at + 8 + (u8(data, at) & 63) * 4
        return (behind, known_type(u16(data, at + 2))) if u8(data, at) >> 6 == 0 and behind <= end else (-1, 0)
    if dport == GTP_U or sport == GTP_U:
        return gtp_payload(data, at, end), IPV4
    if dport == TEREDO or sport == TEREDO:
        return teredo_payload(data, at, end), IPV4
    return -1, 0


@kernel(borrow=True, internal=True)
def tunnel_payload(data: Bytes, protocol: int, at: int, end: int) -> tuple[int, int]:
    """(position, layer) of what a packet whose transport header, of `protocol`, is at `at` carries; position -1 for
    none."""
    if protocol == UDP:
        return udp_payload(data, at, end)
    if protocol == GRE:
        return gre_payload(data, at, end)
    if protocol == IPIP or protocol == IPV6_IN_IP:
        return at, IPV4
    if protocol == ETHERIP:
        return at + 2, ETHERNET
    if protocol == MPLS_IN_IP:
        return at, MPLS
    if protocol == ETHERNET_IN_IP:
        return at, ETHERNET
    return -1, 0
