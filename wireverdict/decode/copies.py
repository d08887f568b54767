"""Packets that were captured twice: two taps, or one that sees a packet come in and go out."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import COPY, HEADER, TCP, TCP_HEADER
from wireverdict.kernels import kernel, types

SIGHT = np.dtype([("print", "<u8"), ("seen", "<i8")])
"""A TCP packet that passed lately: what makes it itself; when it was seen, in steps of 256 ns, and in the lowest byte on which
side of a router."""
SIGHTS = 4096
"""Places for them, two for a fingerprint: few are lost to others within a millisecond, even of a million packets a second."""

HEADERS, SEEN = types.from_dtype(HEADER)[::1], types.from_dtype(SIGHT)[::1]
_MS = 1_000_000


@kernel(inline=True, borrow=True)
def fingerprint(row: Any) -> Any:
    """64 bits of all that a router leaves as it is and a later packet of the connection has otherwise."""
    numbers = (np.uint64(row["seq"]) << np.uint64(32)) | np.uint64(row["ack"])
    stamps = (np.uint64(row["tsval"]) << np.uint64(32)) | np.uint64(row["payload_length"])
    ports = (np.uint64(row["sport"]) << np.uint64(32)) | (np.uint64(row["dport"]) << np.uint64(16))
    h = row["src_lo"] * np.uint64(0x9E3779B97F4A7C15) + row["dst_lo"] * np.uint64(0xE7037ED1A0B428DB)
    h += numbers * np.uint64(0x8EBC6AF09C88C6E3) + stamps * np.uint64(0xA0761D6478BD642F)
    h += (ports | np.uint64(row["tcp_flags"])) * np.uint64(0x589965CC75374CC3)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return h ^ (h >> np.uint64(32)) | np.uint64(1)  # 0 is a place that nobody took


@kernel(types.void(HEADERS, SEEN, HEADERS), borrow=True)
def mark_copies(before: Any, seen: Any, rows: Any) -> None:
    """Set COPY in each of `rows` (HEADER[n]) that was captured before, too soon to have been sent again: within 1 ms.

    A copy is the row before it once more; or one of those before with another TTL, VLAN or direction, as where a router
    forwards and others pass meanwhile. What was sent again that fast, in a network of a few hundred microseconds, comes the
    way that the first one came.

    `before`: one row, the one before rows[0]; afterwards the last of `rows`. `seen`: SIGHT[SIGHTS], kept between calls.
    Whoever counts copies sees one shard of the packets only, so that it is told here, where all of them pass.
    """
    seq = before[0]["seq"]
    for i in range(len(rows)):
        row = rows[i]
        same = row["seq"] == seq
        seq = row["seq"]
        if not row["present"] & TCP_HEADER:
            continue
        mine = fingerprint(row)
        now = row["ts"] >> 8
        where = (np.int64(row["ttl"]) + 37 * np.int64(row["vlan"]) + 101 * np.int64(row["direction"])) & 255
        at = np.int64(mine & np.uint64(SIGHTS - 2))
        if seen[at]["print"] == mine or seen[at + 1]["print"] == mine:
            at += seen[at]["print"] != mine
            sight = seen[at]["seen"]
            if (sight & 255) != where and 0 <= now - (sight >> 8) < _MS >> 8:
                row["present"] |= COPY
                continue
        else:  # the older one of the two goes
            seen[at + 1]["print"], seen[at + 1]["seen"] = seen[at]["print"], seen[at]["seen"]
        # if it was sent again, what is seen of that elsewhere comes within 1 ms of now
        seen[at]["print"], seen[at]["seen"] = mine, (now << 8) | where
        if not same:
            continue  # nearly all
        last = rows[i - 1] if i else before[0]
        if (
            row["src_lo"] == last["src_lo"]
            and row["dst_lo"] == last["dst_lo"]
            and row["sport"] == last["sport"]
            and row["dport"] == last["dport"]
            and row["payload_length"] == last["payload_length"]
            and row["ack"] == last["ack"]
            and row["tsval"] == last["tsval"]
            and row["tcp_flags"] == last["tcp_flags"]
            and last["protocol"] == TCP
            and 0 <= row["ts"] - last["ts"] < _MS
        ):
            row["present"] |= COPY
    if len(rows):
        before[0] = rows[len(rows) - 1]
