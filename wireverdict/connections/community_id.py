"""Community ID version 1: the flow hash on which Zeek, Suricata, Arkime and others agree.

https://github.com/corelight/community-id-spec: SHA-1 over seed, the smaller end's address, the larger end's, the
protocol, a zero byte and the two ports, in base64 after ``1:``. ICMP is treated as Zeek does: the type stands for the
source port and the type of its counterpart for the destination port; a type without a counterpart is one-way, has its
code there, and is not put in order. Protocols without ports are hashed without them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.records import CONNECTION

LENGTH = 30
"""Bytes of every Community ID: ``1:`` and 28 of base64."""

LANES = 64
"""Connections that are hashed side by side."""

_H0, _H1, _H2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
_H3, _H4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
_ROWS = types.Array(types.from_dtype(CONNECTION), 1, "C", readonly=True)
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
    blocks, digests = np.empty((16, LANES), np.uint32), np.zeros((6, LANES), np.uint32)
    _community_ids(np.ascontiguousarray(rows), seed, out, blocks, digests, *np.empty((5, LANES), np.uint32))
    return out


@kernel(inline=True, borrow=True)
def _put(blocks: Any, lane: int, at: int, value: Any, size: int) -> int:
    """Append the low `size` bytes of `value`, most significant first, to a lane's message of big-endian words."""
    for shift in range(8 * (size - 1), -1, -8):
        byte = np.uint32((value >> np.uint64(shift)) & np.uint64(0xFF))
        blocks[at >> 2, lane] |= byte << np.uint32(24 - 8 * (at & 3))
        at += 1
    return at


@kernel(inline=True, borrow=True)
def _rotate(x: Any, n: int) -> Any:
    return np.uint32(np.uint32(x << np.uint32(n)) | np.uint32(x >> np.uint32(32 - n)))


@kernel(borrow=True)
def _step(t: int, w: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    """Step `t` of SHA-1 (RFC 3174) in every lane: `e` becomes what is `a` in the next step, and `b` what is `c`."""
    s = t & 15
    w0, w2, w8, w13 = w[s], w[(s + 2) & 15], w[(s + 8) & 15], w[(s + 13) & 15]
    for lane in range(LANES):
        x, y, z = b[lane], c[lane], d[lane]
        if t >= 16:
            w0[lane] = _rotate(w13[lane] ^ w8[lane] ^ w2[lane] ^ w0[lane], 1)
        if t < 20:
            f = np.uint32((x & y) | (~x & z)) + np.uint32(0x5A827999)
        elif t < 40:
            f = np.uint32(x ^ y ^ z) + np.uint32(0x6ED9EBA1)
        elif t < 60:
            f = np.uint32((x & y) | (x & z) | (y & z)) + np.uint32(0x8F1BBCDC)
        else:
            f = np.uint32(x ^ y ^ z) + np.uint32(0xCA62C1D6)
        e[lane] = np.uint32(np.uint32(e[lane] + _rotate(a[lane], 5)) + np.uint32(np.uint32(f) + w0[lane]))
        b[lane] = _rotate(x, 30)


@kernel(borrow=True)
def _sha1(w: Any, digests: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
    """SHA-1 of each lane's one padded block of 16 words into 5 words. `w` and `a` to `e` are overwritten."""
    for lane in range(LANES):
        a[lane], b[lane], c[lane], d[lane], e[lane] = _H0, _H1, _H2, _H3, _H4
    for t in range(0, 80, 5):  # after five steps the names are back in their places
        _step(t, w, a, b, c, d, e)
        _step(t + 1, w, e, a, b, c, d)
        _step(t + 2, w, d, e, a, b, c)
        _step(t + 3, w, c, d, e, a, b)
        _step(t + 4, w, b, c, d, e, a)
    for lane in range(LANES):
        digests[0, lane] = np.uint32(_H0 + a[lane])
        digests[1, lane] = np.uint32(_H1 + b[lane])
        digests[2, lane] = np.uint32(_H2 + c[lane])
        digests[3, lane] = np.uint32(_H3 + d[lane])
        digests[4, lane] = np.uint32(_H4 + e[lane])


@kernel(borrow=True)
def _message(row: Any, seed: int, blocks: Any, lane: int) -> None:
    """The padded message of a connection in a lane."""
    a_hi, a_lo, b_hi, b_lo = row.src_hi, row.src_lo, row.dst_hi, row.dst_lo
    a_port, b_port, protocol = row.sport, row.dport, row.protocol
    one_way = (protocol == 1 and not _TWO_WAY[0, a_port & 0xFF]) or (protocol == 58 and not _TWO_WAY[1, a_port & 0xFF])
    ports = _HAS_PORTS[protocol]
    short = a_hi == 0 and b_hi == 0 and a_lo >> np.uint64(32) == _MAPPED and b_lo >> np.uint64(32) == _MAPPED
    swap = a_hi > b_hi or (a_hi == b_hi and (a_lo > b_lo or (a_lo == b_lo and ports and a_port > b_port)))
    if swap and not one_way:
        a_hi, a_lo, b_hi, b_lo = b_hi, b_lo, a_hi, a_lo
        a_port, b_port = b_port, a_port
    for k in range(16):
        blocks[k, lane] = 0
    at = _put(blocks, lane, 0, np.uint64(seed), 2)
    if short:
        at = _put(blocks, lane, at, a_lo, 4)
        at = _put(blocks, lane, at, b_lo, 4)
    else:
        at = _put(blocks, lane, at, a_hi, 8)
        at = _put(blocks, lane, at, a_lo, 8)
        at = _put(blocks, lane, at, b_hi, 8)
        at = _put(blocks, lane, at, b_lo, 8)
    at = _put(blocks, lane, at, np.uint64(protocol), 1) + 1
    if ports:
        at = _put(blocks, lane, at, np.uint64(a_port), 2)
        at = _put(blocks, lane, at, np.uint64(b_port), 2)
    _put(blocks, lane, at, np.uint64(0x80), 1)
    blocks[15, lane] = np.uint32(8 * at)


@kernel(borrow=True)
def _text(digests: Any, lane: int, out: Any) -> None:
    """A lane's digest in base64 after ``1:``."""
    out[0], out[1] = 49, 58
    for group in range(7):
        three = np.uint32(0)
        for k in range(3):  # twenty bytes are six groups and two bytes; the byte beyond is zero
            byte = 3 * group + k
            word = digests[byte >> 2, lane] >> np.uint32(24 - 8 * (byte & 3))
            three = np.uint32(three << np.uint32(8)) | np.uint32(word & np.uint32(0xFF))
        for k in range(4):
            out[2 + 4 * group + k] = _ALPHABET[(three >> np.uint32(18 - 6 * k)) & np.uint32(63)]
    out[29] = 61  # padding


_WORDS = types.uint32[::1]


@kernel(
    types.void(_ROWS, types.int64, types.uint8[:, ::1], types.uint32[:, ::1], types.uint32[:, ::1], *[_WORDS] * 5),
    borrow=True,
)
def _community_ids(
    rows: Any, seed: int, out: Any, blocks: Any, digests: Any, a: Any, b: Any, c: Any, d: Any, e: Any
) -> None:
    """LANES connections at a time: a step of SHA-1 is one instruction for several. What follows `out` is room."""
    for start in range(0, len(rows), LANES):
        stop = min(start + LANES, len(rows))
        for i in range(start, stop):
            _message(rows[i], seed, blocks, i - start)
        _sha1(blocks, digests, a, b, c, d, e)
        for i in range(start, stop):
            _text(digests, i - start, out[i])
