"""Packets out and in of local hosts: by host, by peer, by service; what `throttling_ratio` compares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ICMP, ICMP6
from wireverdict.windows.fields import Count
from wireverdict.windows.home import Address, address_text
from wireverdict.windows.view import WindowView

_MAPPED = np.uint64(0xFFFF)
_S32, _S28, _S56 = np.uint64(32), np.uint64(28), np.uint64(56)

OUT, IN, OUT_BYTES = range(3)
"""Columns of `Lanes.counts`."""


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

    def by(self, *columns: NDArray[Any]) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.intp]]]:
        """Groups with equal values in `columns` (n,) or (n, k): the values, the sums of counts, the rows; sorted."""
        if not len(self.counts):
            return
        keys = np.concatenate([column.reshape(len(self.counts), -1).astype(np.uint64) for column in columns], axis=1)
        order = np.lexsort(keys.T[::-1])
        keys = keys[order]
        starts = np.flatnonzero(np.r_[True, np.any(keys[1:] != keys[:-1], axis=1)])
        sums = np.add.reduceat(self.counts[order], starts, axis=0)
        for start, total, rows in zip(starts, sums, np.split(order, starts[1:]), strict=True):
            yield tuple(int(part) for part in keys[start]), total, rows

    def busiest(self, many: int = 10) -> list[dict[str, Any]]:
        """The peers that were sent most, with packets out and in."""
        peers = [(int(total[OUT]), int(total[IN]), key) for key, total, _ in self.by(self.peer)]
        peers.sort(key=lambda peer: (-peer[0], peer[2]))
        return [{"destination": address_text(*key), "out": out, "in": back} for out, back, key in peers[:many]]


def lanes(view: WindowView) -> Lanes:
    """The local side of every service row that has one. ICMP, and groups and broadcasts that nobody answers, are left
    out."""
    keys, counts = view.services
    known = (keys["low_hi"] | keys["low_lo"] | keys["high_hi"] | keys["high_lo"]) != 0
    known &= (keys["protocol"] != ICMP) & (keys["protocol"] != ICMP6)
    low = np.stack([keys["low_hi"], keys["low_lo"]], axis=1)
    high = np.stack([keys["high_hi"], keys["high_lo"]], axis=1)
    known &= ~(_for_many(low) | _for_many(high))
    ours = (counts[:, 0, Count.OUT] > 0) | (counts[:, 1, Count.IN] > 0)
    theirs = (counts[:, 1, Count.OUT] > 0) | (counts[:, 0, Count.IN] > 0)
    unknown = ~(ours | theirs)
    if unknown[known].any():
        local = _capturing_host(view)
        if local is not None:
            ours |= unknown & (low == np.array(local, np.uint64)).all(axis=1)
            theirs |= unknown & ~ours & (high == np.array(local, np.uint64)).all(axis=1)
    rows, side = np.flatnonzero(known & (ours ^ theirs)), theirs.astype(np.intp)
    mine = side[rows]
    packets, size = counts[rows, :, Count.PACKETS], counts[rows, mine, Count.BYTES]
    here = np.arange(len(rows))
    return Lanes(
        np.where((mine == 0)[:, None], low[rows], high[rows]),
        np.where((mine == 0)[:, None], high[rows], low[rows]),
        keys["port"][rows].astype(np.uint64),
        keys["protocol"][rows].astype(np.uint64),
        keys["responder"][rows] != mine,
        np.stack([packets[here, mine], packets[here, 1 - mine], size], axis=1),
    )


def _for_many(address: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Multicast (224/4, ff00::/8), the limited broadcast, and what ends in .255 (most subnets' broadcast address)."""
    hi, lo = address[:, 0], address[:, 1]
    four = (hi == 0) & (lo >> _S32 == _MAPPED)
    last = lo & np.uint64(0xFF)
    group = (lo & np.uint64(0xFFFFFFFF)) >> _S28 == np.uint64(0xE)
    many: NDArray[np.bool_] = (four & (group | (last == np.uint64(0xFF)))) | (~four & (hi >> _S56 == np.uint64(0xFF)))
    return many


def _capturing_host(view: WindowView) -> Address | None:
    """The host that takes part in at least 95 % of the packets, where directions are not known: the capture is its own.

    Of several such hosts (a capture of one pair), the one with more peers, then the one that asks more.
    """
    keys, counts = view.services
    packets = counts[:, :, Count.PACKETS].sum(axis=1)
    total = int(packets.sum())
    found: dict[Address, list[int]] = {}
    asker = 1 - keys["responder"].astype(np.intp)
    for side, end in ((0, "low"), (1, "high")):
        address = np.stack([keys[f"{end}_hi"], keys[f"{end}_lo"]], axis=1)
        group = Lanes(address, address, keys["port"], keys["protocol"], asker == side, np.stack([packets] * 3, axis=1))
        for (hi, lo), total_of, rows in group.by(address):
            entry = found.setdefault((hi, lo), [0, 0, 0])
            entry[0] += int(total_of[0])
            entry[1] += len(rows)
            entry[2] += int(packets[rows[asker[rows] == side]].sum())
    wide = [(entry[1], entry[2], who) for who, entry in found.items() if 20 * entry[0] >= 19 * total]
    return max(wide)[2] if wide else None
