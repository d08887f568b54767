"""Packets out and in of local hosts: by host, by peer, by service; what `throttling_ratio` compares."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ICMP, ICMP6
from wireverdict.windows.fields import Count
from wireverdict.windows.home import Address, address_text
from wireverdict.windows.rows import Rows
from wireverdict.windows.view import WindowView

_MAPPED = np.uint64(0xFFFF)
_S28, _S32, _S48, _S56 = np.uint64(28), np.uint64(32), np.uint64(48), np.uint64(56)
_MIX = np.uint64(0x9E3779B97F4A7C15)

OUT, IN, OUT_BYTES = range(3)
"""Columns of `Lanes.counts`."""


class Groups(NamedTuple):
    """Sums over lanes: `keys` uint64 (n, k), `sums` int64 (n, 3) as `Lanes.counts`."""

    keys: NDArray[np.uint64]
    sums: NDArray[np.int64]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]

    def rows(self, group: int) -> NDArray[np.intp]:
        """The lanes of a group."""
        return self.order[self.starts[group] : self.stops[group]]


class Lanes(NamedTuple):
    """One row for each local host, peer and service. `host`, `peer` uint64 (n, 2); `counts` int64 (n, 3).

    `asks`: the host is the client of the service.
    """

    host: NDArray[np.uint64]
    peer: NDArray[np.uint64]
    port: NDArray[np.uint64]
    protocol: NDArray[np.uint64]
    asks: NDArray[np.bool_]
    counts: NDArray[np.int64]

    def where(self, chosen: NDArray[Any]) -> Lanes:
        """Some of the rows, by number or by mask."""
        return Lanes(*(column[chosen] for column in self))

    def by(self, *columns: NDArray[Any], least: int = 0) -> Groups:
        """Groups with equal values in `columns`, (n,) or (n, k), that have at least `least` packets out; sorted."""
        size = len(self.counts)
        wide = [column if column.ndim > 1 else column[:, None] for column in columns]
        keys = np.concatenate([column.astype(np.uint64, copy=False) for column in wide], axis=1)
        here = np.arange(size)
        if least:  # groups that share a bucket are no smaller than each of them: most rows need no sorting
            bucket = np.zeros(size, np.uint64)
            for column in keys.T:
                bucket = (bucket ^ column) * _MIX
            small = (bucket >> _S48).astype(np.intp)
            here = np.flatnonzero(np.bincount(small, self.counts[:, OUT])[small] >= least)
            keys = keys[here]
        order = np.lexsort(keys.T[::-1])
        keys, here = keys[order], here[order]
        starts = np.flatnonzero(np.r_[True, np.any(keys[1:] != keys[:-1], axis=1)]) if len(keys) else here
        sums = np.add.reduceat(self.counts[here], starts, axis=0) if len(keys) else self.counts[:0]
        stops = np.r_[starts[1:], len(keys)] if len(keys) else starts
        many = sums[:, OUT] >= least
        return Groups(keys[starts[many]], sums[many], here, starts[many], stops[many])

    def busiest(self, many: int = 10) -> list[dict[str, Any]]:
        """The peers that were sent most, with packets out and in."""
        peers = self.by(self.peer)
        order = np.lexsort((*peers.keys.T[::-1], -peers.sums[:, OUT]))[:many]
        return [
            {
                "destination": address_text(*peers.keys[at].tolist()),
                "out": int(peers.sums[at, OUT]),
                "in": int(peers.sums[at, IN]),
            }
            for at in order
        ]


_NO_ADDRESSES, _NO_NUMBERS = np.zeros((0, 2), np.uint64), np.zeros(0, np.uint64)
NOTHING = Lanes(
    _NO_ADDRESSES, _NO_ADDRESSES, _NO_NUMBERS, _NO_NUMBERS, np.zeros(0, np.bool_), np.zeros((0, 3), np.int64)
)


def lanes(view: WindowView) -> Lanes:
    """The local side of every service row that has one. ICMP, and groups and broadcasts that nobody answers, are left
    out."""
    table = view.services.rows
    keys, out, back = table.keys, table.of(Count.OUT), table.of(Count.IN)
    ours = (out[:, 0] > 0) | (back[:, 1] > 0)
    theirs = (out[:, 1] > 0) | (back[:, 0] > 0)
    unknown = ~(ours | theirs)
    if unknown.any():
        for local in _capturing_hosts(view):
            hi, lo = (np.uint64(half) for half in local)
            ours |= unknown & (keys["low_hi"] == hi) & (keys["low_lo"] == lo)
            theirs |= unknown & ~ours & (keys["high_hi"] == hi) & (keys["high_lo"] == lo)
    known = (ours ^ theirs) & (keys["protocol"] != ICMP) & (keys["protocol"] != ICMP6)
    known &= (keys["high_hi"] | keys["high_lo"]) != 0
    rows = np.flatnonzero(known)
    if not len(rows):
        return NOTHING
    mine = theirs[rows].astype(np.intp)
    keys = keys[rows]
    low = np.stack([keys["low_hi"], keys["low_lo"]], axis=1)
    high = np.stack([keys["high_hi"], keys["high_lo"]], axis=1)
    packets, size = table.of(Count.PACKETS)[rows], table.of(Count.BYTES)[rows]
    here = np.arange(len(rows))
    found = Lanes(
        np.where((mine == 0)[:, None], low, high),
        np.where((mine == 0)[:, None], high, low),
        keys["port"].astype(np.uint64),
        keys["protocol"].astype(np.uint64),
        keys["responder"] != mine,
        np.stack([packets[here, mine], packets[here, 1 - mine], size[here, mine]], axis=1),
    )
    groups = _for_many(found.peer)
    return found.where(~groups) if groups.any() else found


def _for_many(address: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Multicast (224/4, ff00::/8), the limited broadcast, and what ends in .255 (most subnets' broadcast address)."""
    hi, lo = address[:, 0], address[:, 1]
    four = (hi == 0) & (lo >> _S32 == _MAPPED)
    last = lo & np.uint64(0xFF)
    group = (lo & np.uint64(0xFFFFFFFF)) >> _S28 == np.uint64(0xE)
    many: NDArray[np.bool_] = (four & (group | (last == np.uint64(0xFF)))) | (~four & (hi >> _S56 == np.uint64(0xFF)))
    return many


