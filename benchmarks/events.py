"""One packet of a simulated connection, and how it is written down: shared by everything that simulates."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel

EVENT = np.dtype(
    [
        ("ts", "<i8"),  # ns at the capture point
        ("conn", "<i4"),
        ("seq", "<u4"),  # relative to the sender's ISN; DNS: transaction id
        ("ack", "<u4"),  # relative to the peer's ISN
        ("tsval", "<u4"),
        ("tsecr", "<u4"),
        ("sack_left", "<u4"),  # relative to the peer's ISN; both 0 for none
        ("sack_right", "<u4"),
        ("length", "<u2"),  # payload
        ("window", "<u2"),
        ("flags", "u1"),
        ("server", "u1"),  # 1 if sent by the server
    ],
    align=True,
)

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
MS = 1_000_000
WINDOW = 501


@kernel(borrow=True)
def dice(state: Any) -> Any:
    """The next number in [0, 1) (splitmix64)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) / 9007199254740992.0


@kernel(borrow=True)
def tick_of(base: Any, c: Any, moment: Any) -> Any:
    """TSval of a host whose clock showed `base` when the connection began: milliseconds."""
    return (np.int64(base) + (moment - c.start) // MS) & 0xFFFFFFFF


@kernel(borrow=True)
def header_bytes(c: Any, flags: Any, sack: bool) -> Any:
    """IP and TCP header of a segment."""
    options = 12 if c.timestamps else 0
    if flags & SYN:
        options = 20  # MSS, SACK permitted, timestamps (or padding), window scale
    if sack:
        options += 12
    return (40 if c.ipv6 else 20) + 20 + options


@kernel(borrow=True)
def emit(
    out: Any,
    n: Any,
    c: Any,
    conn: Any,
    sent: Any,
    server: Any,
    flags: Any,
    seq: Any,
    ack: Any,
    length: Any,
    window: Any,
    echo: Any,
    sack_left: Any,
    sack_right: Any,
    extra: Any,
) -> Any:
    """Write one TCP packet that left its sender at `sent` (ns) and passed the capture point `extra` ns late."""
    half = c.rtt // 2
    e = out[n]
    e.ts = sent + extra + np.int64(half * ((1.0 - c.place) if server else c.place))
    e.conn = conn
    e.seq = np.uint32(seq)
    e.ack = np.uint32(ack)
    e.length = length
    e.window = window
    e.flags = flags
    e.server = server
    if c.timestamps:
        e.tsval = tick_of(c.tick_server if server else c.tick_client, c, sent)
        e.tsecr = echo
    else:
        e.tsval = 0
        e.tsecr = 0
    e.sack_left = np.uint32(sack_left)
    e.sack_right = np.uint32(sack_right)
    size = np.uint64(header_bytes(c, flags, sack_right != 0) + length)
    if server:
        c.server.packets += np.uint32(1)
        c.server.bytes += size
        c.server.payload += np.uint64(length)
    else:
        c.client.packets += np.uint32(1)
        c.client.bytes += size
        c.client.payload += np.uint64(length)
    c.first = min(c.first, e.ts) if c.first else e.ts
    c.last = max(c.last, e.ts)
    return n + 1


@kernel(borrow=True)
def datagram(out: Any, n: Any, c: Any, conn: Any, sent: Any, server: Any, number: Any, length: Any) -> Any:
    """Write one DNS message."""
    e = out[n]
    e.ts = sent + np.int64((c.rtt // 2) * ((1.0 - c.place) if server else c.place))
    e.conn = conn
    e.seq = number
    e.length = length
    e.server = server
    size = np.uint64((40 if c.ipv6 else 20) + 8 + length)
    if server:
        c.server.packets += np.uint32(1)
        c.server.bytes += size
        c.server.payload += np.uint64(length)
    else:
        c.client.packets += np.uint32(1)
        c.client.bytes += size
        c.client.payload += np.uint64(length)
    c.first = min(c.first, e.ts) if c.first else e.ts
    c.last = max(c.last, e.ts)
    return n + 1
