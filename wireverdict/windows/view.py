"""What a detector sees of one closed window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import COUNTS, LATENCY_BUCKETS, Count, Dns
from wireverdict.windows.home import Address, HomeNetworks
from wireverdict.windows.order import order_of
from wireverdict.windows.rows import Rows

ADDRESSES = ("low_hi", "low_lo", "high_hi", "high_lo")
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


class Table:
    """Counts by address pair (and service): `keys` SERVICE_KEY[n], `counts` int64 (n, 2 sides, len(Count)).

    Side 0 is the lower address of the pair. Rows are sorted by key. Pairs have port, protocol and responder 0.

    Made of arrays, or of functions that give them when they are first asked for: a window of many rows has far more
    counts than are looked at, so prefer ``of`` to ``counts``. ``keys, counts = table`` takes it apart.
    """

    def __init__(
        self,
        keys: NDArray[np.void] | Callable[[], NDArray[np.void]],
        counts: NDArray[np.int64] | Callable[[], NDArray[np.int64]],
        column: Callable[[Count], NDArray[np.int64]] | None = None,
        rows: Callable[[], Rows] | None = None,
    ) -> None:
        self._keys, self._counts, self._column, self._rows = keys, counts, column, rows

    @cached_property
    def keys(self) -> NDArray[np.void]:
        """SERVICE_KEY[n]."""
        return self._keys() if callable(self._keys) else self._keys

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """All counts: int64 (n, 2, len(Count))."""
        return self._counts() if callable(self._counts) else self._counts

    @cached_property
    def rows(self) -> Rows:
        """The same rows in no order, which costs less: for a first look."""
        return self._rows() if self._rows is not None else Rows(self.keys, self.of)

    def __iter__(self) -> Iterator[Any]:
        yield self.keys
        yield self.counts

    def of(self, what: Count) -> NDArray[np.int64]:
        """One count for every row and both sides: int64 (n, 2)."""
        if self._column is None or "counts" in self.__dict__:
            return self.counts[:, :, what]
        return self._column(what)


class UnansweredName(NamedTuple):
    """A question that got no answer in time: presentation form in lower case (``(not kept)`` beyond the bound)."""

    name: str
    qtype: int
    unanswered: int


class Histograms:
    """Latency histograms by row, most of them nearly empty.

    Indexed as an array would be along its first axis: `[i]` gives int64 (LATENCY_BUCKETS,), `[rows]` several rows.
    Of row i, `buckets[starts[i] : stops[i]]` are not empty and `many` is what they hold. ``numpy.asarray`` gives all
    rows as one array, int64 (n, LATENCY_BUCKETS).
    """

    def __init__(
        self,
        starts: NDArray[np.intp],
        stops: NDArray[np.intp],
        buckets: NDArray[np.uint32],
        many: NDArray[np.uint32],
    ) -> None:
        self._starts, self._stops, self._buckets, self._many = starts, stops, buckets, many

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, rows: Any) -> NDArray[np.int64]:
        starts, stops = self._starts[rows], self._stops[rows]
        histograms = np.zeros((*np.shape(starts), LATENCY_BUCKETS), np.int64)
        flat = histograms.reshape(-1, LATENCY_BUCKETS)
        sizes = np.atleast_1d(stops - starts)
        which = np.repeat(np.arange(len(sizes)), sizes)
        cells = np.arange(len(which)) + np.repeat(np.atleast_1d(starts) - (np.cumsum(sizes) - sizes), sizes)
        np.add.at(flat, (which, self._buckets[cells]), self._many[cells])
        return histograms

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.int64)


class DnsRows(NamedTuple):
    """`keys` DNS_KEY[n]; `counts` integers (n, len(Dns)), perhaps unsigned."""

    keys: NDArray[np.void]
    counts: NDArray[Any]


class DnsTable:
    """DNS by client + resolver, sorted by key.

    `keys` DNS_KEY[n]; `counts` int64 (n, len(Dns)); `latency[i]` int64 (LATENCY_BUCKETS,), µs, of answers in time
    and late; `since` int64 (n,), ns, the first unanswered attempt's time (NEVER: none); `names[i]` the commonest
    unanswered questions of row i, most frequent first. As with `Table`, made of values or of functions that give them.
    """

    def __init__(
        self,
        keys: NDArray[np.void] | Callable[[], NDArray[np.void]],
        counts: NDArray[np.int64] | Callable[[], NDArray[np.int64]],
        latency: NDArray[np.int64] | Histograms | Callable[[], Histograms],
        since: NDArray[np.int64] | Callable[[], NDArray[np.int64]],
        names: list[list[UnansweredName]] | Callable[[], list[list[UnansweredName]]],
        rows: DnsRows | None = None,
    ) -> None:
        self._rows = rows
        self._keys, self._counts, self._latency, self._since, self._names = keys, counts, latency, since, names

    @cached_property
    def keys(self) -> NDArray[np.void]:
        """DNS_KEY[n]."""
        return self._keys() if callable(self._keys) else self._keys

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """int64 (n, len(Dns))."""
        return self._counts() if callable(self._counts) else self._counts

    @property
    def rows(self) -> DnsRows:
        """The same rows in no order, which costs less: for a first look. One of them may be an empty `other`."""
        return self._rows or DnsRows(self.keys, self.counts)

    @cached_property
    def latency(self) -> NDArray[np.int64] | Histograms:
        """int64 (n, LATENCY_BUCKETS), by row."""
        return self._latency() if callable(self._latency) else self._latency

    @cached_property
    def since(self) -> NDArray[np.int64]:
        """int64 (n,), ns."""
        return self._since() if callable(self._since) else self._since

    @cached_property
    def names(self) -> list[list[UnansweredName]]:
        """By row."""
        return self._names() if callable(self._names) else self._names

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
    sampled: float = 1.0  # the least share of address pairs whose packets were taken (wireverdict.sampling)
    left_out: int = 0  # packets that were not taken for that, estimated
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
    located: tuple[bytes, ...] = ()  # losses that several sensors located, packed (wireverdict.location.recent)

    def pair(self, first: Address, second: Address) -> NDArray[np.int64] | None:
        """Counts between two addresses, int64 (2, len(Count)): what `first` sent, what `second` sent. None: nothing."""
        low, high = min(first, second), max(first, second)
        keys = self.pairs.keys
        start, stop = 0, len(keys)
        for name, value in zip(ADDRESSES, (*low, *high), strict=True):
            column = keys[name][start:stop]
            low_end, high_end = (int(np.searchsorted(column, np.uint64(value), side)) for side in _SIDES)
            start, stop = start + low_end, start + high_end
        if start == stop:
            return None
        counts: NDArray[np.int64] = self.pairs.counts[start]
        return counts if first == low else counts[::-1]

    @cached_property
    def hearing(self) -> frozenset[Address]:
        """Addresses to which at least one packet was captured."""
        keys, packets = self.pairs.keys, self.pairs.of(Count.PACKETS)
        heard: set[Address] = set()
        for side, hi, lo in ((1, "low_hi", "low_lo"), (0, "high_hi", "high_lo")):
            rows = keys[packets[:, side] > 0]
            heard.update(zip(rows[hi].tolist(), rows[lo].tolist(), strict=True))
        return frozenset(heard)

    @cached_property
    def pairs(self) -> Table:
        """`services` summed over services: one row for every address pair (the `other` row included)."""
        return Table(self._pair_keys, self._pair_counts, self._pair_column)

    def some_pairs(self, chosen: NDArray[np.bool_]) -> Table:
        """As `pairs`, but only the groups of `services.rows.pairs` that are `chosen` (bool by group)."""
        rows = self.services.rows
        members = np.flatnonzero(chosen[rows.pairs.of])
        numbers, place = np.unique(rows.pairs.of[members], return_inverse=True)
        firsts = rows.pairs.firsts[numbers]
        order = order_of(rows.words[firsts, :4])
        keys = rows.keys[firsts[order]]
        for name in ("port", "protocol", "responder"):
            keys[name] = 0
        rank = np.empty(len(order), np.intp)
        rank[order] = np.arange(len(order))

        def column(what: Count) -> NDArray[np.int64]:
            sums = np.zeros((len(keys), 2), np.int64)
            np.add.at(sums, rank[place], rows.of(what)[members])
            return sums

        def counts() -> NDArray[np.int64]:
            return np.stack([column(Count(what)) for what in range(COUNTS)], axis=2)

        return Table(keys, counts, column)

    @cached_property
    def _starts(self) -> NDArray[np.intp]:
        """The first row of each pair in `services`."""
        keys = self.services.keys
        differs = np.ones(len(keys), bool)
        differs[1:] = False
        for name in ADDRESSES:
            differs[1:] |= keys[name][1:] != keys[name][:-1]
        return np.flatnonzero(differs)

    def _pair_keys(self) -> NDArray[np.void]:
        pairs = self.services.keys[self._starts]
        for name in ("port", "protocol", "responder"):
            pairs[name] = 0
        return pairs

    def _pair_counts(self) -> NDArray[np.int64]:
        return self._summed(self.services.counts)

    def _pair_column(self, what: Count) -> NDArray[np.int64]:
        return self._summed(self.services.of(what))

    def _summed(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of services summed over services."""
        starts = self._starts
        if len(starts) == len(counts):
            return counts
        sums = counts[starts]
        more = np.ones(len(counts), bool)
        more[starts] = False
        rows = np.flatnonzero(more)  # services that are not their pair's first: few, as a rule
        columns = sums[0].size
        cells = (np.searchsorted(starts, rows) - 1)[:, None] * columns + np.arange(columns)
        np.add.at(sums.reshape(-1), cells.reshape(-1), counts[rows].reshape(-1))
        return sums
