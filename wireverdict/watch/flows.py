"""Connections to be shown: the busiest that are open, and the last that have ended."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections import pools
from wireverdict.connections.layout import ENDED, LIVE, ORIGINATOR_LOW
from wireverdict.connections.tracker import Tracker
from wireverdict.output.fields import FLAGS
from wireverdict.records import CONNECTION
from wireverdict.watch.filters import Ends, Filter, ends

Records = NDArray[np.void]


def open_connections(tracker: Tracker, most: int, chosen: Filter | None = None) -> tuple[Records, int]:
    """Records of the `most` open connections with the most bytes, of those that match, most first; how many are open.

    Of an expression that looks at text or flags, which are known of records only, the busiest are taken before it.
    """
    top = int(tracker.counters[pools.TOP_ROW])
    conn = tracker.conn[:top]
    rows = np.flatnonzero((conn["bits"] & (LIVE | ENDED)) == LIVE)
    many = len(rows)
    if chosen is not None and chosen.plain:
        rows = rows[chosen.mask(_ends(conn[rows]))]
    octets = tracker.half["ip_bytes"][: 2 * top].reshape(-1, 2)[rows].sum(axis=1, dtype=np.int64)
    if len(rows) > most:
        rows = rows[np.argpartition(octets, len(octets) - most)[len(octets) - most :]]
    records = tracker.records(rows.astype(np.int32), final=False)
    total = records["source"]["bytes"] + records["destination"]["bytes"]
    return records[np.argsort(total.max(initial=0) - total, kind="stable")], many


def _ends(conn: NDArray[np.void]) -> Ends:
    low = conn["bits"] & ORIGINATOR_LOW != 0
    parts = [
        np.where(low == first, conn[f"low_{half}"], conn[f"high_{half}"])
        for first in (True, False)
        for half in ("hi", "lo")
    ]
    ports = [np.where(low == first, conn["low_port"], conn["high_port"]).astype(np.int64) for first in (True, False)]
    return ends(parts, [*ports, conn["protocol"].astype(np.int64)])


class Ended:
    """The last connections that have ended, those with a flag kept longer, and how often each flag was raised."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.raised = np.zeros(len(FLAGS), np.int64)
        self.total = 0
        self._flagged: Records = np.zeros(0, CONNECTION)
        self._last: Records = np.zeros(0, CONNECTION)

    def add(self, records: Records) -> None:
        """Records as the pipeline gives them, in the order in which connections ended."""
        raised, final = records["flags_true"], records["final"] == 1
        self.total += int(np.count_nonzero(final))
        flagged = np.flatnonzero(final & (raised != 0))
        few = raised[flagged]
        for bit in range(len(FLAGS)):
            self.raised[bit] += np.count_nonzero(few >> np.uint32(bit) & np.uint32(1))
        self._flagged = self._with(self._flagged, records, flagged)
        self._last = self._with(self._last, records, np.flatnonzero(final & (raised == 0)))

    def _with(self, kept: Records, records: Records, which: NDArray[np.intp]) -> Records:
        return np.concatenate([kept, records[which[-self.most :]]])[-self.most :] if len(which) else kept

    @property
    def records(self) -> Records:
        """All that are kept, the last first."""
        kept = np.concatenate([self._flagged, self._last])
        return kept[np.argsort(-kept["last_ts"], kind="stable")]
