"""DNS by client and resolver as `dns_loss` judges it: counts that add up, and what can be known of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows.fields import LATENCY_BUCKETS, NEVER, Count, Dns, bucket_bounds
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


@dataclass(eq=False)
class Case:
    """Attempts of some clients at some resolvers, summed up."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(Dns), np.int64))
    latency: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LATENCY_BUCKETS, np.int64))
    since: int = NEVER
    names: dict[tuple[str, int], int] = field(default_factory=dict)
    client: Address = (0, 0)
    server: Address = (0, 0)
    heard: bool = True
    """Whether any packet at all of the resolver was captured on its way to the client."""

    @property
    def decided(self) -> int:
        """Attempts that have had their time."""
        return int(self.counts[Dns.ATTEMPTS] - self.counts[Dns.PENDING])

    @property
    def unanswered(self) -> int:
        """Of these, those without an answer in time."""
        return self.decided - int(self.counts[Dns.ANSWERED])

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
        for share, name in ((0.5, "latency_p50_ms"), (0.95, "latency_p95_ms")):
            told[name] = quantile_ms(self.latency, share)
        told["new_port_share"] = count[Dns.NEW_ATTEMPTS] / max(count[Dns.ATTEMPTS], 1)
        told["new_port_answered"] = count[Dns.NEW_ANSWERED]
        codes = (Dns.NOERROR, Dns.NXDOMAIN, Dns.SERVFAIL, Dns.REFUSED, Dns.OTHER_RCODE)
        told["response_codes"] = {name.name.lower(): count[name] for name in codes if count[name]}
        for what in (Dns.PENDING, Dns.UNTRACKED, Dns.TCP_ATTEMPTS, Dns.TCP_ANSWERED, Dns.TRUNCATED, Dns.UNREACHABLE):
            if count[what]:
                told[what.name.lower()] = count[what]
        ranked = sorted(self.names.items(), key=lambda item: (-item[1], item[0]))[:5]
        told["top_unanswered"] = [
            {"name": name, "type": QTYPES.get(qtype, str(qtype)), "unanswered": many} for (name, qtype), many in ranked
        ]
        return told


def cases(view: WindowView) -> list[Case]:
    """One case for every client and resolver of the window, the `other` row left out."""
    dns, found = view.dns, []
    for i in range(len(dns.keys)):
        key = dns.keys[i]
        client, server = (int(key["client_hi"]), int(key["client_lo"])), (int(key["server_hi"]), int(key["server_lo"]))
        if client == server == (0, 0):
            continue
        names = {(name.name, name.qtype): name.unanswered for name in dns.names[i]}
        case = Case(dns.counts[i], dns.latency[i], int(dns.since[i]), names, client, server)
        if not case.counts[Dns.ANSWERED]:
            pair = view.pair(server, client)
            case.heard = pair is not None and bool(pair[0, Count.PACKETS])
        found.append(case)
    return found


def total(parts: Iterable[Case]) -> Case:
    """The sum of cases."""
    whole = Case()
    for part in parts:
        whole.counts = whole.counts + part.counts
        whole.latency = whole.latency + part.latency
        whole.since = min(whole.since, part.since)
        for name, many in part.names.items():
            whole.names[name] = whole.names.get(name, 0) + many
    return whole


def others(parts: Iterable[Case], *, by_server: bool) -> list[dict[str, Any]]:
    """How it looks from the other side: the five busiest resolvers (or clients) of these cases."""
    sums: dict[Address, list[int]] = {}
    for part in parts:
        row = sums.setdefault(part.server if by_server else part.client, [0, 0])
        row[0] += part.decided
        row[1] += int(part.counts[Dns.ANSWERED])
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0], item[0]))[:5]
    word = "resolver" if by_server else "client"
    return [{word: address_text(*who), "attempts": many, "answered": answered} for who, (many, answered) in ranked]


def quantile_ms(latency: NDArray[np.int64], share: float) -> float | None:
    """A quantile of a latency histogram in ms, at the middle of its bucket; None of nothing."""
    many = int(latency.sum())
    if not many:
        return None
    rank = max(1, -(-many * round(share * 100) // 100))
    low, high = bucket_bounds(int(np.searchsorted(np.cumsum(latency), rank)))
    return (low + high) / 2000
