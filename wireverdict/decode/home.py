"""Which addresses are at home, and so which way a packet goes where the source of the frames does not know."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.frames import IN, OUT, UNKNOWN
from wireverdict.kernels import kernel
from wireverdict.kernels.bytes import Bytes

DEFAULT = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
    "fe80::/10",
)
"""Private (RFC 1918), link-local (RFC 3927, RFC 4291), unique local (RFC 4193) and shared (RFC 6598) addresses.

Shared addresses count as home because they are never routed across the Internet: who has one is inside, be it a
provider's subscriber, an overlay or a cloud's pods, as seen from every public address.
"""

NOWHERE, EVERYWHERE, PARTLY = range(3)

Ranges = NDArray[np.uint64]


class HomeNets:
    """A set of networks, as sorted ranges that do not overlap.

    `ranges`: uint64, shape (n, 4): first and last address of each, two words each, IPv4 as ``::ffff:a.b.c.d``.
    `tops`: uint8, shape (512,): by first byte, of IPv4 and then of others, NOWHERE, EVERYWHERE or PARTLY at home.
    """

    def __init__(self, networks: Iterable[str] = DEFAULT) -> None:
        """Take networks in CIDR notation (``192.0.2.0/24``, ``2001:db8::/32``) or single addresses.

        Raises ValueError, naming the network, for one that is not valid or has host bits set.
        """
        spans: list[tuple[int, int]] = []
        for text in networks:
            try:
                network = ipaddress.ip_network(text.strip())
            except ValueError as error:
                message = f"home network {text!r}: {error}; write it as address/prefix length, such as 192.0.2.0/24"
                raise ValueError(message) from None
            mapped = 0xFFFF << 32 if network.version == 4 else 0
            spans.append((mapped + int(network.network_address), mapped + int(network.broadcast_address)))
        merged: list[tuple[int, int]] = []
        for first, last in sorted(spans):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
            else:
                merged.append((first, last))
        words = [(first >> 64, first & (1 << 64) - 1, last >> 64, last & (1 << 64) - 1) for first, last in merged]
        self.ranges: Ranges = np.array(words, np.uint64).reshape(-1, 4)
        starts = [((0xFFFF << 32) + (top << 24), 1 << 24) for top in range(256)]
        starts += [(top << 120, 1 << 120) for top in range(256)]
        self.tops: Bytes = np.array([_at_home(merged, start, start + size - 1) for start, size in starts], np.uint8)


def _at_home(spans: list[tuple[int, int]], first: int, last: int) -> int:
    """How much of the addresses `first` to `last` lies in `spans`, which neither overlap nor touch."""
    if any(start <= first and last <= end for start, end in spans):
        return EVERYWHERE
    return PARTLY if any(start <= last and first <= end for start, end in spans) else NOWHERE


@kernel(borrow=True, internal=True)
def within(ranges: Ranges, hi: Any, lo: Any) -> bool:
    """Whether an address lies in one of the sorted `ranges`, by search."""
    low, high = 0, len(ranges)
    while low < high:  # the first range whose end is not before the address
        middle = (low + high) >> 1
        if ranges[middle, 2] < hi or (ranges[middle, 2] == hi and ranges[middle, 3] < lo):
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and (ranges[low, 0] < hi or (ranges[low, 0] == hi and ranges[low, 1] <= lo))


@kernel(inline=True, borrow=True, internal=True)
def is_home(ranges: Ranges, tops: Bytes, hi: Any, lo: Any) -> bool:
    """Whether an address lies in one of the sorted `ranges`; `tops` says so of most (see HomeNets)."""
    if hi == 0 and lo >> np.uint64(32) == 0xFFFF:
        top = tops[np.int64(lo >> np.uint64(24) & np.uint64(0xFF))]
    else:
        top = tops[256 + np.int64(hi >> np.uint64(56))]
    return within(ranges, hi, lo) if top == PARTLY else top == EVERYWHERE


@kernel(inline=True, borrow=True, internal=True)
def home_direction(ranges: Ranges, tops: Bytes, row: Any) -> int:
    """OUT from home to elsewhere, IN the other way, UNKNOWN within home and past it."""
    source = is_home(ranges, tops, row["src_hi"], row["src_lo"])
    target = is_home(ranges, tops, row["dst_hi"], row["dst_lo"])
    if source == target:
        return UNKNOWN
    return OUT if source else IN
