"""The connection record: what is known of a connection when it ends (or, for long ones, when it is reported while open).

Rows stay columns until a writer at the edge turns them into JSON, CSV or Parquet. Counts are defined in docs/definitions.md.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class State(IntEnum):
    """Zeek's conn_state."""

    OTH = 0
    S0 = 1
    S1 = 2
    SF = 3
    REJ = 4
    S2 = 5
    S3 = 6
    RSTO = 7
    RSTR = 8
    RSTOS0 = 9
    RSTRH = 10
    SH = 11
    SHR = 12


class RttMethod(IntEnum):
    """Where a direction's RTT samples come from."""

    NONE = 0
    SEQ_ACK = 1  # data to the ACK that first covers it, never retransmitted data (Karn)
    TIMESTAMPS = 2  # TSval to its first echo
    HANDSHAKE = 3  # SYN to SYN-ACK or SYN-ACK to ACK only
    REQUEST_RESPONSE = 4  # UDP: a query to its answer


class Flag(IntEnum):
    """Bit numbers in `flags_true` and `flags_known`. A flag that is not known is null, and `reasons` says why."""

    BUFFERBLOAT = 0
    POLICED = 1
    THROTTLED = 2
    RETRANSMISSION_STORM = 3
    ZERO_WINDOW = 4
    HANDSHAKE_FAILED = 5
    RESET = 6
    ONE_SIDED = 7
    CAPTURE_LOSS = 8
    UNREACHABLE = 9


class Reason(IntEnum):
    """Why a flag is null."""

    NONE = 0
    NOT_TCP = 1
    ONE_DIRECTION = 2  # only one direction was captured
    TOO_FEW_SAMPLES = 3
    NO_LOAD = 4  # never busy enough for a queue to show
    CAPTURE_LOSS = 5  # too much of it is missing from the capture
    NOT_SEEN_FROM_START = 6
    NO_TABLE_ROOM = 7  # memory bound reached
    UNDECIDED = 8  # the evidence fits more than one cause


SIDE = np.dtype(
    [
        ("packets", "<u8"),
        ("bytes", "<u8"),  # IP bytes, headers included (Zeek's ip_bytes)
        ("payload_bytes", "<u8"),  # transport payload, repeats included
        (
            "stream_bytes",
            "<u8",
        ),  # TCP payload by sequence numbers, repeats not counted, holes counted (Zeek's orig_bytes)
        ("retransmitted_bytes", "<u8"),
        ("missed_bytes", "<u8"),  # acknowledged by the peer, never seen
        (
            "throughput_bps",
            "<u8",
        ),  # payload without repeats over the time from its first to its last data packet; 0 unknown
        ("retransmissions", "<u4"),
        ("spurious_retransmissions", "<u4"),
        ("out_of_order", "<u4"),
        ("duplicate_acks", "<u4"),  # sent by this side
        ("zero_windows", "<u4"),  # announced by this side
        ("keep_alives", "<u4"),
        ("peak_in_flight", "<u4"),  # bytes
        ("rtt_min", "<u4"),  # µs; of data sent by this side, seen at the capture point
        ("rtt_p50", "<u4"),
        ("rtt_p95", "<u4"),
        ("rtt_max", "<u4"),
        ("rtt_samples", "<u4"),
        ("mss", "<u2"),
        ("rtt_method", "u1"),
        ("pad", "u1", (5,)),
    ],
    align=True,
)

CONNECTION = np.dtype(
    [
        ("src_hi", "<u8"),  # originator
        ("src_lo", "<u8"),
        ("dst_hi", "<u8"),
        ("dst_lo", "<u8"),
        ("first_ts", "<i8"),  # ns
        ("last_ts", "<i8"),
        ("handshake", "<i8"),  # ns from first SYN to the ACK that completes; -1 not seen
        ("idle", "<i8"),  # ns, longest time without a packet
        ("flags_true", "<u4"),
        ("flags_known", "<u4"),
        ("sport", "<u2"),  # ICMP: type
        ("dport", "<u2"),  # ICMP: counterpart type for requests and answers, else code (as Zeek and Community ID do)
        ("protocol", "u1"),
        ("state", "u1"),  # State
        ("final", "u1"),  # 0 while still open
        ("history_length", "u1"),
        ("history", "u1", (32,)),  # Zeek's letters, ASCII
        ("reasons", "u1", (16,)),  # Reason by Flag number
        ("source", SIDE),
        ("destination", SIDE),
    ],
    align=True,
)
