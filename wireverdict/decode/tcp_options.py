"""TCP options (RFC 9293, 3.2): MSS, window scale and timestamps (RFC 7323), SACK (RFC 2018), DSACK (RFC 2883)."""

from __future__ import annotations

from typing import Any

from wireverdict.decode.reasons import TCP_OPTIONS
from wireverdict.headers import ACK, DSACK, MSS, SACK1, SACK2, SACK_PERMITTED, SYN, TIMESTAMPS, WINDOW_SCALE
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes, u8, u16, u32

MOST_SCALE = 14


@kernel(inline=True, borrow=True, internal=True)
def at_or_below(left: int, right: int) -> bool:
    """Whether sequence number `left` is at or before `right`, modulo 2**32 (RFC 9293 section 3.4)."""
    return (right - left) & 0xFFFFFFFF < 0x80000000


@kernel(borrow=True, internal=True)
def sack_blocks(data: Bytes, at: int, count: int, row: Any) -> int:
    """Store the first two of `count` blocks at `at`; gives their bits and DSACK.

    A duplicate is reported by a first block wholly at or below the cumulative ACK, or inside the second (RFC 2883
    section 4).
    """
    left, right = u32(data, at), u32(data, at + 4)
    row["sack1_left"], row["sack1_right"] = left, right
    present = SACK1
    if row["tcp_flags"] & ACK and at_or_below(right, row["ack"]):
        present |= DSACK
    if count > 1:
        outer_left, outer_right = u32(data, at + 8), u32(data, at + 12)
        row["sack2_left"], row["sack2_right"] = outer_left, outer_right
        present |= SACK2
        if at_or_below(outer_left, left) and at_or_below(right, outer_right):
            present |= DSACK
    return present


@kernel(inline=True, borrow=True, internal=True)
def tcp_options(data: Bytes, at: int, end: int, whole: int, row: Any) -> tuple[int, int]:
    """Read options from `at` to `end`; `whole` is where they end on the wire. Gives (bits of `present`, flaw).

    Options of a kind that is known but with a length that is not are passed over. The last one of a kind wins, except
    SACK, where the first does. MSS, window scale and SACK-permitted count on SYN only; a scale over 14 is 14 (RFC 7323,
    2.3).
    """
    if whole - at == 12 and at + 12 <= end and u32(data, at) == 0x0101080A:  # what nearly all segments carry
        row["tsval"], row["tsecr"] = u32(data, at + 4), u32(data, at + 8)
        return TIMESTAMPS, 0
    present = 0
    syn = row["tcp_flags"] & SYN
    while at < end:
        kind = u8(data, at)
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 2 > whole:
            return present, TCP_OPTIONS
        if at + 2 > end:
            break
        size = u8(data, at + 1)
        if size < 2 or at + size > whole:
            return present, TCP_OPTIONS
        if at + size > end:
            break
        if kind == 8 and size == 10:
            row["tsval"], row["tsecr"] = u32(data, at + 2), u32(data, at + 6)
            present |= TIMESTAMPS
        elif kind == 5 and size >= 10 and size & 7 == 2 and present & SACK1 == 0:
            present |= sack_blocks(data, at + 2, size >> 3, row)
        elif syn and kind == 2 and size == 4:
            row["mss"] = u16(data, at + 2)
            present |= MSS
        elif syn and kind == 3 and size == 3:
            row["wscale"] = min(u8(data, at + 2), MOST_SCALE)
            present |= WINDOW_SCALE
        elif syn and kind == 4 and size == 2:
            present |= SACK_PERMITTED
        at += size
    return present, 0
