"""What a detector sees of one closed window."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import SERVICE_KEY, Count, Dns
from wireverdict.windows.home import Address, HomeNetworks


class Table(NamedTuple):
    """Counts by address pair (and service): `keys` SERVICE_KEY[n], `counts` int64 (n, 2 sides, len(Count)).

    Side 0 is the lower address of the pair. Rows are sorted by key. Pairs have port, protocol and responder 0.
    """

    keys: NDArray[np.void]
    counts: NDArray[np.int64]

    def of(self, what: Count) -> NDArray[np.int64]:
        """One count for every row and both sides: int64 (n, 2)."""
        return self.counts[:, :, what]


class UnansweredName(NamedTuple):
    """A question that got no answer in time: presentation form in lower case (``(not kept)`` beyond the bound)."""

    name: str
    qtype: int
    unanswered: int


class DnsTable(NamedTuple):
    """DNS by client + resolver, sorted by key.

    `keys` DNS_KEY[n]; `counts` int64 (n, len(Dns)); `latency` int64 (n, LATENCY_BUCKETS), µs, of answers in time and
    late; `since` int64 (n,), ns, the first unanswered attempt's time (NEVER: none); `names[i]` the commonest unanswered
    questions of row i, most frequent first.
    """

    keys: NDArray[np.void]
    counts: NDArray[np.int64]
    latency: NDArray[np.int64]
    since: NDArray[np.int64]
    names: list[list[UnansweredName]]

    def of(self, what: Dns) -> NDArray[np.int64]:
        """One count for every row: int64 (n,)."""
        return self.counts[:, what]

    @property
    def unanswered(self) -> NDArray[np.int64]:
        """Attempts that got no answer in time and have had their time; those answered late are among them."""
        return self.of(Dns.ATTEMPTS) - self.of(Dns.ANSWERED) - self.of(Dns.PENDING)


@dataclass(slots=True)
class Capture:
    """How far the capture can be trusted in this window. The pipeline may add `reported_drops` (kernel, interface)."""

    late: int = 0  # packets that came after their window had closed, since the window before
    overflow: int = 0  # packets whose pair or service found no row of its own
    untracked_dns: int = 0
    reported_drops: int = 0
    final: bool = False  # closed by the end of the capture and not by the watermark
    data_packets: int = 0  # TCP
    missed_events: int = 0
    missed_bytes: int = 0
    payload_bytes: int = 0  # TCP payload
    tcp_packets: int = 0
    one_sided_packets: int = 0  # TCP packets of connections of which one direction only has been seen so far


@dataclass
class WindowView:
    """One closed window. Times in ns. For windows by count, `start` and `end` are the times of its packets."""

    number: int
    start: int
    end: int
    width: int
    packets: int
    services: Table
    dns: DnsTable
    capture: Capture
    home: HomeNetworks = field(default_factory=HomeNetworks)
    paths: Any = None  # judgements of wireverdict.paths, filled in by the pipeline

    @cached_property
    def _rows(self) -> dict[tuple[int, ...], int]:
        """Rows of `pairs` by (low_hi, low_lo, high_hi, high_lo)."""
        keys = self.pairs.keys
        columns = [keys[name].tolist() for name in ("low_hi", "low_lo", "high_hi", "high_lo")]
        return {key: row for row, key in enumerate(zip(*columns, strict=True))}

    def pair(self, first: Address, second: Address) -> NDArray[np.int64] | None:
        """Counts between two addresses, int64 (2, len(Count)): what `first` sent, what `second` sent. None: nothing."""
        low, high = min(first, second), max(first, second)
        row = self._rows.get((*low, *high))
        if row is None:
            return None
        counts: NDArray[np.int64] = self.pairs.counts[row]
        return counts if first == low else counts[::-1]

    @cached_property
    def hearing(self) -> frozenset[Address]:
        """Addresses to which at least one packet was captured."""
        keys, counts = self.pairs
        heard: set[Address] = set()
        for side, hi, lo in ((1, "low_hi", "low_lo"), (0, "high_hi", "high_lo")):
            rows = keys[counts[:, side, Count.PACKETS] > 0]
            heard.update(zip(rows[hi].tolist(), rows[lo].tolist(), strict=True))
        return frozenset(heard)

    @cached_property
    def pairs(self) -> Table:
        """`services` summed over services: one row for every address pair (the `other` row included)."""
        keys, counts = self.services
        if not len(keys):
            return self.services
        addresses = np.stack([keys[name] for name in ("low_hi", "low_lo", "high_hi", "high_lo")], axis=1)
        starts = np.flatnonzero(np.r_[True, np.any(addresses[1:] != addresses[:-1], axis=1)])
        pairs = np.zeros(len(starts), SERVICE_KEY)
        for name in ("low_hi", "low_lo", "high_hi", "high_lo"):
            pairs[name] = keys[name][starts]
        return Table(pairs, np.add.reduceat(counts, starts, axis=0))
