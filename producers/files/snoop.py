"""Snoop, the format of Solaris: RFC 1761."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files import scan
from producers.files.layout import MalformedError, Numbers, fault
from producers.files.pcap import MAX_CAPTURED

_LINKS = {0: 1, 4: 1, 2: 6, 8: 10, 26: 242}
"""LINKTYPE_* by snoop's numbers (RFC 1761): IEEE 802.3, Ethernet, token ring, FDDI, IP over InfiniBand."""


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
        scan.scan_snoop(data, self._form, state, frames)

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """Never called: snoop has nothing between its records."""
        raise AssertionError("snoop has no sections")

    def fault(self, state: Numbers) -> str:
        """See Layout."""
        return fault(state, MAX_CAPTURED)
