"""DNS by client and resolver as `dns_loss` judges it: attempts of some clients at some resolvers, summed up."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import LATENCY_BUCKETS, Count, Dns, bucket_bounds
from wireverdict.windows.home import Address, address_text
from wireverdict.windows.view import WindowView

QTYPES = {
    0: "?",
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    35: "NAPTR",
    43: "DS",
    48: "DNSKEY",
    64: "SVCB",
    65: "HTTPS",
    252: "AXFR",
    255: "ANY",
}

Rows = NDArray[np.intp]


class Tallies:
    """A window's rows of client + resolver as columns, and who they belong to. Rows without a decided attempt are left
    out, and so is what found no row of its own.

    `rows` (n,) are rows of `view.dns`; all other arrays are parallel to them. `decided`, `answered`, `lost`: attempts.
    `client`, `server`: numbers of groups; `clients`, `servers`: their addresses, uint64 (groups, 2).
    """

    def __init__(self, view: WindowView) -> None:
        self.view = view
        keys, counts = view.dns.keys, view.dns.counts
        decided = counts[:, Dns.ATTEMPTS] - counts[:, Dns.PENDING]
        named = (keys["client_lo"] | keys["client_hi"] | keys["server_lo"] | keys["server_hi"]) != 0
        self.rows: Rows = np.flatnonzero((decided > 0) & named)
        keys, counts = keys[self.rows], counts[self.rows]
        self.decided: NDArray[np.int64] = decided[self.rows]
        self.answered: NDArray[np.int64] = counts[:, Dns.ANSWERED]
        self.lost: NDArray[np.int64] = self.decided - self.answered
        self.clients, self.client = _groups(keys["client_hi"], keys["client_lo"])
        self.servers, self.server = _groups(keys["server_hi"], keys["server_lo"])
        self.names = pair_names(np.hstack([self.clients[self.client], self.servers[self.server]]))

    def case(self, places: Rows) -> Case:
        """Some of the rows, by their place in `rows`, as one."""
        return Case(self.view, self.rows[places])

    def heard(self, place: int) -> bool:
        """Whether any packet at all of the resolver was captured on its way to the client."""
        if self.answered[place]:
            return True
        pair = self.view.pair(self.address_of_server(place), self.address_of_client(place))
        return pair is not None and bool(pair[0, Count.PACKETS])

    def address_of_client(self, place: int) -> Address:
        """The client of a row."""
        hi, lo = self.clients[self.client[place]].tolist()
        return hi, lo

    def address_of_server(self, place: int) -> Address:
        """The resolver of a row."""
        hi, lo = self.servers[self.server[place]].tolist()
        return hi, lo

    def busiest(self, places: Rows, *, by_server: bool) -> list[dict[str, Any]]:
        """How it looks from the other side: the five busiest resolvers (or clients) among some rows."""
        group, addresses = (self.server, self.servers) if by_server else (self.client, self.clients)
        which, index = np.unique(group[places], return_inverse=True)
        many = np.bincount(index, self.decided[places], len(which)).astype(np.int64)
        answered = np.bincount(index, self.answered[places], len(which)).astype(np.int64)
        order = np.lexsort((which, -many))[:5]  # groups are numbered by address
        word = "resolver" if by_server else "client"
        return [
            {
                word: address_text(*addresses[which[at]].tolist()),
                "attempts": int(many[at]),
                "answered": int(answered[at]),
            }
            for at in order
        ]


class Case:
    """Some rows of a window's DNS table, summed up."""

    def __init__(self, view: WindowView, rows: Rows) -> None:
        self.counts: NDArray[np.int64] = view.dns.counts[rows].sum(axis=0)
        self.decided = int(self.counts[Dns.ATTEMPTS] - self.counts[Dns.PENDING])
        """Attempts that have had their time."""
        self.unanswered = self.decided - int(self.counts[Dns.ANSWERED])
        """Of these, those without an answer in time."""
        self._view, self._rows = view, rows

    @cached_property
    def since(self) -> int:
        """When the first unanswered attempt was made, ns; the window's start if there is none."""
        first = self._view.dns.since[self._rows]
        waiting = first[first < np.iinfo(np.int64).max]
        return int(waiting.min()) if len(waiting) else self._view.start

    def evidence(self) -> dict[str, Any]:
        """The numbers. Times in ms; counts of attempts in the window."""
        count = {name: int(self.counts[name]) for name in Dns}
        told: dict[str, Any] = {
            "attempts": self.decided,
            "answered": count[Dns.ANSWERED],
            "late": count[Dns.LATE],
            "unanswered": self.unanswered,
            "orphans": count[Dns.ORPHANS],
            "unanswered_share": self.unanswered / self.decided if self.decided else 0.0,
        }
        if count[Dns.ANSWERED]:
            told["queries_per_answer"] = round(self.decided / count[Dns.ANSWERED], 1)
            told["summary"] = f"1 answer per {self.decided / count[Dns.ANSWERED]:.3g} queries"
        else:
            told["summary"] = f"no answer to {self.decided} queries"
        latency = np.zeros(LATENCY_BUCKETS, np.int64)
        for row in self._rows.tolist():
            latency += self._view.dns.latency[row]
        for share, name in ((0.5, "latency_p50_ms"), (0.95, "latency_p95_ms")):
            told[name] = quantile_ms(latency, share)
        told["new_port_share"] = count[Dns.NEW_ATTEMPTS] / max(count[Dns.ATTEMPTS], 1)
        told["new_port_answered"] = count[Dns.NEW_ANSWERED]
        codes = (Dns.NOERROR, Dns.NXDOMAIN, Dns.SERVFAIL, Dns.REFUSED, Dns.OTHER_RCODE)
        told["response_codes"] = {name.name.lower(): count[name] for name in codes if count[name]}
        for what in (Dns.PENDING, Dns.UNTRACKED, Dns.TCP_ATTEMPTS, Dns.TCP_ANSWERED, Dns.TRUNCATED, Dns.UNREACHABLE):
            if count[what]:
                told[what.name.lower()] = count[what]
        return told

    def top_unanswered(self) -> list[dict[str, Any]]:
        """The five questions that went unanswered most often."""
        names: dict[tuple[str, int], int] = {}
        for row in self._rows:
            for name in self._view.dns.names[row]:
                key = (name.name, name.qtype)
                names[key] = names.get(key, 0) + name.unanswered
        ranked = sorted(names.items(), key=lambda item: (-item[1], item[0]))[:5]
        return [{"name": name, "type": QTYPES.get(qtype, str(qtype)), "unanswered": n} for (name, qtype), n in ranked]


def pair_names(ends: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit name for each client and resolver, the same in every window. `ends`: both addresses, uint64 (n, 4)."""
    name = np.zeros(len(ends), np.uint64)
    for part in ends.T:
        name = (name ^ part) * np.uint64(0x9E3779B97F4A7C15)
        name ^= name >> np.uint64(29)
    return name


def quantile_ms(latency: NDArray[np.int64], share: float) -> float | None:
    """A quantile of a latency histogram in ms, at the middle of its bucket; None of nothing."""
    many = int(latency.sum())
    if not many:
        return None
    rank = max(1, -(-many * round(share * 100) // 100))
    low, high = bucket_bounds(int(np.searchsorted(np.cumsum(latency), rank)))
    return (low + high) / 2000


def _groups(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], Rows]:
    """Distinct addresses in their order, and which of them each row has."""
    if not len(hi):
        return np.zeros((0, 2), np.uint64), np.zeros(0, np.intp)
    order = np.lexsort((lo, hi))
    hi, lo = hi[order], lo[order]
    starts = np.r_[True, (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])]
    which = np.empty(len(order), np.intp)
    which[order] = np.cumsum(starts) - 1
    return np.stack([hi[starts], lo[starts]], axis=1), which
