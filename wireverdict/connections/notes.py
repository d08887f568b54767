"""Notes: what the tracker found out about each packet, one row a header, in the same order.

Everything downstream (windows, DNS transactions, transmission logs, detectors) reads headers and notes and never the
connection table, so each can be tested with a handful of rows.
"""

from __future__ import annotations

import numpy as np

NEW = 1 << 0  # first packet of a connection; its slot's former tenant is gone
FROM_RESPONDER = 1 << 1  # else from the originator
SYN_SENT = 1 << 2  # a SYN without ACK that asks for a connection, the first or a retry
SYN_RETRY = 1 << 3  # set with SYN_SENT from the second on
SYN_ANSWERED = 1 << 4  # the first SYN-ACK; `reply_to` is the time of the attempt's first SYN
ESTABLISHED = 1 << 5  # the packet that completes the handshake (UDP: the first of the second direction)
REFUSED = 1 << 6  # RST as the answer to a SYN; `reply_to` as above
UNREACHABLE = 1 << 7  # an ICMP error about a known connection, whose row is in `missed`; `reply_to` if it was a SYN
DATA = 1 << 8  # TCP payload, new or repeated, without keep-alives
RETRANSMISSION = 1 << 9  # payload wholly at or below the highest sequence sent, and not OUT_OF_ORDER
SPURIOUS = 1 << 10  # proof that retransmissions of the *other* side were needless; how many in `spurious`
OUT_OF_ORDER = 1 << 11  # payload below the highest sequence that fills a hole seen first here: reordered, not re-sent
DUPLICATE_ACK = 1 << 12  # RFC 5681 section 2
ZERO_WINDOW = 1 << 13  # window closed by this packet (the transition, not every repeat)
WINDOW_OPENED = 1 << 14  # and open again
ACK_ADVANCED = 1 << 15  # cumulative ACK moved by `acked` bytes
MISSED = 1 << 16  # it acknowledges `missed` bytes that the capture never saw: capture loss
RTT_SAMPLE = 1 << 17  # `rtt` holds one: from the data (or SYN) of the other side to this packet, at the capture point
KEEP_ALIVE = 1 << 18
FIN_SEEN = 1 << 19
RST_SEEN = 1 << 20
ONE_SIDED = 1 << 21  # so far only one direction of this connection has been seen
CLOSED = 1 << 22  # both sides had finished (or reset) before or with this packet
WINDOW_FULL = 1 << 23  # the data fill the receiver's advertised window (receiver-limited)
COPIED = 1 << 24  # a TCP packet that was captured twice (headers.COPY), this being the second time

NOTE = np.dtype(
    [
        ("reply_to", "<i8"),  # ns, see SYN_ANSWERED; 0 otherwise
        ("slot", "<i4"),  # row in the connection table; -1 for packets that belong to none (other protocols)
        ("events", "<u4"),
        ("rtt", "<u4"),  # µs
        ("flight", "<u4"),  # bytes of this side sent and not acknowledged, after this packet (data packets only)
        ("acked", "<u4"),  # bytes newly acknowledged by this packet's cumulative ACK
        ("missed", "<u4"),  # bytes, see MISSED; or a row of the connection table, see UNREACHABLE
        ("age", "<u4"),  # ms since the connection's first packet, saturating
        ("spurious", "<u2"),
        ("pad", "<u2"),
    ],
    align=True,
)