def _capturing_hosts(view: WindowView) -> list[Address]:
    """The address, of IPv4 and of IPv6, that takes part in at least 95 % of the packets: the capture is its own.

    Of several such (a capture of one pair), the one with more peers, then the one that asks more.
    """
    rows = view.services.rows
    keys, packets = rows.keys, rows.of(Count.PACKETS).sum(axis=1)
    told = (keys["protocol"] != ICMP) & (keys["protocol"] != ICMP6)  # neighbours' chatter is nobody's own
    four = (keys["high_hi"] == 0) & (keys["high_lo"] >> _S32 == _MAPPED)
    found = [_everywhere(rows, family, np.where(family, packets, 0)) for family in (told & four, told & ~four)]
    return [address for address in found if address is not None]


def _everywhere(rows: Rows, family: NDArray[np.bool_], packets: NDArray[np.int64]) -> Address | None:
    """The address that takes part in at least 95 % of these packets: `packets` of each row, 0 outside the `family`."""
    least = max(1, math.ceil(19 * int(packets.sum()) / 20))
    sums = rows.hosts.sums(np.stack([packets, packets], axis=1))
    wide = []
    for host in np.flatnonzero(sums >= least).tolist():
        its = (rows.hosts.of == host) & family[:, None]
        asks = np.stack([rows.keys["responder"] != 0, rows.keys["responder"] == 0], axis=1)  # by end
        first = int(rows.hosts.firsts[host])
        hi, lo = rows.words[first // 2, 2 * (first % 2) :][:2].tolist()
        wide.append((int(its.sum()), int((packets[:, None] * (its & asks)).sum()), (hi, lo)))
    return max(wide)[2] if wide else None
