"""From simulated packets to bytes: Ethernet, IPv4 or IPv6, TCP or UDP with true checksums, cut at a snap length."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.events import ACK, EVENT, SYN
from benchmarks.plan import CONN, UDP
from wireverdict.kernels import kernel, types

RECORD = 16
CHUNK = 200_000  # packets


def file_header(snap: int) -> bytes:
    """A pcap file header: little endian, microseconds, Ethernet."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, 1)


@kernel(borrow=True)
def put16(b: Any, i: Any, value: Any) -> None:
    b[i] = (value >> 8) & 255
    b[i + 1] = value & 255


@kernel(borrow=True)
def put32(b: Any, i: Any, value: Any) -> None:
    put16(b, i, (value >> 16) & 0xFFFF)
    put16(b, i + 2, value & 0xFFFF)


@kernel(borrow=True)
def put64(b: Any, i: Any, value: Any) -> None:
    put32(b, i, np.int64(value >> np.uint64(32)))
    put32(b, i + 4, np.int64(value & np.uint64(0xFFFFFFFF)))


@kernel(borrow=True)
def put_little(b: Any, i: Any, value: Any) -> None:
    for k in range(4):
        b[i + k] = (value >> (8 * k)) & 255


@kernel(borrow=True)
def total(b: Any, start: Any, end: Any, carry: Any) -> Any:
    """Sum of 16-bit words for the Internet checksum (RFC 1071)."""
    i = start
    while i + 1 < end:
        carry += (np.int64(b[i]) << 8) | np.int64(b[i + 1])
        i += 2
    if i < end:
        carry += np.int64(b[i]) << 8
    return carry


@kernel(borrow=True)
def folded(carry: Any) -> Any:
    while carry >> 16:
        carry = (carry & 0xFFFF) + (carry >> 16)
    return (~carry) & 0xFFFF


@kernel(borrow=True)
def ip_header(b: Any, c: Any, server: Any, number: Any, length: Any) -> Any:
    """Write an IP header at 14 for a transport packet of `length` bytes; gives where the transport header starts."""
    b[12], b[13] = (0x86, 0xDD) if c.ipv6 else (8, 0)
    if c.ipv6:
        put32(b, 14, 0x60000000)
        put16(b, 18, length)
        b[20] = c.protocol
        b[21] = 64
        put64(b, 22, c.dst_hi if server else c.src_hi)
        put64(b, 30, c.dst_lo if server else c.src_lo)
        put64(b, 38, c.src_hi if server else c.dst_hi)
        put64(b, 46, c.src_lo if server else c.dst_lo)
        return 54
    b[14], b[15] = 0x45, 0
    put16(b, 16, 20 + length)
    put16(b, 18, number & 0xFFFF)
    put16(b, 20, 0x4000)
    b[22], b[23] = 64, c.protocol
    put16(b, 24, 0)
    low = np.uint64(0xFFFFFFFF)
    put32(b, 26, np.int64((c.dst_lo if server else c.src_lo) & low))
    put32(b, 30, np.int64((c.src_lo if server else c.dst_lo) & low))
    put16(b, 24, folded(total(b, 14, 34, 0)))
    return 34


