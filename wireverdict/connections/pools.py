"""Side tables: rows that a connection takes only when it needs them, and gives back when it ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.connections.layout import INLINE_RTT, RTT_BUCKETS
from wireverdict.kernels import kernel

# places in the counters array
(
    FREE_ROW,  # first free connection row + 1
    TOP_ROW,  # rows ever used
    LIVE_ROWS,
    FREE_TROUBLE,
    TOP_TROUBLE,
    FULL_TROUBLE,  # times that there was none
    FREE_HISTOGRAM,
    TOP_HISTOGRAM,
    FULL_HISTOGRAM,
    ENDED_ROWS,  # in the list of ended connections
    CUT_TCP,  # TCP packets whose header was cut: no connection can be told
    OTHER_PROTOCOL,  # packets of protocols that are not tracked
    NEW_TCP,
    NEW_UDP,
    NEW_ICMP,
    HOLES_FORGOTTEN,
    COUNTERS,
) = range(17)


@kernel(borrow=True)
def take_trouble(e: Any, trouble: Any, counters: Any) -> Any:
    """The TROUBLE row of a direction, newly taken if need be; -1 if all are in use (counted)."""
    if e.trouble:
        return np.int64(e.trouble) - 1
    row = counters[FREE_TROUBLE] - 1
    if row >= 0:
        counters[FREE_TROUBLE] = np.int64(trouble[row].retransmissions)
    elif counters[TOP_TROUBLE] < len(trouble) - 1:
        row = counters[TOP_TROUBLE]
        counters[TOP_TROUBLE] += 1
    else:
        counters[FULL_TROUBLE] += 1
        return np.int64(-1)
    trouble[row] = trouble[len(trouble) - 1]  # the last row is never used: all zero
    e.trouble = row + 1
    return row


@kernel(borrow=True)
def give_back(e: Any, trouble: Any, histogram: Any, counters: Any) -> None:
    """Return the side rows of a direction that has ended."""
    if e.trouble:
        row = np.int64(e.trouble) - 1
        trouble[row].retransmissions = np.uint32(counters[FREE_TROUBLE])
        counters[FREE_TROUBLE] = row + 1
        e.trouble = 0
    if e.rtt_samples > INLINE_RTT and e.rtt[0]:
        row = np.int64(e.rtt[0]) - 1
        histogram[row].low = np.uint32(counters[FREE_HISTOGRAM])
        counters[FREE_HISTOGRAM] = row + 1
    e.rtt_samples = 0


@kernel(inline=True, borrow=True)
def bucket_of(us: Any) -> Any:
    """Histogram bucket of a time in µs: 8 a power of two; below 8 µs one a µs."""
    value = np.int64(us)
    exponent: Any = np.int64(0)
    if value >= 1 << 19:
        value >>= 16
        exponent = 16
    if value >= 1 << 11:
        value >>= 8
        exponent += 8
    if value >= 1 << 7:
        value >>= 4
        exponent += 4
    if value >= 1 << 5:
        value >>= 2
        exponent += 2
    if value >= 1 << 4:
        value >>= 1
        exponent += 1
    return min(exponent * 8 + value, np.int64(RTT_BUCKETS - 1))


@kernel(borrow=True)
def add_rtt(e: Any, us: Any, histogram: Any, counters: Any) -> None:
    """Note a round-trip time (µs) of a direction: the first three as they are, all in a histogram from the fourth on."""
    n = e.rtt_samples
    if n < INLINE_RTT:
        e.rtt[n] = us
        e.rtt_samples = n + 1
        return
    if n == INLINE_RTT:
        row = counters[FREE_HISTOGRAM] - 1
        if row >= 0:
            counters[FREE_HISTOGRAM] = np.int64(histogram[row].low)
        elif counters[TOP_HISTOGRAM] < len(histogram):
            row = counters[TOP_HISTOGRAM]
            counters[TOP_HISTOGRAM] += 1
        else:
            counters[FULL_HISTOGRAM] += 1
            return  # the first three stand for all
        new = histogram[row]
        for bucket in range(RTT_BUCKETS):
            new.count[bucket] = 0
        new.low = e.rtt[0]
        new.high = e.rtt[0]
        for sample in range(INLINE_RTT):
            value = e.rtt[sample]
            new.count[bucket_of(value)] += 1
            new.low = min(new.low, value)
            new.high = max(new.high, value)
        e.rtt[0] = row + 1
    kept = histogram[np.int64(e.rtt[0]) - 1]
    kept.count[bucket_of(us)] += 1
    kept.low = min(kept.low, np.uint32(us))
    kept.high = max(kept.high, np.uint32(us))
    e.rtt_samples = n + 1
