"""Kernels that walk the record headers of capture formats and fill FRAME rows; packet bytes stay where they are.

Each works on a buffer that may end in the middle of a record and says in `state` where it stopped and why. Formats:
draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng (and its appendix on the obsolete packet block), RFC 1761 (snoop).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from wireverdict.frames import FRAME, IN, OUT, UNKNOWN
from wireverdict.kernels import kernel

# Indices in `state`: what a scan is given and gives back
POSITION = 0  # in the buffer, of the first byte not dealt with
FILLED = 1  # rows of `frames` in use
STOP = 2  # why it stopped: one of the codes below
NEED = 3  # bytes from POSITION on that the next record takes, as far as known (when STOP is MORE)
VALUE = 4  # the number that is wrong (when STOP is a fault)
LAST = 5  # ns, time of the latest record that had one
LOWEST = 6  # ns, over the rows filled
HIGHEST = 7
ORDERED = 8  # 1 while the rows filled ascend in time
WIRE = 9  # bytes on the wire, over the rows filled
STORED = 10  # bytes captured, over the rows filled
UNTIMED = 11  # packets without a time of their own, in all
STRANGE = 12  # packet blocks that name an interface which was not described, in all
FINAL = 13  # 1 when nothing comes after this buffer
STATE = 14

# Values of `state[STOP]`
FULL = 0  # no row is left
MORE = 1  # the buffer ends inside a record, or exactly after one (then NEED bytes are missing all the same)
SECTION = 2  # a section header block at POSITION
INTERFACE = 3  # a whole interface description block at POSITION
BAD_CAPTURED = 4
BAD_LENGTH = 5
BAD_TRAILER = 6
BAD_BLOCK = 7

# Indices in `form`, the fixed traits of a file or section
BIG = 0  # 1 for big-endian headers
HEADER = 1  # pcap: bytes in a record header
SCALE = 2  # pcap: ns in a unit of the fractional field
LIMIT = 3  # largest plausible captured length (pcap, snoop) or block length (pcapng)
LINK = 4
FILE = 5
LENGTHS = 6  # pcap: 0 captured then original, 1 the reverse, 2 the smaller one is captured
INTERFACES = 7  # pcapng: rows in use of `interfaces`
FORM = 8

# Columns of `interfaces`
IF_LINK, IF_KIND, IF_FACTOR, IF_OFFSET, IF_SNAP, IF_COLUMNS = range(6)
MULTIPLY, DIVIDE, BINARY = range(3)  # IF_KIND: ns = units * factor, units // factor, units / 2**factor

MAX_BLOCK = 16 << 20
"""Bytes; a longer pcapng block is taken for damage, as in libpcap."""

_NO_TIME = np.iinfo(np.int64).min
_FAR = np.iinfo(np.int64).max
LATEST = _FAR - 1
"""ns; stands for times that int64 cannot hold. One below the largest number, which others use for "never"."""
_BILLION = 1_000_000_000
_FRAMES = numba.from_dtype(FRAME)[::1]
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_NUMBERS = types.int64[::1]


@kernel(inline=True)
def u16(data: Any, at: Any, big: Any) -> Any:
    """Two bytes as a number."""
    low, high = np.int64(data[at]), np.int64(data[at + 1])
    return (low << 8) | high if big else (high << 8) | low


@kernel(inline=True)
def u32(data: Any, at: Any, big: Any) -> Any:
    """Four bytes as a number; compiles to one load and perhaps one swap."""
    a, b = np.int64(data[at]), np.int64(data[at + 1])
    c, d = np.int64(data[at + 2]), np.int64(data[at + 3])
    return (a << 24) | (b << 16) | (c << 8) | d if big else (d << 24) | (c << 16) | (b << 8) | a


@kernel(inline=True)
def begin(state: Any) -> None:
    """Reset what is counted over the rows of one array, when that array is empty."""
    if state[FILLED] == 0:
        state[LOWEST] = _FAR
        state[HIGHEST] = _NO_TIME
        state[ORDERED] = 1
        state[WIRE] = 0
        state[STORED] = 0


@kernel(inline=True)
def put(
    row: Any, ts: int, offset: int, captured: int, length: int, link: int, direction: int, file: int, state: Any
) -> None:
    """Fill one row and count it."""
    row.ts = ts
    row.offset = offset
    row.captured = captured
    row.length = length
    row.link = link
    row.direction = direction
    row.pad = 0
    row.file = file
    if ts < state[HIGHEST]:
        state[ORDERED] = 0
    else:
        state[HIGHEST] = ts
    if ts < state[LOWEST]:
        state[LOWEST] = ts
    state[WIRE] += length
    state[STORED] += captured
    state[FILLED] += 1


@kernel(types.void(_BYTES, _NUMBERS, _NUMBERS, _FRAMES))
def scan_pcap(data: Any, form: Any, state: Any, frames: Any) -> None:
    """Fill `frames` from ``state[FILLED]`` on with the pcap records at ``state[POSITION]`` and after.

    A record of the "modified" kind (24-byte header: interface index, protocol, packet type) gives a direction too.
    """
    big, header, scale, limit = form[BIG], form[HEADER], form[SCALE], form[LIMIT]
    link, file, lengths = form[LINK], form[FILE], form[LENGTHS]
    position, size = state[POSITION], data.size
    begin(state)
    stop = FULL
    while state[FILLED] < frames.size:
        if position + header > size:
            stop = MORE
            state[NEED] = header
            break
        captured, length = u32(data, position + 8, big), u32(data, position + 12, big)
        if lengths == 1 or (lengths == 2 and captured > length):
            captured, length = length, captured
        if captured > limit:
            stop = BAD_CAPTURED
            state[VALUE] = captured
            break
        if position + header + captured > size:
            stop = MORE
            state[NEED] = header + captured
            break
        ts = u32(data, position, big) * _BILLION + u32(data, position + 4, big) * scale
        direction = UNKNOWN
        if header == 24:
            kind = data[position + 22]  # PACKET_HOST, _BROADCAST, _MULTICAST, _OTHERHOST, _OUTGOING of if_packet.h
            direction = OUT if kind == 4 else (IN if kind < 3 else UNKNOWN)
        position += header
        put(frames[state[FILLED]], ts, position, captured, length, link, direction, file, state)
        position += captured
    state[POSITION] = position
    state[STOP] = stop


@kernel(types.void(_BYTES, _NUMBERS, _NUMBERS, _FRAMES))
def scan_snoop(data: Any, form: Any, state: Any, frames: Any) -> None:
    """The same for snoop: original, included and record length, drops, seconds, microseconds, all big-endian."""
    limit, link, file = form[LIMIT], form[LINK], form[FILE]
    position, size = state[POSITION], data.size
    begin(state)
    stop = FULL
    while state[FILLED] < frames.size:
        if position + 24 > size:
            stop = MORE
            state[NEED] = 24
            break
        length, captured, record = u32(data, position, 1), u32(data, position + 4, 1), u32(data, position + 8, 1)
        if captured > limit:
            stop = BAD_CAPTURED
            state[VALUE] = captured
            break
        if record < 24 + captured or record > 2 * limit:
            stop = BAD_LENGTH
            state[VALUE] = record
            break
        if position + 24 + captured > size:  # the last record's padding may be missing
            stop = MORE
            state[NEED] = 24 + captured
            break
        if position + record > size and not state[FINAL]:
            stop = MORE
            state[NEED] = record
            break
        ts = u32(data, position + 16, 1) * _BILLION + u32(data, position + 20, 1) * 1000
        put(frames[state[FILLED]], ts, position + 24, captured, length, link, UNKNOWN, file, state)
        position = min(position + record, size)
    state[POSITION] = position
    state[STOP] = stop


@kernel(inline=True)
def nanoseconds(ticks: Any, kind: Any, factor: Any, offset: Any) -> Any:
    """The time of a pcapng timestamp (uint64) in ns since 1970; LATEST (or -LATEST) where int64 cannot hold it."""
    units = np.uint64(ticks)
    if kind == MULTIPLY:
        per_second = np.uint64(_BILLION // factor)
        seconds = np.int64(units // per_second)
        rest = np.int64(units % per_second) * factor
    elif kind == DIVIDE:
        whole = units // np.uint64(factor)
        seconds = np.int64(whole // np.uint64(_BILLION))
        rest = np.int64(whole % np.uint64(_BILLION))
    else:
        fraction = units
        seconds = np.int64(0)
        if factor < 64:
            seconds = np.int64(units >> np.uint64(factor))
            fraction = units & ((np.uint64(1) << np.uint64(factor)) - np.uint64(1))
        high = (fraction >> np.uint64(32)) * np.uint64(_BILLION)
        low = (fraction & np.uint64(0xFFFFFFFF)) * np.uint64(_BILLION)
        if factor >= 96:
            rest = np.int64(0)
        elif factor >= 32:  # 2**-factor of high:low, without a product of more than 64 bits
            rest = np.int64((high + (low >> np.uint64(32))) >> np.uint64(factor - 32))
        else:
            rest = np.int64(low >> np.uint64(factor))
    most = _FAR // _BILLION - 1
    if seconds < 0 or offset > most or seconds + offset > most:  # seconds < 0: 2**63 or more
        return LATEST
    if seconds + offset < -most:
        return -LATEST
    return (seconds + offset) * _BILLION + rest


@kernel()
def direction_of(data: Any, at: int, end: int, big: int) -> int:
    """The direction in the flags option (code 2) of a packet block whose options lie in `at` to `end`."""
    while at + 4 <= end:
        code, length = u16(data, at, big), u16(data, at + 2, big)
        at += 4
        if code == 0 or at + length > end:
            break
        if code == 2 and length == 4:
            way = u32(data, at, big) & 3
            return IN if way == 1 else (OUT if way == 2 else UNKNOWN)
        at += (length + 3) & ~3
    return UNKNOWN


@kernel(types.void(_BYTES, _NUMBERS, types.int64[:, ::1], _NUMBERS, _FRAMES))
def scan_pcapng(data: Any, form: Any, interfaces: Any, state: Any, frames: Any) -> None:
    """Fill `frames` with the packets of pcapng blocks (enhanced, simple, obsolete); other blocks are passed over.

    Stops at section headers and at whole interface descriptions, which Python reads. A simple packet block has no
    time: it gets that of the record before it (0 if there was none) and counts as UNTIMED.
    """
    big, limit, file, known = form[BIG], form[LIMIT], form[FILE], form[INTERFACES]
    position, size = state[POSITION], data.size
    begin(state)
    stop = FULL
    while state[FILLED] < frames.size:
        if position + 12 > size:
            stop = MORE
            state[NEED] = 12
            break
        kind = u32(data, position, big)
        if kind == 0x0A0D0D0A:
            stop = SECTION
            break
        total = u32(data, position + 4, big)
        if total < 12 or total & 3 or total > limit:
            stop = BAD_LENGTH
            state[VALUE] = total
            break
        if position + total > size:
            stop = MORE
            state[NEED] = total
            break
        end = position + total - 4
        if u32(data, end, big) != total:
            stop = BAD_TRAILER
            state[VALUE] = total
            break
        if kind == 1:
            stop = INTERFACE
            break
        if kind == 6 or kind == 2:
            if total < 32:
                stop = BAD_BLOCK
                state[VALUE] = total
                break
            captured, length = u32(data, position + 20, big), u32(data, position + 24, big)
            if captured > total - 32:
                stop = BAD_CAPTURED
                state[VALUE] = captured
                break
            number = u32(data, position + 8, big) if kind == 6 else u16(data, position + 8, big)
            if number < known:
                units = (np.uint64(u32(data, position + 12, big)) << np.uint64(32)) | np.uint64(
                    u32(data, position + 16, big)
                )
                ts = nanoseconds(
                    units, interfaces[number, IF_KIND], interfaces[number, IF_FACTOR], interfaces[number, IF_OFFSET]
                )
                options = position + 28 + ((captured + 3) & ~3)
                direction = direction_of(data, options, end, big) if options < end else UNKNOWN
                state[LAST] = ts
                link = interfaces[number, IF_LINK]
                put(frames[state[FILLED]], ts, position + 28, captured, length, link, direction, file, state)
            else:
                state[STRANGE] += 1
        elif kind == 3:
            if total < 16:
                stop = BAD_BLOCK
                state[VALUE] = total
                break
            if known > 0:
                length = u32(data, position + 8, big)
                captured = min(length, total - 16)
                if interfaces[0, IF_SNAP] > 0:
                    captured = min(captured, interfaces[0, IF_SNAP])
                link = interfaces[0, IF_LINK]
                put(frames[state[FILLED]], state[LAST], position + 12, captured, length, link, UNKNOWN, file, state)
                state[UNTIMED] += 1
            else:
                state[STRANGE] += 1
        position += total
    state[POSITION] = position
    state[STOP] = stop