@kernel(borrow=True)
def tcp_header(b: Any, at: Any, c: Any, e: Any) -> Any:
    """Write a TCP header; gives its length."""
    mine, peer = (c.isn_server, c.isn_client) if e.server else (c.isn_client, c.isn_server)
    put16(b, at, c.dport if e.server else c.sport)
    put16(b, at + 2, c.sport if e.server else c.dport)
    put32(b, at + 4, (np.int64(mine) + np.int64(e.seq)) & 0xFFFFFFFF)
    put32(b, at + 8, (np.int64(peer) + np.int64(e.ack)) & 0xFFFFFFFF if e.flags & ACK else 0)
    b[at + 13] = e.flags
    put16(b, at + 14, e.window)
    put16(b, at + 16, 0)
    put16(b, at + 18, 0)
    o = at + 20
    if e.flags & SYN:
        b[o], b[o + 1] = 2, 4
        put16(b, o + 2, 1440 if c.ipv6 else 1460)
        if c.timestamps:
            b[o + 4], b[o + 5], b[o + 6], b[o + 7] = 4, 2, 8, 10
            put32(b, o + 8, e.tsval)
            put32(b, o + 12, e.tsecr)
        else:
            for i in range(o + 4, o + 16):
                b[i] = 1
            b[o + 14], b[o + 15] = 4, 2
        b[o + 16], b[o + 17], b[o + 18], b[o + 19] = 1, 3, 3, 7
        o += 20
    elif c.timestamps:
        b[o], b[o + 1], b[o + 2], b[o + 3] = 1, 1, 8, 10
        put32(b, o + 4, e.tsval)
        put32(b, o + 8, e.tsecr)
        o += 12
    if e.sack_right:
        b[o], b[o + 1], b[o + 2], b[o + 3] = 1, 1, 5, 10
        put32(b, o + 4, (np.int64(peer) + np.int64(e.sack_left)) & 0xFFFFFFFF)
        put32(b, o + 8, (np.int64(peer) + np.int64(e.sack_right)) & 0xFFFFFFFF)
        o += 12
    b[at + 12] = ((o - at) // 4) << 4
    return o - at


@kernel(borrow=True)
def dns_message(b: Any, at: Any, c: Any, e: Any) -> None:
    """UDP header and a query or answer for h########.example.com, type A."""
    put16(b, at, 53 if e.server else c.sport)
    put16(b, at + 2, c.sport if e.server else 53)
    put16(b, at + 4, 8 + e.length)
    put16(b, at + 6, 0)
    m = at + 8
    put16(b, m, e.seq)
    put16(b, m + 2, 0x8180 if e.server else 0x0100)
    put16(b, m + 4, 1)
    put16(b, m + 6, 1 if e.server else 0)
    put32(b, m + 8, 0)
    b[m + 12], b[m + 13] = 9, 104  # "h" and eight hexadecimal digits
    for i in range(8):
        digit = np.int64((c.random >> np.uint64(16 + 4 * i)) & np.uint64(15))
        b[m + 14 + i] = digit + (48 if digit < 10 else 87)
    tail = b"\x07example\x03com\x00\x00\x01\x00\x01"
    for i in range(len(tail)):
        b[m + 22 + i] = tail[i]
    if e.server:
        answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc0\x00\x02\x01"
        for i in range(len(answer)):
            b[m + 39 + i] = answer[i]


@kernel(borrow=True)
def checksum(b: Any, at: Any, end: Any, c: Any, field: Any, length: Any) -> None:
    """Fill a TCP or UDP checksum: what is not in the buffer is zeros and adds nothing."""
    start = 22 if c.ipv6 else 26
    carry = total(b, start, at, np.int64(c.protocol) + length)
    value = folded(total(b, at, end, carry))
    put16(b, field, value if value or c.protocol != UDP else 0xFFFF)


@kernel(
    types.int64(
        types.from_dtype(EVENT)[::1],
        types.from_dtype(CONN)[::1],
        types.int64,
        types.int64,
        types.uint8[::1],
        types.uint8[::1],
    ),
    borrow=True,
)
def encode(events: Any, rows: Any, first_number: Any, snap: Any, out: Any, b: Any) -> Any:
    """Write pcap records of `events` to `out` (uint8, zeroed); gives the bytes used. `b`: room for 256 bytes."""
    used = 0
    for i in range(len(events)):
        e: Any = events[i]
        c: Any = rows[e.conn]
        b[:] = 0
        b[0], b[5], b[6], b[11] = 2, 1 + e.server, 2, 2 - e.server
        at = 54 if c.ipv6 else 34
        if c.protocol == UDP:
            dns_message(b, at, c, e)
            header = 8
            written = at + 8 + e.length
            field = at + 6
        else:
            header = tcp_header(b, at, c, e)
            written = at + header
            field = at + 16
        length = header + np.int64(e.length)
        ip_header(b, c, e.server, first_number + i, length)
        checksum(b, at, written, c, field, length)
        whole = at + length
        kept = min(whole, snap)
        put_little(out, used, e.ts // 1_000_000_000)
        put_little(out, used + 4, e.ts % 1_000_000_000 // 1000)
        put_little(out, used + 8, kept)
        put_little(out, used + 12, whole)
        for k in range(min(kept, written)):
            out[used + RECORD + k] = b[k]
        used += RECORD + kept
    return used


def write(file: BinaryIO, events: NDArray[np.void], rows: NDArray[np.void], snap: int) -> int:
    """Write a whole pcap file; gives its size in bytes."""
    size = file.write(file_header(snap))
    for start in range(0, len(events), CHUNK):
        piece = events[start : start + CHUNK]
        out = np.zeros(len(piece) * (RECORD + snap), np.uint8)
        used = encode(piece, rows, start, snap, out, np.zeros(256, np.uint8))
        size += file.write(out[:used].data)
    return size
