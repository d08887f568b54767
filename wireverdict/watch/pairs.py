"""The busiest pairs of addresses, and how much comes back for what goes out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.endpoints import addresses
from wireverdict.output.fields import PROTOCOLS
from wireverdict.watch.filters import Filter, ends
from wireverdict.watch.peek import Recent
from wireverdict.windows.groups import group

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]


class PairRows(NamedTuple):
    """Pairs, most packets first. `ours` and `peer`: addresses, uint64 (n, 2). Packets and bytes `out` go from ours to the
    peer, those `into` come back. `port`, `protocol`: of the pair's busiest service; `services`: how many it has."""

    ours: Words
    peer: Words
    out: Numbers
    into: Numbers
    out_bytes: Numbers
    into_bytes: Numbers
    port: Numbers
    protocol: Numbers
    services: Numbers


def busiest(recent: Recent, most: int, chosen: Filter | None = None) -> PairRows:
    """The `most` pairs with the most packets, of those that match.

    Ours is the side that the capturing host was seen to send from or receive at; where that is not known, the side that
    asked.
    """
    keep = np.flatnonzero(recent.packets.sum(axis=1))
    keys = recent.keys[keep]
    if chosen is not None:
        asked = keys["responder"] != 0  # side 0 asked
        source = [np.where(asked, keys[f"low_{half}"], keys[f"high_{half}"]) for half in ("hi", "lo")]
        target = [np.where(asked, keys[f"high_{half}"], keys[f"low_{half}"]) for half in ("hi", "lo")]
        numbers = [np.zeros(len(keys), np.int64), keys["port"].astype(np.int64), keys["protocol"].astype(np.int64)]
        mask = chosen.mask(ends([*source, *target], numbers, text=lambda: _lines(keys)))
        keep, keys = keep[mask], keys[mask]
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 5)
    pairs = group(words, 4)
    packets, octets = pairs.sums(recent.packets[keep]), pairs.sums(recent.octets[keep])
    votes = pairs.sums(recent.out[keep] + recent.into[keep][:, ::-1])
    whole = recent.packets[keep].sum(axis=1)
    asks = pairs.sums(np.stack([whole * (keys["responder"] == side) for side in (1, 0)], axis=1))
    ours = np.where(votes[:, 0] != votes[:, 1], votes[:, 1] > votes[:, 0], asks[:, 1] > asks[:, 0]).astype(np.intp)
    total = packets.sum(axis=1)
    top = np.argsort(-total, kind="stable")[:most]
    both = words[pairs.firsts[top], :4].reshape(-1, 2, 2)
    here, side = np.arange(len(top)), ours[top]
    busy = _busiest_service(pairs.of, whole, len(pairs.firsts))[top]
    return PairRows(
        both[here, side],
        both[here, 1 - side],
        packets[top, side],
        packets[top, 1 - side],
        octets[top, side],
        octets[top, 1 - side],
        keys["port"][busy].astype(np.int64),
        keys["protocol"][busy].astype(np.int64),
        np.bincount(pairs.of, minlength=len(pairs.firsts))[top].astype(np.int64),
    )


def _lines(keys: NDArray[np.void]) -> list[str]:
    """Services as text: both addresses, protocol, port."""
    texts = [addresses(keys[f"{end}_hi"], keys[f"{end}_lo"]) for end in ("low", "high")]
    kinds = [f"{PROTOCOLS[number]}/{port}" for number, port in keys[["protocol", "port"]].tolist()]
    return [" ".join(parts) for parts in zip(*texts, kinds, strict=True)]


def _busiest_service(of: NDArray[np.int32], packets: Numbers, groups: int) -> NDArray[np.intp]:
    """The row with the most packets of each group."""
    best = np.zeros(groups, np.intp)
    order = np.argsort(packets, kind="stable")
    best[of[order]] = order  # the last one written is the greatest
    return best
