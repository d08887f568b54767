"""How what several sensors saw of the same pairs of addresses lies in memory: rows that kernels read and write."""

from __future__ import annotations

import numpy as np

MOST_SENSORS = 4
"""Of a pair of addresses that are compared, two by two; more are not heard."""
BUCKETS = 8
"""Of packets that both sensors saw, by time: what clocks are compared by."""

ROW = np.dtype(
    [
        ("ts", "<i8"),  # ns, of the sensor's clock
        ("place", "<u8"),  # in the ring: hash of the pair of addresses; just taken: the link; later: the row in CONN
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("length", "<u4"),  # sequence numbers that it takes: payload, SYN and FIN; 0 once they are settled
        ("tsval", "<u4"),  # 0: none
        ("tsecr", "<u4"),
        ("sack_left", "<u4", (2,)),
        ("sack_right", "<u4", (2,)),  # equal to the left: no block
        ("low_port", "<u2"),
        ("high_port", "<u2"),
        ("flags", "<u2"),
        ("sensor", "<u2"),
        ("from_high", "u1"),  # sent by the endpoint with the numerically higher address and port
        ("dsack", "u1"),  # the first block reports a duplicate (RFC 2883)
        ("side", "u1"),  # which of the link's sensors saw it
        ("pad", "u1"),
    ],
    align=True,
)
"""A TCP packet that a sensor saw: a cache line of 64 bytes. Names as in `log.SEGMENT`."""

CELL = np.dtype([("tag", "<u4"), ("who", "<u4"), ("first", "<u4"), ("last", "<u4")], align=True)
"""A pair of addresses; four of them are a bucket. `tag`: of its hash. `who`: see `gate`. `first`: rows written to the ring
before the pair's first, modulo 2**32. `last`: number of the message that had it."""

GROUP = np.dtype(
    [
        ("key", "<u8"),  # hash of the pair; 0: free
        ("low_hi", "<u8"),  # of a free row: the next free one, plus one
        ("low_lo", "<u8"),
        ("high_hi", "<u8"),
        ("high_lo", "<u8"),
        ("links", "<i4", (MOST_SENSORS * (MOST_SENSORS - 1) // 2,)),  # i < j: i + j (j - 1) / 2
        ("sensors", "<u2", (MOST_SENSORS,)),
        ("many", "<u2"),
        ("pad", "<u2"),
        ("fresh", "<u4"),  # number of the message that made it
    ],
    align=True,
)
"""A pair of addresses that several sensors see."""

POINT = np.dtype(
    [("bucket", "<i8"), ("ts", "<i8", (2,)), ("gap", "<i8", (2,)), ("many", "<u4"), ("pad", "<u4")], align=True
)
"""Of packets of one direction in one stretch of time: the times at which side 0 saw those that took least and most to side 1
(gap, ns, of both clocks), and how many there were."""

LINK = np.dtype(
    [
        (
            "began",
            "<i8",
            (2,),
        ),  # ns, by side: from then on all its packets are known; least of int64: all that there were
        (
            "last",
            "<i8",
        ),  # number of the latest message that had packets of it; of a free row: the next free one, plus one
        ("points", POINT, (2, BUCKETS)),
        ("sent", "<i8"),  # segments of directions that lost some
        ("missed", "<i8"),  # of those, missed by the far sensor's capture
        ("group", "<i4"),  # -1: free
        ("sensors", "<u2", (2,)),
        ("cut", "u1"),  # packets of the pair came before `began`
        ("whole", "u1"),  # both sensors see the same data
        ("pad", "<u2"),
        ("more", "<u4"),
    ],
    align=True,
)
"""Two sensors that see the same pair of addresses."""

CONN = np.dtype(
    [
        ("last", "<i8", (2,)),  # ns, by side, of the latest packet; least of int64: none
        ("link", "<i4"),
        ("previous", "<i4"),  # an earlier connection of the same endpoints; -1: none
        ("isn", "<u4"),  # of the SYN
        ("cut", "<u4", (2,)),  # by direction: data below it are settled
        ("joint_seq", "<u4", (2,)),  # by direction: what both sensors have seen for the first time
        ("joint_ack", "<u4", (2,)),
        ("acked", "<u4", (4,)),  # by side and direction of the data: what was acknowledged
        ("sent", "<u4", (2,)),  # settled data segments at the near sensor, by direction
        ("missed_near", "<u4", (2,)),
        ("missed_far", "<u4", (2,)),
        ("low_port", "<u2"),
        ("high_port", "<u2"),
        ("bits", "<u4"),
        ("pad", "<u4"),
    ],
    align=True,
)
"""A connection at two sensors."""

OPENED, SYN_AT = 1, 2  # bits of CONN: isn is known; side 0 (side 1: shifted by one) has seen the SYN
CUT, JOINT_SEQ, JOINT_ACK, ACKED = 1 << 4, 1 << 6, 1 << 8, 1 << 10  # known; shifted by direction, or 2 side + direction
