"""The frame: where one captured packet lies in a buffer. What capture sources hand to the decoder."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNKNOWN, IN, OUT = 0, 1, 2
"""Direction codes, in frames and in headers: seen from the host that captured."""

FRAME = np.dtype(
    [
        ("ts", "<i8"),  # ns since 1970-01-01 UTC
        ("offset", "<i8"),  # of the first captured byte, in the buffer that comes with it
        ("captured", "<u4"),  # bytes present in the buffer
        ("length", "<u4"),  # bytes on the wire
        ("link", "<u2"),  # link type as in pcap files (LINKTYPE_*)
        ("direction", "u1"),  # UNKNOWN, IN or OUT where the source knows it
        ("pad", "u1"),
        ("file", "<u4"),  # index of the input in the summary's list of files
    ],
    align=True,
)


class FrameBatch(NamedTuple):
    """Some frames and the buffer that holds them.

    `data`: uint8, shape (bytes,), read-only allowed (a memory map); valid until the next batch is asked for.
    `frames`: FRAME, shape (n,), in the order of processing (see producers.timeline).
    """

    data: NDArray[np.uint8]
    frames: NDArray[np.void]
