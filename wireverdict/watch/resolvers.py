"""DNS by resolver: what was asked, what came back, how soon."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import UDP
from wireverdict.output.endpoints import addresses
from wireverdict.watch.filters import Filter, ends
from wireverdict.watch.peek import Recent
from wireverdict.windows.fields import LATENCY_BUCKETS, Dns, bucket_bounds
from wireverdict.windows.groups import group

Numbers = NDArray[np.int64]
DNS_PORT = 53
_MIDDLE = np.array([sum(bucket_bounds(bucket)) / 2 for bucket in range(LATENCY_BUCKETS)])


class ResolverRows(NamedTuple):
    """Resolvers, most queries first. `address`: uint64 (n, 2). Of `queries`, `answered` (in time or late), `unanswered` (had
    their time) and `waiting`. `failed`: answers with SERVFAIL or REFUSED. `p50`, `p95`: µs, NaN without answers."""

    address: NDArray[np.uint64]
    clients: Numbers
    queries: Numbers
    answered: Numbers
    unanswered: Numbers
    waiting: Numbers
    failed: Numbers
    p50: NDArray[np.float64]
    p95: NDArray[np.float64]


def busiest(recent: Recent, most: int, chosen: Filter | None = None) -> ResolverRows:
    """The `most` resolvers with the most queries, of clients and resolvers that match."""
    keep = np.flatnonzero(recent.dns[:, Dns.ATTEMPTS] + recent.dns[:, Dns.ORPHANS])
    keys = recent.asked[keep]
    if chosen is not None:
        four = [keys[f"{end}_{half}"] for end in ("client", "server") for half in ("hi", "lo")]
        numbers = [np.full(len(keys), number) for number in (0, DNS_PORT, UDP)]
        mask = chosen.mask(ends(four, numbers, text=lambda: _lines(keys)))
        keep, keys = keep[mask], keys[mask]
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 4)
    servers, pairs = group(np.ascontiguousarray(words[:, 2:]), 2), group(words, 4)
    counts = servers.sums(recent.dns[keep])
    clients = np.bincount(servers.of[pairs.firsts], minlength=len(servers.firsts))
    place = np.full(len(recent.asked), -1)
    place[keep] = servers.of
    histogram = np.zeros((len(servers.firsts), LATENCY_BUCKETS), np.int64)
    booked = recent.latency[place[recent.latency[:, 0]] >= 0]
    np.add.at(histogram, (place[booked[:, 0]], booked[:, 1]), booked[:, 2])
    top = np.argsort(-counts[:, Dns.ATTEMPTS], kind="stable")[:most]
    counts, histogram = counts[top], histogram[top]
    answered = counts[:, Dns.ANSWERED] + counts[:, Dns.LATE]
    waiting = counts[:, Dns.PENDING]
    return ResolverRows(
        words[servers.firsts[top], 2:],
        clients[top],
        counts[:, Dns.ATTEMPTS],
        answered,
        np.maximum(counts[:, Dns.ATTEMPTS] - answered - waiting, 0),
        waiting,
        counts[:, Dns.SERVFAIL] + counts[:, Dns.REFUSED],
        _quantile(histogram, 0.5),
        _quantile(histogram, 0.95),
    )


def _lines(keys: NDArray[np.void]) -> list[str]:
    """Client and resolver as text."""
    texts = [addresses(keys[f"{end}_hi"], keys[f"{end}_lo"]) for end in ("client", "server")]
    return [" ".join(pair) for pair in zip(*texts, strict=True)]


def _quantile(histogram: Numbers, share: float) -> NDArray[np.float64]:
    """By row, at the middle of its bucket."""
    sums = histogram.cumsum(axis=1)
    total = sums[:, -1:]
    at = (sums < np.maximum(np.ceil(share * total), 1)).sum(axis=1)
    found: NDArray[np.float64] = np.where(total[:, 0] > 0, _MIDDLE[np.minimum(at, LATENCY_BUCKETS - 1)], np.nan)
    return found
