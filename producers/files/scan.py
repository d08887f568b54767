"""What the kernels share that walk the record headers of capture formats and fill FRAME rows.

Packet bytes stay where they are. Each kernel works on a buffer that may end in the middle of a record and says in
`state` where it stopped and why. Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng (and its appendix on the
obsolete packet block), RFC 1761 (snoop).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.frames import FRAME
from wireverdict.kernels import kernel, types

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
JOINED = 8  # another file's header

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
FAR = np.iinfo(np.int64).max
LATEST = FAR - 1
"""ns; stands for times that int64 cannot hold. One below the largest number, which others use for "never"."""
BILLION = 1_000_000_000
FRAMES = types.from_dtype(FRAME)[::1]
BYTES = types.Array(types.uint8, 1, "C", readonly=True)
NUMBERS = types.int64[::1]


@kernel(inline=True, borrow=True)
def u16(data: Any, at: Any, big: Any) -> Any:
    """Two bytes as a number."""
    low, high = np.int64(data[at]), np.int64(data[at + 1])
    return (low << 8) | high if big else (high << 8) | low


@kernel(inline=True, borrow=True)
def u32(data: Any, at: Any, big: Any) -> Any:
    """Four bytes as a number; compiles to one load and perhaps one swap."""
    a, b = np.int64(data[at]), np.int64(data[at + 1])
    c, d = np.int64(data[at + 2]), np.int64(data[at + 3])
    return (a << 24) | (b << 16) | (c << 8) | d if big else (d << 24) | (c << 16) | (b << 8) | a


@kernel(inline=True, borrow=True)
def begin(state: Any) -> None:
    """Reset what is counted over the rows of one array, when that array is empty."""
    if state[FILLED] == 0:
        state[LOWEST] = FAR
        state[HIGHEST] = _NO_TIME
        state[ORDERED] = 1
        state[WIRE] = 0
        state[STORED] = 0


@kernel(inline=True, borrow=True)
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
