"""The memory of open windows, as flat arrays that kernels work on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# `S`: scalars and settings, int64. Times in ns unless they say otherwise.
(
    WATERMARK,
    DUE,  # watermark at which the next open window closes
    FORCE,  # 1: the oldest window must close although it is not due (windows by count, no room for another)
    ORDINAL,  # packets taken up
    LATE,  # packets for closed windows, since the last view
    LATE_TOTAL,
    ROOM,  # slots needed when `observe` stopped for want of room in `slots`
    WIDTH,
    LATENESS,
    COUNT,  # packets per window; 0: windows of time
    RING,  # windows that may be open at one time
    SERVICES,  # rows per window
    INDEX,  # index cells per window, a power of two
    OLD_MS,  # age from which a flow is established
    STALL_LIMIT,
    STALL_FREE,  # head of the free list of STALL rows
    STALL_USED,
    STALL_OPEN,
    DNS_LISTED,  # packets for the DNS kernel
    BOOKED,  # latency cells that `dns.conclude` took out
) = range(20)
S_SIZE = 20

PLACE = np.dtype(
    [
        (name, "<i8")
        for name in (
            "number",
            "open",
            "first",  # ns, smallest and largest time of its packets
            "last",
            "packets",
            "overflow",  # packets whose service found no row of its own
            "tcp_packets",  # of TCP services with a row of their own
            "tcp_payload",
            "data_packets",
            "missed_bytes",
            "missed_events",
            "one_sided",
            "used",  # service rows, the `other` row 0 included
            "troubles",  # TROUBLE rows
            "dns_used",  # client + resolver rows, `other` included
            "names_used",
            "histograms",  # of DNS latency, with a row of their own
        )
    ],
    align=True,
)
"""One window that may be open: a place in the ring."""

# A service's counts lie in three rows, so that the common packet touches one cache line, or two: both sides of SENT
# fill one, both sides of FLOWS another. Sides are entries 2·row and 2·row + 1.
SENT = np.dtype(
    [("bytes", "<i8"), ("payload", "<i8"), ("acked", "<i8"), ("packets", "<u4"), ("data", "<u4")],
    align=True,
)
"""What nearly every packet adds to."""

FLOWS = np.dtype(
    [
        (name, "<u4")
        for name in (
            "sent_out",
            "sent_in",
            "new_flows",
            "one_sided",
            "syn_attempts",
            "syn_answered",
            "established",
            "advanced",
        )
    ],
    align=True,
)
"""What the first packets of a connection add to, and all packets whose direction is known."""

TROUBLE = np.dtype(
    [
        ("retransmitted", "<i8"),
        ("missed_bytes", "<i8"),
        ("stall_ms", "<i8"),
        *(
            (name, "<u4")
            for name in (
                "retransmissions",
                "spurious",
                "out_of_order",
                "duplicate_acks",
                "zero_windows",
                "missed_events",
                "syn_retries",
                "syn_refused",
                "syn_unreachable",
                "unreachable",
                "resets",
                "copies",
            )
        ),
    ],
    align=True,
)
"""What goes wrong. Rows are given out one by one to the services that need them."""

NO_WINDOW = -(1 << 62)
FAR = 1 << 62  # later than any time; times are cut to ±FAR (the years 1823 to 2116)
LOW32 = 0xFFFFFFFF

SLOT = np.dtype(
    [
        ("window", "<u4"),  # low half of the number of the newest window this connection was seen in
        ("row", "<i4"),  # its service row there
        ("syn_window", "<u4"),  # likewise for its first SYN
        ("syn_row", "<i4"),
        ("syn_ms", "<u4"),  # low half of the first SYN's time in ms
        ("bits", "<u4"),
        ("stall0", "<i4"),  # row in the list of stalls for the originator's window and the responder's; 0 none
        ("stall1", "<i4"),
    ],
    align=True,
)
"""What windows remember of a connection, by its slot in the tracker's table."""

KNOWN = 1 << 0  # `window` and `row` are set
SYN_WAITS = 1 << 1  # `syn_*` are set and nothing has come back yet
DEGRADED = 1 << 2  # `row` is not the service's own
SENT_DATA = 1 << 3  # established, sent data in `window`: originator; << 1 responder
MOVED = 1 << 5  # … and was answered: originator's data; << 1 responder's
SYN_SIDE = 1 << 7  # side of the pair that sent the waiting SYN
OUTSIDE_WINDOW = LOW32 & ~(DEGRADED | SENT_DATA | SENT_DATA << 1 | MOVED | MOVED << 1)
"""What stays when `window` moves on."""

STALL = np.dtype(
    [
        ("low_hi", "<u8"),
        ("low_lo", "<u8"),
        ("high_hi", "<u8"),
        ("high_lo", "<u8"),
        ("since", "<i8"),  # ns; 0 and `used` 0: free
        ("next", "<i4"),
        ("slot", "<i4"),
        ("port", "<u2"),
        ("protocol", "u1"),
        ("responder", "u1"),
        ("side", "u1"),  # of the pair, that closed its window
        ("end", "u1"),  # 0 originator, 1 responder
        ("used", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)
"""A receive window that is closed now."""

STALLS = 16_384
"""Closed windows that are timed at once; more are counted but not timed."""

_LINE = 64


def aligned(length: int, dtype: Any) -> NDArray[Any]:
    """Zeros that begin at a cache line. Zeroed memory costs nothing until it is written, so bounds may be generous."""
    dtype = np.dtype(dtype)
    memory = np.zeros(length * dtype.itemsize + _LINE, np.uint8)
    first = -memory.ctypes.data % _LINE
    return memory[first : first + length * dtype.itemsize].view(dtype)
