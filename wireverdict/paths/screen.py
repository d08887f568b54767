"""A quick look at many rings: how many seconds were under load, and in how many a queue may have stood.

`wireverdict.paths.bufferbloat.judge` decides; this spares it those (nearly all) where there is nothing to decide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.paths.bufferbloat import FULL_PACKET, Settings
from wireverdict.paths.layout import BINS, LOAD, SAMPLES

LOADS, I4, I8 = types.from_dtype(LOAD)[:, ::1], types.int32[::1], types.int64[::1]
I8_2, F8 = types.int64[:, ::1], types.float64[::1]


@kernel(inline=True, borrow=True)
def insert(values: Any, count: Any, value: Any) -> None:
    """Put a value in its place among `count` sorted ones."""
    k: Any = np.int64(count)
    while k > 0 and values[k - 1] > value:
        values[k] = values[k - 1]
        k -= 1
    values[k] = value


@kernel(types.void(LOADS, I8, I4, I8, I8, I8_2, F8, F8, I8, I8_2), borrow=True)
def screen(
    loads: Any,
    oldest: Any,
    chosen: Any,
    since: Any,
    until: Any,
    bases: Any,
    limits: Any,
    work: Any,
    marks: Any,
    out: Any,
) -> None:
    """For ring chosen[i] and seconds since[i] <= s < until[i] write out[i]: seconds under load; those with enough round
    trips, by part; those in which a queue may have stood, by part; the last second under load.

    `oldest`: no ring has an earlier second. `bases`: µs by ring and part, 0 unknown. `limits`: load share, least bytes,
    least bytes in flight, least samples, waiting (µs), inflation. `work` (BINS,) and `marks` (BINS,) are scratch.
    """
    for i in range(len(chosen)):
        ring = chosen[i]
        for k in range(6):
            out[i, k] = 0
        busy: Any = np.int64(0)
        first = max(since[i], oldest[ring], np.int64(0))
        for second in range(first, until[i]):  # most rings are young: few of their bins need to be fetched
            b = loads[ring, second % BINS]
            if b.second != second or b.acked < limits[1]:
                continue
            flight = max(b.flight[0] / max(b.flights[0], 1), b.flight[1] / max(b.flights[1], 1))
            if flight < limits[2]:
                continue
            insert(work, busy, float(b.acked))
            marks[busy] = second % BINS
            busy += 1
        if busy == 0:
            continue
        plateau = limits[0] * work[(busy - 1) * 9 // 10]
        for k in range(busy):
            b = loads[ring, marks[k]]
            if b.acked < plateau:
                continue
            out[i, 0] += 1
            out[i, 5] = max(out[i, 5], b.second)
            for part in range(2):
                if b.count[part] < limits[3]:
                    continue
                out[i, 1 + part] += 1
                for j in range(b.kept[part]):
                    insert(work, np.int64(j), float(b.samples[part, j]))
                middle = (work[(b.kept[part] - 1) // 2] + work[b.kept[part] // 2]) / 2
                base = bases[i, part]
                if base and middle - base >= limits[4] and middle >= limits[5] * base:
                    out[i, 3 + part] += 1


def look(
    loads: NDArray[np.void],
    oldest: NDArray[np.int64],
    rings: NDArray[np.int32],
    since: NDArray[np.int64],
    until: NDArray[np.int64],
    bases: NDArray[np.int64],
    settings: Settings,
) -> NDArray[np.int64]:
    """`screen` with its scratch space; gives int64 (rings, 6)."""
    out = np.zeros((len(rings), 6), np.int64)
    limits = np.array(
        [
            settings.load_share,
            settings.min_load,
            settings.min_flight * FULL_PACKET,
            settings.min_samples,
            settings.queue_delay * 1e3,
            settings.inflation,
        ]
    )
    work, marks = np.zeros(max(BINS, SAMPLES)), np.zeros(BINS, np.int64)
    screen(loads, oldest, rings.astype(np.int32), since, until, np.ascontiguousarray(bases), limits, work, marks, out)
    return out
