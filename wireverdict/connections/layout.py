"""How the connection table lies in memory.

A packet touches one CONN row and the two HALF rows of its connection, so each is kept together as rows: a cache miss a row
and not one a field. A live connection costs 80 + 2 · 80 bytes and 8 in the index: 248. What only troubled or busy connections
need (holes in the sequence, round-trip histograms) lies in side tables that grow with the trouble, not with the connections.

Tables are reserved at their full size from the start and touched as they fill: the operating system gives memory for the
touched pages only, and nothing ever has to be copied to grow.
"""

from __future__ import annotations

import numpy as np

HOLES = 12  # remembered per direction; reordering and loss rarely leave more open at once
INLINE_RTT = 3  # samples kept exactly before a histogram is taken
RTT_BUCKETS = 216  # 8 a power of two from 1 µs to 537 s

# endpoint states, after Zeek's TCP analyzer: they decide conn_state
INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET = range(7)

# CONN.bits
LIVE = 1 << 0
ORIGINATOR_LOW = 1 << 1  # the originator is the lower (address, port) of the key
FLIPPED = 1 << 2  # roles were turned round by port numbers: `^` in the history
GOT_UNREACHABLE = 1 << 3  # an ICMP error quoted it
GOT_REFUSED = 1 << 4
HANDSHAKE = 1 << 5  # SYN, SYN-ACK and ACK were all seen
ENDED = 1 << 6  # to be collected; no longer in the index
BOTH_WAYS = 1 << 8  # packets seen in both directions
SACK_LOW = 1 << 9  # SACK offered or used by the originator, by the responder
SACK_HIGH = 1 << 10
SYN_START = 1 << 11  # it began with a SYN from the originator
ORIGINATOR_RESET = 1 << 12  # only in what goes to the flags: the originator's state is RESET
NEVER_ANSWERED = 1 << 13  # likewise: nothing came from the responder, or nothing but a RST
ORIGINATOR_COPIED = 1 << 14  # likewise: its retransmissions are no storm without those that were only captured twice
RESPONDER_COPIED = 1 << 15

# HALF.bits
DID_CLOSE = 1 << 0  # FIN or RST sent
DATA_TIMED = 1 << 1  # at least one RTT sample is of data and not of a SYN
WINDOW_IS_ZERO = 1 << 2
TIMING = 1 << 3  # timed_* hold a segment on its way
TIMED_TWICE = 1 << 4  # which was sent again: only a timestamp can tell which one was acknowledged (Karn)
FIN_SENT = 1 << 5
SCALE_OFFERED = 1 << 6
BY_TIMESTAMP = 1 << 7  # at least one RTT sample needed the timestamp

CONN = np.dtype(
    [
        ("low_hi", "<u8"),
        ("low_lo", "<u8"),
        ("high_hi", "<u8"),
        ("high_lo", "<u8"),
        ("first_ts", "<i8"),  # ns; of a free row: the next free row
        ("last_ts", "<i8"),
        ("history", "<u8"),  # 12 letters of 5 bits
        ("history_more", "<u4"),  # 6 more
        ("idle", "<u4"),  # longest silence, ms, saturating
        ("handshake", "<u4"),  # µs + 1; 0 unknown
        ("low_port", "<u2"),
        ("high_port", "<u2"),
        ("bits", "<u2"),
        ("seen", "<u2"),  # history letters that are written once: 8 bits a side
        ("protocol", "u1"),
        ("way", "u1"),  # 0, or 1/2 for one-way ICMP: part of the key
        ("letters", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)

HALF = np.dtype(
    [
        ("isn", "<u4"),  # sequence number of the SYN, or first seen - 1
        ("next", "<u4"),  # highest sequence number sent, plus one
        ("acked", "<u4"),  # highest acknowledgement from the other side
        ("packets", "<u4"),
        ("ip_bytes", "<u4"),  # carries into TROUBLE
        ("window", "<u4"),  # last advertised by this side, bytes
        ("peak_flight", "<u4"),
        ("timed_end", "<u4"),
        ("timed_us", "<u4"),  # µs, modulo 2**32
        ("timed_tsval", "<u4"),
        ("rtt_samples", "<u4"),
        ("rtt", "<u4", (INLINE_RTT,)),  # µs; from the fourth sample on rtt[0] is the row in the histogram table
        ("first_data", "<u4"),  # of 16 µs since first_ts, plus one; saturating
        ("last_data", "<u4"),
        ("trouble", "<u4"),  # row in the TROUBLE table plus one
        ("fin16", "<u2"),  # low halves of the last FIN's and RST's sequence numbers, for the history
        ("rst16", "<u2"),
        ("mss", "<u2"),
        ("wraps", "<u2"),  # of the sequence number
        ("wscale", "u1"),
        ("state", "u1"),
        ("previous", "u1"),  # state
        ("bits", "u1"),
    ],
    align=True,
)

TROUBLE = np.dtype(
    [
        ("retransmitted_bytes", "<u8"),
        ("missed_bytes", "<u8"),
        ("filled_bytes", "<u8"),  # of holes filled by a retransmission, or forgotten: not seen when `next` passed
        ("copied_bytes", "<u8"),  # payload of `copies`
        ("ip_bytes_high", "<u4"),
        ("retransmissions", "<u4"),
        ("spurious", "<u4"),
        ("out_of_order", "<u4"),
        ("duplicate_acks", "<u4"),
        ("zero_windows", "<u4"),
        ("keep_alives", "<u4"),
        ("history_counts", "<u4", (2,)),  # Zeek's T and W letters come at 1, 10, 100 … of their kind, and so does G
        ("repeats", "<u4"),  # retransmissions since the last proof of a spurious one (bounds what DSACK may prove)
        ("holes", "<u4"),  # used
        ("payload_high", "<u4"),  # carry of UDP payload bytes, which are counted in HALF.next
        ("last_retransmitted_left", "<u4"),
        ("last_retransmitted_tsval", "<u4"),
        ("hole_left", "<u4", (HOLES,)),
        ("hole_right", "<u4", (HOLES,)),
        ("hole_us", "<u4", (HOLES,)),  # when it came to be seen
        ("hole_tsval", "<u4", (HOLES,)),  # TSval of the packet that jumped over it
        ("gaps", "<u4"),  # stretches that were acknowledged and never seen
        ("copies", "<u4"),  # retransmissions that were captured twice
    ],
    align=True,
)

HISTOGRAM = np.dtype([("low", "<u4"), ("high", "<u4"), ("count", "<u4", (RTT_BUCKETS,))], align=True)
"""Round-trip times of one direction: counts by bucket, smallest and largest (µs)."""
