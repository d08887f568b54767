"""The memory of DNS transactions, as flat arrays that kernels work on."""

from __future__ import annotations

import numpy as np

from wireverdict.windows.fields import DNS_COUNTS

# `d`: scalars of this module, int64
(
    PAIRS,  # rows per window
    PAIR_INDEX,  # index cells per window
    NAMES,
    NAME_INDEX,
    TIMEOUT,  # ns
    LATE_LIMIT,  # ns
    CELLS,  # index cells of waiting keys
    KEY_FREE,
    KEY_USED,
    ATTEMPT_FREE,
    ATTEMPT_USED,
    T_ATTEMPTS,  # totals over the run
    T_ANSWERED,
    T_LATE,
    T_ORPHANS,
    T_UNTRACKED,
) = range(16)
D_SIZE = 16

WAITING = np.dtype(
    [
        ("client_hi", "<u8"),
        ("client_lo", "<u8"),
        ("server_hi", "<u8"),
        ("server_lo", "<u8"),
        ("qhash", "<u8"),
        ("hash", "<u8"),
        ("near", "<u8"),  # hash of all but the question
        ("head", "<i4"),  # attempts, oldest first; 0: row not in use
        ("tail", "<i4"),
        ("live", "<i4"),  # oldest attempt not known to have timed out; 0: none
        ("before", "<i4"),  # the attempt before it; 0: none
        ("next", "<i4"),  # free list
        ("port", "<u2"),  # the client's
        ("id", "<u2"),
        ("qtype", "<u2"),
        ("protocol", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)
"""Attempts with one key."""

ATTEMPT = np.dtype(
    [
        ("ts", "<i8"),
        ("window", "<i8"),
        ("row", "<i4"),  # of the client + resolver in its window
        ("name", "<i4"),  # row of the name in its window; 0 not kept
        ("next", "<i4"),
        ("flags", "<i4"),
    ],
    align=True,
)
FIRST, IN_USE = 1, 2  # ATTEMPT.flags: first packet of its flow; the row holds an attempt that waits

NAME = np.dtype(
    [("qhash", "<u8"), ("qtype", "<u2"), ("length", "<u2"), ("place", "<i4"), ("text", "u1", (256,))], align=True
)

FEW = 8
"""Latency buckets that a client + resolver keeps beside its counts: answers << 8 | bucket. Most never need more; others
get a row of LATENCY_BUCKETS, whose number << 8 | MANY is in the first of the eight."""

MANY = 255
"""No bucket has this number."""

ROW = DNS_COUNTS + FEW
"""Numbers by client + resolver: len(Dns) counts and FEW buckets."""
