"""ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, and the flow that an error quotes."""

# ruff: noqa: SIM109 (numba compiles a function of its own for each `in (…)`)
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.network import AH, extensions
from wireverdict.headers import ICMP, ICMP6, QUOTED
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32, u64

MAPPED = np.uint64(0xFFFF00000000)
"""Upper half of the low word of an IPv4 address as ``::ffff:a.b.c.d``."""

PORTED: NDArray[np.bool_] = np.zeros(256, np.bool_)
"""Protocols that begin with two ports: TCP, UDP, DCCP, SCTP and UDP-Lite."""
PORTED[[6, 17, 33, 132, 136]] = True


@kernel(borrow=True, internal=True)
def icmp_message(data: Bytes, at: int, end: int, row: Any) -> int:
    """Fill type and code and, for errors, quoted_* from the message at `at`; gives bits of `present`.

    QUOTED if the addresses of the quoted packet are whole. Lengths in it are not believed: hosts send it back with
    changed byte order. Ports stay 0 if they are not there (cut, or a fragment); of a quoted ICMP message the type and
    the code take their place.
    """
    if at + 2 > end:
        return 0
    kind = u8(data, at)
    row["icmp_type"], row["icmp_code"] = kind, u8(data, at + 1)
    if row["protocol"] == ICMP6:
        error = 1 <= kind <= 4
    else:  # unreachable, source quench, redirect, time exceeded, parameter problem
        error = kind == 3 or kind == 4 or kind == 5 or kind == 11 or kind == 12
    at += 8
    if not error or at + 20 > end:
        return 0
    first = True
    version = u8(data, at) >> 4
    if version == 4:
        size = (u8(data, at) & 15) * 4
        if size < 20:
            return 0
        protocol = u8(data, at + 9)
        row["quoted_src_lo"] = MAPPED | np.uint64(u32(data, at + 12))
        row["quoted_dst_lo"] = MAPPED | np.uint64(u32(data, at + 16))
        first = u16(data, at + 6) & 0x1FFF == 0
        at += size
    elif version == 6 and at + 40 <= end:
        row["quoted_src_hi"], row["quoted_src_lo"] = u64(data, at + 8), u64(data, at + 16)
        row["quoted_dst_hi"], row["quoted_dst_lo"] = u64(data, at + 24), u64(data, at + 32)
        protocol = u8(data, at + 6)
        at += 40
    else:
        return 0
    if version == 6 or (first and protocol == AH):
        protocol, at, _, _ = extensions(data, at, end, end, protocol)
        if protocol < 0:  # a later fragment: its fragment header says what it is a part of
            first = False
            protocol = u8(data, at)
    row["quoted_protocol"] = protocol
    if not first:
        return QUOTED
    if PORTED[protocol]:
        if at + 4 <= end:
            row["quoted_sport"], row["quoted_dport"] = u16(data, at), u16(data, at + 2)
    elif (protocol == ICMP or protocol == ICMP6) and at + 2 <= end:
        row["quoted_sport"], row["quoted_dport"] = u8(data, at), u8(data, at + 1)
    return QUOTED
