"""Transport headers: TCP, UDP, UDP-Lite, SCTP and DCCP ports, ICMP, and how much payload follows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.icmp import PORTED
from wireverdict.decode.reasons import (
    TCP_OFFSET,
    TRANSPORT_CUT,
    TRANSPORT_SHORT,
    UDP_LENGTH,
)
from wireverdict.decode.tcp_options import tcp_options
from wireverdict.headers import CUT, FIRST_FRAGMENT, ICMP, ICMP6, PORTS, SUPER_PACKET, TCP, TCP_HEADER, UDP
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32

DCCP, SCTP, UDP_LITE = 33, 132, 136
_SIZE: NDArray[np.int64] = np.zeros(256, np.int64)
"""Bytes of the transport header, by protocol; 0 where it is not known or not always the same."""
_SIZE[[ICMP, ICMP6, UDP_LITE]] = 8
_SIZE[SCTP] = 12


@kernel(inline=True, borrow=True, internal=True)
def tcp_segment(data: Bytes, at: int, end: int, ip_end: int, row: Any, counts: Any) -> int:
    """TCP (RFC 9293) at `at`: bits of `present`.

    With 16 bytes captured seq, ack, flags and window are there; with 13 the payload's length is. A data offset that
    cannot be leaves the ports only, since no receiver takes such a segment.
    """
    captured = end - at
    if captured < 13:
        counts[TRANSPORT_CUT if at + 20 <= ip_end else TRANSPORT_SHORT] += 1
        return (PORTS if captured >= 4 else 0) | (CUT if at + 20 <= ip_end else 0)
    header = (u8(data, at + 12) >> 4) * 4
    if header < 20 or at + header > ip_end:
        counts[TRANSPORT_SHORT if at + 20 > ip_end else TCP_OFFSET] += 1
        return PORTS
    payload = at + header
    row["payload_length"] = ip_end - payload
    present = PORTS
    if captured >= 16:
        present |= TCP_HEADER
        row["seq"], row["ack"] = u32(data, at + 4), u32(data, at + 8)
        row["tcp_flags"] = u16(data, at + 12) & 0xFFF
        row["window"] = u16(data, at + 14)
    if payload > end:
        counts[TRANSPORT_CUT] += 1
        present |= CUT
    if header > 20 and captured > 20:
        more, flaw = tcp_options(data, at + 20, min(payload, end), payload, row)
        present |= more
        counts[flaw] += 1
    return present


@kernel(borrow=True, internal=True)
def udp_datagram(data: Bytes, at: int, end: int, ip_end: int, known: int, row: Any, counts: Any) -> int:
    """UDP (RFC 768) at `at`; `known`: bits of `present` so far. Gives further bits.

    The length field counts where it fits into the IP packet; 0 is right for jumbograms (RFC 2675) and offloaded packets
    only.
    """
    if at + 8 > ip_end:
        counts[TRANSPORT_SHORT] += 1
        return PORTS if at + 4 <= end else 0
    payload_end = ip_end
    if at + 6 <= end:
        length = u16(data, at + 4)
        if length >= 8 and at + length <= ip_end:
            payload_end = at + length
        elif known & FIRST_FRAGMENT == 0 and (length != 0 or known & SUPER_PACKET == 0):
            counts[UDP_LENGTH] += 1
    row["payload_length"] = payload_end - at - 8
    if at + 8 > end:
        counts[TRANSPORT_CUT] += 1
        return (PORTS if at + 4 <= end else 0) | CUT
    return PORTS


@kernel(inline=True, borrow=True, internal=True)
def transport(data: Bytes, at: int, end: int, ip_end: int, known: int, row: Any, counts: Any) -> int:
    """Read the header of ``row["protocol"]`` at `at`: further bits of `present`. ICMP has a function of its own.

    `end`: where captured bytes of this packet end; `ip_end`: where the packet ended on the wire. Counts flaws, writes
    no row fields but those of the transport header, payload_length included (0 where the length of the header is not
    known).
    """
    protocol = row["protocol"]
    present = 0
    if PORTED[protocol] and at + 4 <= end:
        row["sport"], row["dport"] = u16(data, at), u16(data, at + 2)
        present = PORTS
    if protocol == TCP:
        return tcp_segment(data, at, end, ip_end, row, counts)
    if protocol == UDP:
        return udp_datagram(data, at, end, ip_end, known, row, counts)
    header = _SIZE[protocol]
    if protocol == DCCP:
        header = u8(data, at + 4) * 4 if at + 5 <= end else 0
        if header < 12 or at + header > ip_end:
            header = max(ip_end - at, 12)
    if at + header > ip_end:
        counts[TRANSPORT_SHORT] += 1
    else:
        row["payload_length"] = ip_end - at - header
        if header and at + header > end:
            counts[TRANSPORT_CUT] += 1
            present |= CUT
    return present
