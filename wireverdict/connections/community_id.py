"""Community ID version 1: the flow hash on which Zeek, Suricata, Arkime and others agree.

https://github.com/corelight/community-id-spec: SHA-1 over seed, the smaller end's address, the larger end's, the
protocol, a zero byte and the two ports, in base64 after ``1:``. ICMP is treated as Zeek does: the type stands for the
source port and the type of its counterpart for the destination port; a type without a counterpart is one-way, has its
code there, and is not put in order. Protocols without ports are hashed without them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel
from wireverdict.records import CONNECTION

LENGTH = 30
"""Bytes of every Community ID: ``1:`` and 28 of base64."""

_ROWS = numba.types.Array(numba.from_dtype(CONNECTION), 1, "C", readonly=True)
_MAPPED = np.uint64(0xFFFF)  # bits 32 to 47 of an IPv4 address held as ::ffff:a.b.c.d
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)

_TWO_WAY = np.zeros((2, 256), np.bool_)  # ICMP and ICMPv6 types that have a counterpart
_TWO_WAY[0, [0, 8, 9, 10, 13, 14, 15, 16, 17, 18]] = True
_TWO_WAY[1, [128, 129, 130, 131, 133, 134, 135, 136, 139, 140, 144, 145]] = True

_HAS_PORTS = np.zeros(256, np.bool_)
_HAS_PORTS[[1, 6, 17, 58, 132]] = True


def community_ids(rows: NDArray[np.void], seed: int = 0) -> NDArray[np.uint8]:
    """The ID of each connection, as ASCII.

    `rows`: CONNECTION, shape (n,). `seed`: 0 to 65,535. Returns uint8, shape (n, 30).
    """
    if not 0 <= seed <= 0xFFFF:
        raise ValueError(f"community ID seed {seed}: expected 0 to 65535")
    out = np.empty((len(rows), LENGTH), np.uint8)
    _community_ids(np.ascontiguousarray(rows), seed, out, np.zeros(16, np.uint32), np.zeros(6, np.uint32))
    return out


@kernel(inline=True, borrow=True)
def _put(block: Any, at: int, value: Any, size: int) -> int:
    """Append the low `size` bytes of `value`, most significant first, to a message held in big-endian words."""
    for shift in range(8 * (size - 1), -1, -8):
        byte = np.uint32((value >> np.uint64(shift)) & np.uint64(0xFF))
        block[at >> 2] |= byte << np.uint32(24 - 8 * (at & 3))
        at += 1
    return at


@kernel(inline=True, borrow=True)
def _rotate(x: Any, n: int) -> Any:
    return np.uint32(np.uint32(x << np.uint32(n)) | np.uint32(x >> np.uint32(32 - n)))


@kernel(inline=True, borrow=True)
def _sha1_block(w: Any, digest: Any) -> None:
    """SHA-1 (RFC 3174) of one padded block of 16 words into 5 words. `w` is overwritten."""
    h0, h1, h2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    h3, h4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    a, b, c, d, e = h0, h1, h2, h3, h4
    for t in range(80):
        s = t & 15
        if t >= 16:
            w[s] = _rotate(w[(s + 13) & 15] ^ w[(s + 8) & 15] ^ w[(s + 2) & 15] ^ w[s], 1)
        if t < 20:
            f = np.uint32((b & c) | (~b & d)) + np.uint32(0x5A827999)
        elif t < 40:
            f = np.uint32(b ^ c ^ d) + np.uint32(0x6ED9EBA1)
        elif t < 60:
            f = np.uint32((b & c) | (b & d) | (c & d)) + np.uint32(0x8F1BBCDC)
        else:
            f = np.uint32(b ^ c ^ d) + np.uint32(0xCA62C1D6)
        next_a = np.uint32(np.uint32(_rotate(a, 5) + np.uint32(f)) + np.uint32(e + w[s]))
        a, b, c, d, e = next_a, a, _rotate(b, 30), c, d
    digest[0] = np.uint32(h0 + a)
    digest[1] = np.uint32(h1 + b)
    digest[2] = np.uint32(h2 + c)
    digest[3] = np.uint32(h3 + d)
    digest[4] = np.uint32(h4 + e)


@kernel(numba.void(_ROWS, numba.int64, numba.uint8[:, ::1], numba.uint32[::1], numba.uint32[::1]), borrow=True)
def _community_ids(rows: Any, seed: int, out: Any, block: Any, digest: Any) -> None:
    """`block` (16 words) and `digest` (6, the last zero: base64 takes three bytes at a time) are room to work in."""
    for i in range(len(rows)):
        row = rows[i]
        a_hi, a_lo, b_hi, b_lo = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo
        a_port, b_port, protocol = row.sport, row.dport, row.protocol
        one_way = (protocol == 1 and not _TWO_WAY[0, a_port & 0xFF]) or (
            protocol == 58 and not _TWO_WAY[1, a_port & 0xFF]
        )
        ports = _HAS_PORTS[protocol]
        short = a_hi == 0 and b_hi == 0 and a_lo >> np.uint64(32) == _MAPPED and b_lo >> np.uint64(32) == _MAPPED
        swap = a_hi > b_hi or (a_hi == b_hi and (a_lo > b_lo or (a_lo == b_lo and ports and a_port > b_port)))
        if swap and not one_way:
            a_hi, a_lo, b_hi, b_lo = b_hi, b_lo, a_hi, a_lo
            a_port, b_port = b_port, a_port
        for k in range(16):
            block[k] = 0
        at = _put(block, 0, np.uint64(seed), 2)
        if short:
            at = _put(block, at, a_lo, 4)
            at = _put(block, at, b_lo, 4)
        else:
            at = _put(block, at, a_hi, 8)
            at = _put(block, at, a_lo, 8)
            at = _put(block, at, b_hi, 8)
            at = _put(block, at, b_lo, 8)
        at = _put(block, at, np.uint64(protocol), 1) + 1
        if ports:
            at = _put(block, at, np.uint64(a_port), 2)
            at = _put(block, at, np.uint64(b_port), 2)
        _put(block, at, np.uint64(0x80), 1)
        block[15] = np.uint32(8 * at)
        _sha1_block(block, digest)
        out[i, 0] = 49  # "1:"
        out[i, 1] = 58
        for group in range(7):
            three = np.uint32(0)
            for k in range(3):
                byte = 3 * group + k
                three = np.uint32(three << np.uint32(8)) | np.uint32(
                    (digest[byte >> 2] >> np.uint32(24 - 8 * (byte & 3))) & np.uint32(0xFF)
                )
            for k in range(4):
                out[i, 2 + 4 * group + k] = _ALPHABET[(three >> np.uint32(18 - 6 * k)) & np.uint32(63)]
        out[i, 29] = 61  # twenty bytes are six groups and two bytes: the last sign is padding
