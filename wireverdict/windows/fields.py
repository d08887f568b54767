"""What is counted in a window: the columns of its tables. Integers only, so that shards merge by addition."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Count(IntEnum):
    """Columns of `Table.counts`, for each side of an address pair: what that side *sent* unless said otherwise."""

    PACKETS = 0
    BYTES = 1  # IP bytes, headers included
    DATA_PACKETS = 2  # TCP packets with payload, keep-alives excluded
    PAYLOAD_BYTES = 3  # transport payload, repeats included
    OUT = 4  # packets the capturing host was seen to send (direction OUT)
    IN = 5  # packets the capturing host was seen to receive (direction IN)
    ACKED_BYTES = 6  # bytes of this side's data that the other side acknowledged
    RETRANSMISSIONS = 7
    RETRANSMITTED_BYTES = 8
    SPURIOUS = 9  # retransmissions of this side that were proven needless
    OUT_OF_ORDER = 10
    DUPLICATE_ACKS = 11
    ZERO_WINDOWS = 12  # times this side closed its window
    STALL_MS = 13  # ms that this side's closed windows lasted, within the window, summed over connections
    MISSED_BYTES = 14  # bytes of this side's data that were acknowledged and not captured
    MISSED_EVENTS = 15  # acknowledgements of data of this side that was not captured
    SYN_ATTEMPTS = 16  # connections asked for by this side, retries not counted, booked when the first SYN was sent
    SYN_PACKETS = 17  # SYNs with retries
    SYN_ANSWERED = 18  # of SYN_ATTEMPTS, those that got a SYN-ACK before the window closed
    SYN_REFUSED = 19  # … a RST
    SYN_UNREACHABLE = 20  # … an ICMP error
    SYN_PENDING = 21  # … nothing so far, and too young to say (end of the capture)
    ESTABLISHED = 22  # flows older than `established` on which this side sent data
    ADVANCED = 23  # of these, those whose data was acknowledged (TCP) or that were answered (others)
    UNREACHABLE = 24  # ICMP errors about packets of this side
    RESETS = 25  # packets with RST
    NEW_FLOWS = 26  # first packets of flows, all protocols
    ONE_SIDED = 27  # packets of flows of which only one direction had been seen so far
    COPIES = 28  # TCP data packets that repeat the packet before them in the capture within 1 ms: captured twice


class Dns(IntEnum):
    """Columns of `DnsTable.counts`: a client's attempts at one resolver."""

    ATTEMPTS = 0  # query packets, retries included, TCP retransmissions not
    ANSWERED = 1  # within the time-out
    LATE = 2  # after the time-out and before the window closed
    PENDING = 3  # too young to judge when the capture ended
    UNTRACKED = 4  # query packets beyond the memory bound: not in ATTEMPTS, known nothing of
    ORPHANS = 5  # answers to no known attempt, booked when they came
    NOERROR = 6  # response codes of ANSWERED and LATE
    NXDOMAIN = 7
    SERVFAIL = 8
    REFUSED = 9
    OTHER_RCODE = 10
    NEW_ATTEMPTS = 11  # attempts that were the first packet of a flow: a port pair not used before
    NEW_ANSWERED = 12
    TCP_ATTEMPTS = 13
    TCP_ANSWERED = 14
    TRUNCATED = 15  # answers with the TC bit
    UNREACHABLE = 16  # ICMP errors about queries


COUNTS, DNS_COUNTS = len(Count), len(Dns)

LATENCY_BUCKETS = 200
"""Latency histogram: 8 buckets an octave of µs (see `bucket_bounds`), up to 2^27 µs."""


def bucket_of(value: int) -> int:
    """The latency bucket of `value` µs: exact up to 8, then 8 to each doubling (at most 6 % from mid-bucket)."""
    if value < 8:
        return max(value, 0)
    shift = value.bit_length() - 4
    return min((shift << 3) + (value >> shift), LATENCY_BUCKETS - 1)


def bucket_bounds(bucket: int) -> tuple[int, int]:
    """First and last value, in µs, of a bucket."""
    if bucket < 8:
        return bucket, bucket
    shift = (bucket >> 3) - 1
    low = (8 + (bucket & 7)) << shift
    return low, low + (1 << shift) - 1


NEVER = np.iinfo(np.int64).max
"""The time of what did not happen."""

SERVICE_KEY = np.dtype(
    [
        ("low_hi", "<u8"),  # the numerically lower address of the pair: side 0
        ("low_lo", "<u8"),
        ("high_hi", "<u8"),  # the other one: side 1
        ("high_lo", "<u8"),
        ("port", "<u2"),  # of the responder; 0 for protocols without, and for what no longer had room
        ("protocol", "u1"),
        ("responder", "u1"),  # side that was asked
        ("pad", "<u4"),
    ],
    align=True,
)
"""Key of a service row. All zero: `other`, what found no room in the table."""

DNS_KEY = np.dtype(
    [("client_hi", "<u8"), ("client_lo", "<u8"), ("server_hi", "<u8"), ("server_lo", "<u8")],
    align=True,
)
