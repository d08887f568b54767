"""Classic pcap: draft-ietf-opsawg-pcap, and the variants that libpcap and Wireshark read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files import scan
from producers.files.layout import MAX_CAPTURED, MalformedError, Numbers, fault
from wireverdict.frames import IN, OUT, UNKNOWN
from wireverdict.kernels import kernel, types

MICROSECONDS, NANOSECONDS = 1000, 1
_VARIANTS = {  # magic: (ns per unit of the fraction, bytes in a record header, bytes in the file header)
    0xA1B2C3D4: (MICROSECONDS, 16, 24),
    0xA1B23C4D: (NANOSECONDS, 16, 24),
    0xA1B2CD34: (MICROSECONDS, 24, 24),  # Alexey Kuznetzov's patched libpcap
    0xA12B3C4D: (MICROSECONDS, 16, 24),  # Navtel
    0x1C0001AC: (NANOSECONDS, 16, 28),  # IXIA hardware; the sum of all record lengths follows the file header
    0x1C0001AB: (MICROSECONDS, 16, 28),  # IXIA software
}
_CLASSIC, _FINE = 0xA1B2C3D4, 0xA1B23C4D
_LITTLE_2_4, _BIG_2_4 = 0x0004_0002, 0x0002_0004
"""Version 2.4 of a file's header as a number of that file's byte order."""
_MAX_SPECIAL = 128 << 20
_SPECIAL = frozenset({189, 220, 231, 249, 279})
"""Link types whose packets may be larger: USB (Linux, mapped), D-Bus, USBPcap, EBHSCR. Values as in libpcap."""


@kernel(types.void(scan.BYTES, scan.NUMBERS, scan.NUMBERS, scan.FRAMES), borrow=True)
def scan_pcap(data: Any, form: Any, state: Any, frames: Any) -> None:
    """Fill `frames` from ``state[FILLED]`` on with the pcap records at ``state[POSITION]`` and after.

    A record of the "modified" kind (24-byte header: interface index, protocol, packet type) gives a direction too.
    """
    big, header, scale, limit = form[scan.BIG], form[scan.HEADER], form[scan.SCALE], form[scan.LIMIT]
    link, file, lengths = form[scan.LINK], form[scan.FILE], form[scan.LENGTHS]
    position, size = state[scan.POSITION], data.size
    scan.begin(state)
    stop = scan.FULL
    while state[scan.FILLED] < frames.size:
        if position + header > size:
            stop = scan.MORE
            state[scan.NEED] = header
            break
        captured, length = scan.u32(data, position + 8, big), scan.u32(data, position + 12, big)
        if lengths == 1 or (lengths == 2 and captured > length):
            captured, length = length, captured
        if captured > limit:
            stop = scan.BAD_CAPTURED
            state[scan.VALUE] = captured
            break
        if position + header + captured > size:
            stop = scan.MORE
            state[scan.NEED] = header + captured
            break
        ts = scan.u32(data, position, big) * scan.BILLION + scan.u32(data, position + 4, big) * scale
        if captured == 0:  # read as a record, the header of a file has no bytes and a time in 2055
            first, version = scan.u32(data, position, big), scan.u32(data, position + 4, big)
            if first in (_CLASSIC, _FINE) and version in (_LITTLE_2_4, _BIG_2_4):
                stop = scan.JOINED
                break
        direction = UNKNOWN
        if header == 24:
            kind = data[position + 22]  # PACKET_HOST, _BROADCAST, _MULTICAST, _OTHERHOST, _OUTGOING of if_packet.h
            direction = OUT if kind == 4 else (IN if kind < 3 else UNKNOWN)
        position += header
        scan.put(frames[state[scan.FILLED]], ts, position, captured, length, link, direction, file, state)
        position += captured
    state[scan.POSITION] = position
    state[scan.STOP] = stop


class PcapLayout:
    """See Layout."""

    name = "pcap"
    start = 24

    def __init__(self, file: int) -> None:
        self._form = np.zeros(scan.FORM, np.int64)
        self._form[scan.FILE] = file

    def begin(self, head: bytes) -> int:
        """See Layout. The link type's upper bits (FCS length) are left out; the snap length is not used as a bound."""
        order = "big" if int.from_bytes(head[:4], "big") in _VARIANTS else "little"

        def number(start: int, end: int) -> int:
            return int.from_bytes(head[start:end], "big" if order == "big" else "little")

        scale, header, size = _VARIANTS[number(0, 4)]
        major, minor = number(4, 6), number(6, 8)
        if major > 2 and (major, minor) != (543, 0):
            raise MalformedError(f"its header says pcap version {major}.{minor}; 2.4 is the newest there is")
        link = number(20, 24) & 0xFFFF
        form = self._form
        form[scan.BIG] = order == "big"
        form[scan.HEADER] = header
        form[scan.SCALE] = scale
        form[scan.LIMIT] = _MAX_SPECIAL if link in _SPECIAL else MAX_CAPTURED
        form[scan.LINK] = link
        # before 2.3 and in 543.0 the two lengths stood the other way round; with 2.3 nobody knows
        form[scan.LENGTHS] = 1 if (major, minor) < (2, 3) or major == 543 else (2 if minor == 3 else 0)
        return size

    def scan(self, data: NDArray[np.uint8], state: Numbers, frames: NDArray[Any]) -> None:
        """See Layout."""
        scan_pcap(data, self._form, state, frames)

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """Never called: pcap has nothing between its records."""
        raise AssertionError("pcap has no sections")

    def fault(self, state: Numbers) -> str:
        """See Layout."""
        return fault(state, int(self._form[scan.LIMIT]))
