"""Snoop, the format of Solaris: RFC 1761."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files import scan
from producers.files.layout import MAX_CAPTURED, MalformedError, Numbers, fault
from wireverdict.frames import UNKNOWN
from wireverdict.kernels import kernel, types

_LINKS = {0: 1, 4: 1, 2: 6, 8: 10, 26: 242}
"""LINKTYPE_* by snoop's numbers (RFC 1761): IEEE 802.3, Ethernet, token ring, FDDI, IP over InfiniBand."""


@kernel(types.void(scan.BYTES, scan.NUMBERS, scan.NUMBERS, scan.FRAMES), borrow=True)
def scan_snoop(data: Any, form: Any, state: Any, frames: Any) -> None:
    """The same for snoop: original, included and record length, drops, seconds, microseconds, all big-endian."""
    limit, link, file = form[scan.LIMIT], form[scan.LINK], form[scan.FILE]
    position, size = state[scan.POSITION], data.size
    scan.begin(state)
    stop = scan.FULL
    while state[scan.FILLED] < frames.size:
        if position + 24 > size:
            stop = scan.MORE
            state[scan.NEED] = 24
            break
        length, captured, record = (
            scan.u32(data, position, 1),
            scan.u32(data, position + 4, 1),
            scan.u32(data, position + 8, 1),
        )
        if captured > limit:
            stop = scan.BAD_CAPTURED
            state[scan.VALUE] = captured
            break
        if record < 24 + captured or record > 2 * limit:
            stop = scan.BAD_LENGTH
            state[scan.VALUE] = record
            break
        if position + 24 + captured > size:  # the last record's padding may be missing
            stop = scan.MORE
            state[scan.NEED] = 24 + captured
            break
        if position + record > size and not state[scan.FINAL]:
            stop = scan.MORE
            state[scan.NEED] = record
            break
        ts = scan.u32(data, position + 16, 1) * scan.BILLION + scan.u32(data, position + 20, 1) * 1000
        scan.put(frames[state[scan.FILLED]], ts, position + 24, captured, length, link, UNKNOWN, file, state)
        position = min(position + record, size)
    state[scan.POSITION] = position
    state[scan.STOP] = stop


class SnoopLayout:
    """See Layout."""

    name = "snoop"
    start = 16

    def __init__(self, file: int) -> None:
        self._form = np.zeros(scan.FORM, np.int64)
        self._form[scan.FILE] = file
        self._form[scan.LIMIT] = MAX_CAPTURED

    def begin(self, head: bytes) -> int:
        """See Layout."""
        version, link = int.from_bytes(head[8:12], "big"), int.from_bytes(head[12:16], "big")
        if version != 2:
            raise MalformedError(f"its header says snoop version {version}; only 2 is known")
        if link not in _LINKS:
            raise MalformedError(f"snoop's link type {link} has no counterpart in pcap")
        self._form[scan.LINK] = _LINKS[link]
        return 16

    def scan(self, data: NDArray[np.uint8], state: Numbers, frames: NDArray[Any]) -> None:
        """See Layout."""
        scan_snoop(data, self._form, state, frames)

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """Never called: snoop has nothing between its records."""
        raise AssertionError("snoop has no sections")

    def fault(self, state: Numbers) -> str:
        """See Layout."""
        return fault(state, MAX_CAPTURED)
