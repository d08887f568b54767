"""IPv4 and IPv6 headers, extension headers and fragments.

Ends come in pairs: `end` is where the captured bytes end and bounds every read; `wire_end` is where the frame (or the
packet around this one) ended on the wire. IPv4 header checksums are not verified: offloading leaves them unset on
hosts.
"""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
from __future__ import annotations

from wireverdict.decode.reasons import FRAGMENT, IP6_EXTENSION, IP_CUT, IP_HEADER_LENGTH, IP_TOTAL_LENGTH, IP_VERSION
from wireverdict.headers import FIRST_FRAGMENT, IPV6, SUPER_PACKET
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32

HOP_BY_HOP, ROUTING, FRAGMENT_HEADER, AH, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = 16
PADDING = 46
"""Bytes behind an IPv6 header without payload that may still be padding: the shortest payload of Ethernet."""


@kernel(borrow=True, internal=True)
def extensions(data: Bytes, at: int, end: int, ip_end: int, protocol: int) -> tuple[int, int, int, int]:
    """Walk extension headers (RFC 8200 section 4; AH, RFC 4302, also under IPv4) from `at`.

    Gives (protocol, position, bits of `present`, flaw). The walk stops with the extension's own number as the protocol
    where the captured bytes end (no flaw), or where the chain leaves the packet or is longer than 16 (IP6_EXTENSION).
    A fragment that is not the first gives minus FRAGMENT.
    """
    present = 0
    for _ in range(EXTENSIONS):
        if protocol == HOP_BY_HOP or protocol == ROUTING or protocol == DESTINATION:
            unit, extra = 8, 1
        elif protocol == AH:
            unit, extra = 4, 2
        elif protocol == FRAGMENT_HEADER:
            unit, extra = 0, 0
        else:
            return protocol, at, present, 0
        if at + 8 > ip_end:
            return protocol, at, present, IP6_EXTENSION
        if at + 8 > end:
            return protocol, at, present, 0
        size = 8
        if protocol == FRAGMENT_HEADER:
            position = u16(data, at + 2)
            if position >= 8:
                return -FRAGMENT, at, present, 0
            if position & 1:
                present |= FIRST_FRAGMENT
        else:
            size = (u8(data, at + 1) + extra) * unit
            if at + size > ip_end:
                return protocol, at, present, IP6_EXTENSION
            if at + size > end:
                return protocol, at, present, 0
        protocol = u8(data, at)
        at += size
    return protocol, at, present, IP6_EXTENSION


@kernel(borrow=True, internal=True)
def jumbo_length(data: Bytes, at: int, end: int) -> int:
    """Payload length by the jumbo payload option (RFC 2675) of a hop-by-hop header at `at`; 0 without."""
    if at + 8 > end:
        return 0
    stop = min(at + (u8(data, at + 1) + 1) * 8, end)
    at += 2
    while at + 6 <= stop:
        kind = u8(data, at)
        if kind == 0xC2:
            return u32(data, at + 2)
        at += 1 if kind == 0 else 2 + u8(data, at + 1)
    return 0


@kernel(inline=True, borrow=True, internal=True)
def ip_packet(data: Bytes, at: int, end: int, wire_end: int) -> tuple[int, int, int, int, int]:
    """Read the IP header at `at`: (protocol, transport position, end of the packet on the wire, bits of `present`,
    flaw).

    `protocol` is minus a reason if there is no usable header. The transport position may lie behind `end`. A total
    length of 0 (segmentation offload) means that the packet is as long as the frame, and so does an IPv6 payload length
    of 0 where more follows than padding; the jumbo payload option says itself how long the packet is.
    """
    if at >= end:
        return -IP_CUT, at, at, 0, 0
    version = u8(data, at) >> 4
    if version == 4:
        if at + 20 > end:
            return -IP_CUT, at, at, 0, 0
        size = (u8(data, at) & 15) * 4
        if size < 20:
            return -IP_HEADER_LENGTH, at, at, 0, 0
        total = u16(data, at + 2)
        present = 0
        ip_end = at + total
        if total == 0:
            present = SUPER_PACKET
            ip_end = max(wire_end, at + size)
        elif total < size:
            return -IP_TOTAL_LENGTH, at, at, 0, 0
        position = u16(data, at + 6)
        if position & 0x1FFF:
            return -FRAGMENT, at, ip_end, 0, 0
        if position & 0x2000:
            present |= FIRST_FRAGMENT
        protocol = u8(data, at + 9)
        if protocol == AH:
            protocol, transport, _, flaw = extensions(data, at + size, end, ip_end, protocol)
            return protocol, transport, ip_end, present, flaw
        return protocol, at + size, ip_end, present, 0
    if version != 6:
        return -IP_VERSION, at, at, 0, 0
    if at + 40 > end:
        return -IP_CUT, at, at, 0, 0
    payload = u16(data, at + 4)
    protocol = u8(data, at + 6)
    present = IPV6
    ip_end = at + 40 + payload
    if payload == 0:
        jumbo = jumbo_length(data, at + 40, end) if protocol == HOP_BY_HOP else 0
        if jumbo > 0xFFFF:
            present |= SUPER_PACKET
            ip_end = at + 40 + jumbo
        elif wire_end - ip_end > PADDING:
            present |= SUPER_PACKET
            ip_end = wire_end
    protocol, transport, more, flaw = extensions(data, at + 40, end, ip_end, protocol)
    return protocol, transport, ip_end, present | more, flaw
