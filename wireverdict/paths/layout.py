"""How the memory of paths lies: a few bytes for every connection, much for the few that are busy or lose packets.

    SLOT    8 bytes a row of the connection table: how many data packets were sent, and the handshake's round trips
    MEMBER  a connection that has sent enough to be worth watching
    PAIR    its two addresses: the log of packets, all members together, and the smallest round-trip times
    RING    one data direction of a member: a minute of load in bins of a second (LOAD)

The log of a pair is a chain of chunks of EVENT rows. While nothing is lost, the latest one or two are kept, so that the
packets just before a first loss are there; from the first sign of loss on, up to a quota a period. Tables are reserved
whole and touched as they fill.
"""

from __future__ import annotations

import numpy as np

CHUNK = 64  # events; 4 KB, a page
BINS = 60  # s of load that are remembered
SAMPLES = 8  # round-trip times kept of a bin, evenly spaced
BASES = 32  # periods of which the smallest round trips are remembered: five minutes
SIEVE = 16  # bits of a pair's hash by which strangers are told: 8 KB
AGAIN = 16  # periods in which packets sent again are counted
NEVER = 1 << 62  # s: the first second of a ring that has none
ECHOES = 8  # timestamps on their way at one time

SLOT = np.dtype(
    [
        ("member", "<u4"),  # row + 1; 0 none
        ("sent", "u1", (2,)),  # data packets by side (0 originator), saturating
        ("rtt", "u1", (2,)),  # first round trip from the capture point to a side and back, by side: see `coarse`
    ]
)

DEPARTED = 1 << 0  # MEMBER.bits: its connection has ended; kept until its last window has closed
ORIGINATOR_HIGH = 1 << 1

TRUE, FALSE = 1, 2
"""What was answered at least once."""

MEMBER = np.dtype(
    [
        ("last_ts", "<i8"),
        ("base", "<u4", (2,)),  # µs, its own smallest round trips to the lower and the higher address
        ("slot", "<i4"),
        ("pair", "<i4"),
        (
            "ring",
            "<i4",
            (2,),
        ),  # row + 1 by direction (0: from the lower address). Of a free row: [0] the next
        ("ordinal", "<u4"),  # number within the pair
        ("last_event", "<u4"),  # number of its last event in the pair's log
        ("judged_event", "<u4"),  # up to which `pending` holds
        ("low_port", "<u2"),  # of the lower address
        ("high_port", "<u2"),
        ("bits", "u1"),
        ("policed", "u1"),  # TRUE or FALSE << 2 · direction
        ("pending", "u1"),  # the same of the last closed window; counts once there are later packets
        ("bloated", "u1"),  # TRUE or FALSE
        ("pad", "<u4"),
    ],
    align=True,
)

PAIR = np.dtype(
    [
        ("low_hi", "<u8"),
        ("low_lo", "<u8"),
        ("high_hi", "<u8"),
        ("high_lo", "<u8"),
        ("last_ts", "<i8"),
        ("loss_ts", "<i8"),  # of the last sign of loss; 0 none
        ("period", "<i8"),  # number of the latest period of the quota and of `again`
        ("generation", "<i8"),  # number of the latest period of `base`
        ("base", "<u4", (2, BASES)),  # µs, smallest round trip to the lower, higher address, by period modulo BASES
        ("again", "<u2", (2, AGAIN)),  # data packets sent again, by direction and period modulo AGAIN, saturating
        ("head", "<i4"),  # oldest chunk; -1 none. Of a free row: the next
        ("tail", "<i4"),
        ("chunks", "<i4"),
        ("used", "<i4"),  # events in the tail
        ("number", "<u4"),  # events ever logged
        ("in_period", "<u4"),
        ("connections", "<u4"),  # members ever
        ("members", "<i4"),  # now; -1 free row
        ("skipped", "<u4"),  # packets that the log had no room for
        ("gap", "<u4"),  # 1: the last packet was skipped
    ],
    align=True,
)

RING = np.dtype(
    [
        ("newest", "<i8"),  # second
        ("judged", "<i8"),  # second up to which `pending` holds
        ("echo_ts", "<i8", (ECHOES,)),  # ns, when a timestamp was first sent towards the data's sender
        ("echo_tsval", "<u4", (ECHOES,)),
        ("echo_ack", "<u4", (ECHOES,)),
        ("echo_first", "<u4"),
        ("echo_count", "<u4"),
        ("echo_last", "<u4"),  # the last TSval taken
        ("member", "<i4"),  # -1 free
        ("next", "<i4"),
        ("direction", "u1"),
        ("pending", "u1"),  # of the last closed window: TRUE or FALSE
        ("pad", "<u2"),
    ],
    align=True,
)

NEAR, FAR = 0, 1
"""Parts of a path: from the capture point to the data's receiver, and from the data's sender to the capture point."""

LOAD = np.dtype(
    [
        ("second", "<i8"),
        ("acked", "<u8"),  # bytes
        ("flight", "<u8", (2,)),  # by part: sum of bytes in flight
        ("samples", "<u4", (2, SAMPLES)),  # by part: round-trip times, µs
        ("flights", "<u4", (2,)),  # by part: how many `flight` sums up
        ("count", "<u4", (2,)),  # by part: round-trip times seen
        ("kept", "u1", (2,)),
        ("shift", "u1", (2,)),  # one of 2**shift is kept
        ("packets", "<u4"),
    ],
    align=True,
)

# places in the counters
(
    FREE_MEMBER,  # first free row + 1
    TOP_MEMBER,
    FREE_PAIR,
    TOP_PAIR,
    FREE_CHUNK,
    TOP_CHUNK,
    CHUNKS_USED,
    FREE_RING,
    TOP_RING,
    FULL_MEMBERS,  # times that a connection found no row
    FULL_PAIRS,
    FULL_RINGS,
    FULL_LOG,  # packets that found no chunk
    OVER_QUOTA,  # packets beyond their pair's quota
    PAIRS_USED,
    COUNTERS,
) = range(16)

# places in the array of limits
HORIZON, KEEP, FORGET, PERIOD, QUOTA, BULK, LIMITS = range(7)
