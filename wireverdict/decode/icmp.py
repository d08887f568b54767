"""ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, and the flow that an error quotes."""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.decode.network import AH, extensions
from wireverdict.headers import ICMP, ICMP6, QUOTED, TCP, UDP
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32, u64

MAPPED = np.uint64(0xFFFF00000000)
"""Upper half of the low word of an IPv4 address as ``::ffff:a.b.c.d``."""

SCTP, DCCP, UDP_LITE = 132, 33, 136


@kernel(borrow=True)
def quoted_flow(data: Bytes, at: int, end: int, row: Any) -> int:
    """The packet that begins at `at` inside an ICMP error, as far as captured: QUOTED, or 0 if its addresses are not
    whole.

    Lengths in it are not believed: hosts send it back with changed byte order. Ports stay 0 if they are not there (cut,
    or a fragment); of a quoted ICMP message the type and the code take their place.
    """
    if at + 20 > end:
        return 0
    version = u8(data, at) >> 4
    if version == 4:
        size = (u8(data, at) & 15) * 4
        if size < 20:
            return 0
        protocol = u8(data, at + 9)
        row["quoted_src_lo"] = MAPPED | np.uint64(u32(data, at + 12))
        row["quoted_dst_lo"] = MAPPED | np.uint64(u32(data, at + 16))
        transport = at + size
        first = u16(data, at + 6) & 0x1FFF == 0
        if first and protocol == AH and transport < end:
            protocol, transport, _, _ = extensions(data, transport, end, end, protocol)
    elif version == 6 and at + 40 <= end:
        row["quoted_src_hi"], row["quoted_src_lo"] = u64(data, at + 8), u64(data, at + 16)
        row["quoted_dst_hi"], row["quoted_dst_lo"] = u64(data, at + 24), u64(data, at + 32)
        protocol, transport, _, _ = extensions(data, at + 40, end, end, u8(data, at + 6))
        first = protocol >= 0
        if not first:  # a later fragment: its fragment header says what it is a part of
            protocol = u8(data, transport)
    else:
        return 0
    row["quoted_protocol"] = protocol
    if not first:
        return QUOTED
    if protocol == TCP or protocol == UDP or protocol == SCTP or protocol == DCCP or protocol == UDP_LITE:
        if transport + 4 <= end:
            row["quoted_sport"], row["quoted_dport"] = u16(data, transport), u16(data, transport + 2)
    elif (protocol == ICMP or protocol == ICMP6) and transport + 2 <= end:
        row["quoted_sport"], row["quoted_dport"] = u8(data, transport), u8(data, transport + 1)
    return QUOTED


@kernel(borrow=True)
def icmp_message(data: Bytes, at: int, end: int, row: Any) -> int:
    """Fill type and code and, for errors, quoted_* from the message at `at`; gives bits of `present`."""
    if at + 2 > end:
        return 0
    kind = u8(data, at)
    row["icmp_type"], row["icmp_code"] = kind, u8(data, at + 1)
    if row["protocol"] == ICMP6:
        error = 1 <= kind <= 4
    else:  # unreachable, source quench, redirect, time exceeded, parameter problem
        error = kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12
    return quoted_flow(data, at + 8, end, row) if error else 0
