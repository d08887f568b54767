"""Taking fewer packets under pressure, but all of those that belong together: a share of the pairs of addresses.

Which pairs are kept hangs on the pair and on nothing else, so that both directions and all connections of a pair are kept or
left out as a whole, on every sensor the same, and a smaller share keeps some of the pairs of a larger one. Counts of what
was kept are whole; only fewer of them are seen. Random drops would instead tear every connection apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.kernels import kernel, types
from wireverdict.partition import hash_pair

WHOLE = 1 << 32


@kernel(
    types.int64(types.Array(types.from_dtype(HEADER), 1, "C", readonly=True), types.int64, types.int64[::1]),
    borrow=True,
)
def kept(rows: Any, limit: Any, out: Any) -> Any:
    """Write which rows belong to pairs whose hash is below `limit` of 2**32; how many. The hash is that of the partitions,
    by its other half: partitions are thinned out evenly."""
    many = 0
    for i in range(len(rows)):
        row = rows[i]
        if np.int64(hash_pair(row.src_hi, row.src_lo, row.dst_hi, row.dst_lo) >> np.uint64(32)) < limit:
            out[many] = i
            many += 1
    return many


Spans = list[tuple[int, int, float]]
"""Of time: first and last ns, and the share of pairs that was kept."""


def noted(spans: Spans, first: int, last: int, share: float) -> Spans:
    """With another span, which grows the last one if its share is the same."""
    if spans and spans[-1][2] == share:
        return [*spans[:-1], (min(spans[-1][0], first), max(spans[-1][1], last), share)]
    return [*spans, (first, last, share)]


def least(spans: Spans, start: int, end: int) -> float:
    """The least share between two times, `end` excluded; 1 where nothing was left out."""
    return min((share for first, last, share in spans if first < end and last >= start), default=1.0)


def weight(share: float) -> float:
    """How many headers each one stands for, where this share of pairs is kept."""
    return 1 / share if 0 < share < 1 else 1.0


class Shares:
    """How much of its windows a shard got. `width`: of a window, ns; 0 for windows by count.

    Each header stands for 1 / share headers (Horvitz and Thompson, JASA 47, 1952): those that were left out of a window are
    estimated by the headers that were kept in it, also where the share changed within it.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._spans: Spans = []
        self._counts: dict[int, dict[float, int]] = {}  # headers by window and share

    def note(self, ts: NDArray[np.int64], share: float) -> None:
        """Headers of these times (ns) belong to the share of pairs that were kept, where that is under 1."""
        if not 0 < share < 1 or not len(ts):
            return
        self._spans = noted(self._spans, int(ts.min()), int(ts.max()), share)
        if self._width:
            for number, count in zip(*np.unique(ts // self._width, return_counts=True), strict=True):
                counts = self._counts.setdefault(int(number), {})
                counts[share] = counts.get(share, 0) + int(count)

    def tell(self, number: int, start: int, end: int, packets: int) -> tuple[float, int]:
        """Of a window that is closed for good: the least share in it, and about how many headers were left out of it."""
        if not self._spans:
            return 1.0, 0
        share = least(self._spans, start, end)
        self._spans = [each for each in self._spans if each[1] >= end]
        counts = self._counts.pop(number, {}) if self._width else {share: packets}
        self._counts = {later: its for later, its in self._counts.items() if later > number}
        return share, round(sum(count * (weight(each) - 1) for each, count in sorted(counts.items())))

    def dump(self) -> dict[str, Any]:
        """All memory, as JSON values."""
        return {
            "sampled": self._spans,
            "thinned": [[number, sorted(counts.items())] for number, counts in sorted(self._counts.items())],
        }

    def load(self, spans: Sequence[Any], thinned: Sequence[Any]) -> None:
        """Take up what `dump` gave."""
        self._spans = [(int(first), int(last), float(share)) for first, last, share in spans]
        self._counts = {
            int(number): {float(share): int(count) for share, count in counts} for number, counts in thinned
        }


class Sampler:
    """`share`: of address pairs that are kept, over 0 and at most 1. `left_out`: headers so far that were not."""

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.left_out = 0

    def apply(self, batch: HeaderBatch) -> HeaderBatch:
        """The headers of the pairs that are kept, and the share with them."""
        if self.share >= 1:
            return batch
        found = np.empty(len(batch.rows), np.int64)
        found = found[: kept(np.ascontiguousarray(batch.rows), round(self.share * WHOLE), found)]
        self.left_out += len(batch.rows) - len(found)
        return HeaderBatch(batch.rows[found], batch.names, min(batch.sampling, self.share))


class Governor:
    """Says how large the share has to be: half of it whenever there is pressure, twice as much after `calm` looks without.

    `least`: it never becomes smaller; 1 for no sampling at all. `cpu`: cores that may be used for long, 0 for any.
    """

    def __init__(self, least: float, cpu: float, calm: int = 20) -> None:
        self.share = 1.0
        self._least, self._cpu, self._calm = least, cpu, calm
        self._quiet = self._busy = 0

    def look(self, fill: float, dropped: int, cores: float) -> float:
        """The share from now on. To be called at regular times: `fill` of the ring (0 to 1), packets that it had no room
        for, and cores used, since the last time."""
        over = 0 < self._cpu < cores
        self._busy = self._busy + 1 if over or dropped or fill > 0.5 else 0
        if self._busy >= 2:  # one bad moment is none: the process may have started, or been kept from running
            self.share = max(self._least, self.share / 2)
            self._quiet = self._busy = 0
        elif not self._busy and fill < 0.25 and not (self._cpu and cores > self._cpu / 2):
            self._quiet += 1
            if self._quiet >= self._calm:
                self.share, self._quiet = min(1.0, self.share * 2), 0
        else:
            self._quiet = 0
        return self.share
