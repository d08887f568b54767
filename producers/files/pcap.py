"""Classic pcap: draft-ietf-opsawg-pcap, and the variants that libpcap and Wireshark read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files import scan
from producers.files.layout import MalformedError, Numbers, fault

MICROSECONDS, NANOSECONDS = 1000, 1
_VARIANTS = {  # magic: (ns per unit of the fraction, bytes in a record header, bytes in the file header)
    0xA1B2C3D4: (MICROSECONDS, 16, 24),
    0xA1B23C4D: (NANOSECONDS, 16, 24),
    0xA1B2CD34: (MICROSECONDS, 24, 24),  # Alexey Kuznetzov's patched libpcap
    0xA12B3C4D: (MICROSECONDS, 16, 24),  # Navtel
    0x1C0001AC: (NANOSECONDS, 16, 28),  # IXIA hardware; the sum of all record lengths follows the file header
    0x1C0001AB: (MICROSECONDS, 16, 28),  # IXIA software
}
MAX_CAPTURED = 262_144
"""Bytes; a larger captured length is taken for damage (libpcap's MAXIMUM_SNAPLEN)."""
_MAX_SPECIAL = 128 << 20
_SPECIAL = frozenset({189, 220, 231, 249, 279})
"""Link types whose packets may be larger: USB (Linux, mapped), D-Bus, USBPcap, EBHSCR. Values as in libpcap."""


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
        scan.scan_pcap(data, self._form, state, frames)

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """Never called: pcap has nothing between its records."""
        raise AssertionError("pcap has no sections")

    def fault(self, state: Numbers) -> str:
        """See Layout."""
        return fault(state, int(self._form[scan.LIMIT]))
