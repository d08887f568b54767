"""The connection table as a snapshot, and back: rows that are in use are kept, the index is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wireverdict.connections import index, pools
from wireverdict.connections.layout import CONN, ENDED, HALF, HISTOGRAM, LIVE, TROUBLE
from wireverdict.connections.track import CONNS, I8, U4
from wireverdict.kernels import kernel, types
from wireverdict.snapshot import array

if TYPE_CHECKING:
    from wireverdict.connections.tracker import Tracker


@kernel(types.int64(CONNS, I8, U4), borrow=True)
def rebuild(conn: Any, counters: Any, table: Any) -> Any:
    """Enter all rows that can be found by their key into the empty index; how many."""
    many = np.int64(0)
    mask = np.int64(len(table) - 1)
    for at in range(counters[pools.TOP_ROW]):
        c = conn[at]
        if not c.bits & LIVE or c.bits & ENDED:
            continue
        h = index.hash_of_row(c)
        place = np.int64(h & np.uint64(mask))
        while table[place]:
            place = (place + 1) & mask
        table[place] = index.entry_for(h, at)
        many += 1
    return many


def dump(tracker: Tracker) -> dict[str, Any]:
    """See `Tracker.dump`."""
    c = tracker.counters
    top = int(c[pools.TOP_ROW])
    return {
        "counters": c,
        "conn": tracker.conn[:top],
        "half": tracker.half[: 2 * top],
        "trouble": tracker.trouble[: int(c[pools.TOP_TROUBLE])],
        "histogram": tracker.histogram[: int(c[pools.TOP_HISTOGRAM])],
        "ended": tracker.ended_rows,
        "evicted": [tracker.evicted_half_open, tracker.evicted_others],
    }


def load(tracker: Tracker, told: dict[str, Any]) -> None:
    """See `Tracker.load`."""
    counters = array(told, "counters", np.int64, pools.COUNTERS, exactly=True)
    conn = array(told, "conn", CONN, len(tracker.conn))
    top = len(conn)
    half = array(told, "half", HALF, 2 * top, exactly=True)
    trouble = array(told, "trouble", TROUBLE, len(tracker.trouble) - 1)
    histogram = array(told, "histogram", HISTOGRAM, len(tracker.histogram))
    ended = array(told, "ended", np.int32, top)
    sizes = (pools.TOP_ROW, top), (pools.TOP_TROUBLE, len(trouble)), (pools.TOP_HISTOGRAM, len(histogram))
    if any(counters[place] != size for place, size in (*sizes, (pools.ENDED_ROWS, len(ended)))):
        raise ValueError("snapshot: tables of connections do not fit their counters")
    tracker.conn[:top], tracker.half[: 2 * top] = conn, half
    tracker.trouble[: len(trouble)], tracker.histogram[: len(histogram)] = trouble, histogram
    tracker.ended[: len(ended)] = ended
    tracker.counters[:] = counters
    if tracker.rebuild_index() != counters[pools.LIVE_ROWS]:
        raise ValueError("snapshot: other connections than were counted")
    tracker.evicted_half_open, tracker.evicted_others = (int(count) for count in told["evicted"])
