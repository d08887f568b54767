"""What was counted by service in one window, taken out of the window's memory."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import COUNTS, Count
from wireverdict.windows.order import order_of
from wireverdict.windows.rows import Rows
from wireverdict.windows.view import Table

_SENT = {
    Count.PACKETS: "packets",
    Count.BYTES: "bytes",
    Count.DATA_PACKETS: "data",
    Count.PAYLOAD_BYTES: "payload",
    Count.ACKED_BYTES: "acked",
}
_FLOWS = {
    Count.OUT: "sent_out",
    Count.IN: "sent_in",
    Count.SYN_ATTEMPTS: "syn_attempts",
    Count.SYN_PACKETS: "syn_attempts",  # and TROUBLE's retries
    Count.SYN_ANSWERED: "syn_answered",
    Count.ESTABLISHED: "established",
    Count.ADVANCED: "advanced",
    Count.NEW_FLOWS: "new_flows",
    Count.ONE_SIDED: "one_sided",
}
_TROUBLES = {
    Count.RETRANSMISSIONS: "retransmissions",
    Count.RETRANSMITTED_BYTES: "retransmitted",
    Count.SPURIOUS: "spurious",
    Count.OUT_OF_ORDER: "out_of_order",
    Count.DUPLICATE_ACKS: "duplicate_acks",
    Count.ZERO_WINDOWS: "zero_windows",
    Count.STALL_MS: "stall_ms",
    Count.MISSED_BYTES: "missed_bytes",
    Count.MISSED_EVENTS: "missed_events",
    Count.SYN_PACKETS: "syn_retries",
    Count.SYN_REFUSED: "syn_refused",
    Count.SYN_UNREACHABLE: "syn_unreachable",
    Count.UNREACHABLE: "unreachable",
    Count.RESETS: "resets",
    Count.COPIES: "copies",
}


class Services:
    """Rows in the order in which they came; sorted, and turned into int64, when somebody looks.

    `keys` SERVICE_KEY[n], row 0 `other`; `sent` state.SENT[2·n], `flows` state.FLOWS[2·n] by row and side; `trouble_of`
    int32[n]: 0 or 1 + the row in `troubles` state.TROUBLE[2·m]. `pending` int64 (n, 2): SYN_PENDING, None for none.
    """

    def __init__(
        self,
        keys: NDArray[np.void],
        sent: NDArray[np.void],
        flows: NDArray[np.void],
        trouble_of: NDArray[np.int32],
        troubles: NDArray[np.void],
        pending: NDArray[np.int64] | None = None,
    ) -> None:
        self._keys = keys
        self._sent, self._flows, self._troubles = sent.reshape(-1, 2), flows.reshape(-1, 2), troubles.reshape(-1, 2)
        self._trouble_of, self._pending = trouble_of, pending

    @cached_property
    def _order(self) -> NDArray[np.int32]:
        """Rows by key; row 0 (`other`) only if something is in it."""
        other = self._sent[:1].tobytes() + self._flows[:1].tobytes()
        if self._trouble_of[0]:
            other += self._troubles[self._trouble_of[0] - 1].tobytes()
        if self._pending is not None:
            other += self._pending[0].tobytes()
        first = 0 if other.strip(b"\0") else 1
        keys = self._keys[first:]
        words = keys.view(np.uint64).reshape(-1, 5).copy()
        tail = keys["port"].astype(np.uint64) << np.uint64(16)
        words[:, 4] = tail | keys["protocol"].astype(np.uint64) << np.uint64(8) | keys["responder"]
        return order_of(words) + np.int32(first)

    @cached_property
    def rows(self) -> Rows:
        """All rows, row 0 (`other`) included, in the order in which they came."""
        return Rows(self._keys, self._arrived)

    def table(self) -> Table:
        """The table for detectors."""
        return Table(self.keys, self.counts, self.column, lambda: self.rows)

    def keys(self) -> NDArray[np.void]:
        """SERVICE_KEY, sorted."""
        return self._keys[self._order]

    def column(self, what: Count) -> NDArray[np.int64]:
        """One count, int64 (n, 2), in the order of `keys`."""
        return self.rows.of(what)[self._order]

    def counts(self) -> NDArray[np.int64]:
        """All counts, int64 (n, 2, COUNTS), in the order of `keys`."""
        counts = np.empty((len(self._order), 2, COUNTS), np.int64)
        for what in Count:
            counts[:, :, what] = self.column(what)
        return counts

    @cached_property
    def _troubled(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Rows that have a TROUBLE row, and which one it is."""
        where = np.flatnonzero(self._trouble_of)
        return where, self._trouble_of[where] - 1

    def _arrived(self, what: Count) -> NDArray[np.int64]:
        """One count of all rows as they came: int64 (n, 2)."""
        if what in _SENT:
            column = self._sent[_SENT[what]].astype(np.int64)
        elif what in _FLOWS:
            column = self._flows[_FLOWS[what]].astype(np.int64)
        elif what is Count.SYN_PENDING and self._pending is not None:
            column = self._pending
        else:
            column = np.zeros((len(self._keys), 2), np.int64)
        if what in _TROUBLES:
            where, which = self._troubled
            column[where] += self._troubles[_TROUBLES[what]][which].astype(np.int64)
        return column
