"""What is remembered of one packet of a path that loses: enough to replay both ends' bookkeeping later.

Raw sequence numbers and no conclusions, so that the judge can be changed and run again on the same log. One row is one
cache line.
"""

from __future__ import annotations

import numpy as np

HIGH = 1 << 0  # sent by the higher address of the pair
ACKS = 1 << 1  # `ack` is valid
SACK1 = 1 << 2
SACK2 = 1 << 3
DSACK = 1 << 4  # the first block reports a duplicate
TIMESTAMPS = 1 << 5
GAP = 1 << 6  # packets before this one were left out for want of room
REPEAT = 1 << 7  # the tracker calls it a retransmission

EVENT = np.dtype(
    [
        ("ts", "<i8"),  # ns
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("sack1_left", "<u4"),
        ("sack1_right", "<u4"),
        ("sack2_left", "<u4"),
        ("sack2_right", "<u4"),
        ("tsval", "<u4"),
        ("tsecr", "<u4"),
        ("payload", "<u4"),  # bytes
        ("connection", "<u4"),  # number of the connection within its pair
        ("member", "<i4"),  # row of the connection in Paths' table of members
        ("number", "<u4"),  # of the pair's events
        ("overhead", "<u2"),  # IP and TCP header bytes
        ("flags", "<u2"),
    ],
    align=True,
)

UNKNOWN, DELIVERED, LOST = 0, 1, 2
"""What became of a transmission."""

TRANSMISSION = np.dtype(
    [
        ("ts", "<i8"),  # ns
        ("rtt", "<i8"),  # ns to the ACK or SACK that covers it, of data sent once; 0 none
        ("size", "<f8"),  # bytes on the wire
        ("event", "<i4"),  # row of the event
        ("fate", "<i4"),
    ],
    align=True,
)
"""One packet on the wire, super-packets split, in the order of the log."""
