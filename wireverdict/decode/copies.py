"""Packets that were captured twice: two taps, or one that sees a packet come in and go out."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.headers import COPY, HEADER, TCP_HEADER
from wireverdict.kernels import kernel, types

SIGHT = np.dtype([("print", "<u8"), ("seen", "<i8"), ("id", "<u8")])
"""A TCP packet that passed lately: what makes it itself; when it was seen, in steps of 256 ns, and in the lowest byte on which
side of a router; the identification of its IP header."""
SIGHTS = 4096
"""Places for them, two for a fingerprint: few are lost to others within a millisecond, even of a million packets a second."""

HEADERS, SEEN = types.from_dtype(HEADER)[::1], types.from_dtype(SIGHT)[::1]
_MS = 1_000_000
_AT_ONCE = 20_000
"""ns: no round trip between hosts is that short, so nothing is sent again for want of an answer."""


@kernel(inline=True, borrow=True)
def fingerprint(row: Any) -> Any:
    """64 bits of all that a router leaves as it is and a later packet of the connection has otherwise."""
    numbers = (np.uint64(row["seq"]) << np.uint64(32)) | np.uint64(row["ack"])
    stamps = (np.uint64(row["tsval"]) << np.uint64(32)) | np.uint64(row["payload_length"])
    ports = (np.uint64(row["sport"]) << np.uint64(32)) | (np.uint64(row["dport"]) << np.uint64(16))
    h = row["src_lo"] * np.uint64(0x9E3779B97F4A7C15) + row["dst_lo"] * np.uint64(0xE7037ED1A0B428DB)
    h += numbers * np.uint64(0x8EBC6AF09C88C6E3) + stamps * np.uint64(0xA0761D6478BD642F)
    h += (ports | np.uint64(row["tcp_flags"])) * np.uint64(0x589965CC75374CC3)
    h += ((np.uint64(row["sack1_right"]) << np.uint64(32)) | np.uint64(row["window"])) * np.uint64(0xEB44ACCAB455D165)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return h ^ (h >> np.uint64(32)) | np.uint64(1)  # 0 is a place that nobody took


@kernel(types.void(SEEN, HEADERS, types.uint16[::1]), borrow=True)
def mark_copies(seen: Any, rows: Any, ids: Any) -> None:
    """Set COPY in each of `rows` (HEADER[n]) that was captured before, too soon to have been sent again: within 1 ms.

    A copy has another TTL, VLAN or direction, as where a router forwards, or the same identification, as where a switch
    shows what comes in and what goes out; others may pass meanwhile. What was sent again that fast, in a network of a few
    hundred microseconds, comes the way that the first one came, and has a number of its own. Where the number is 0 (RFC
    6864 allows it where fragmentation is forbidden, and IPv6 has none) data are a copy right after the first ones, or
    within 20 µs of them; duplicate ACKs are all alike, and none.

    `seen`: SIGHT[SIGHTS + 1], zero at first and kept between calls. `ids`: uint16[n or more], the identification of IPv4
    headers, else 0. Whoever counts copies sees one shard of the packets only, so that it is told here, where all pass.
    """
    before = seen[SIGHTS]["print"]  # of the packet before, 0 if it was no whole TCP packet
    for i in range(len(rows)):
        row = rows[i]
        if not row["present"] & TCP_HEADER:
            before = np.uint64(0)
            continue
        mine = fingerprint(row)
        now = row["ts"] >> 8
        where = (np.int64(row["ttl"]) + 37 * np.int64(row["vlan"]) + 101 * np.int64(row["direction"])) & 255
        at = np.int64(mine & np.uint64(SIGHTS - 2))
        again = before == mine
        before = mine
        if seen[at]["print"] == mine or seen[at + 1]["print"] == mine:
            at += seen[at]["print"] != mine
            sight = seen[at]["seen"]
            within = 0
            if (sight & 255) != where or (ids[i] != 0 and seen[at]["id"] == ids[i]):
                within = _MS
            elif seen[at]["id"] == ids[i] and row["payload_length"]:
                within = _MS if again else _AT_ONCE
            if 0 <= now - (sight >> 8) < within >> 8:
                row["present"] |= COPY
                continue
        else:  # the older one of the two goes
            seen[at + 1]["print"], seen[at + 1]["seen"] = seen[at]["print"], seen[at]["seen"]
            seen[at + 1]["id"] = seen[at]["id"]
        # if it was sent again, what is seen of that elsewhere comes within 1 ms of now
        seen[at]["print"], seen[at]["seen"], seen[at]["id"] = mine, (now << 8) | where, ids[i]
    seen[SIGHTS]["print"] = before
