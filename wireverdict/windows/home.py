"""Which addresses are ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Address = tuple[int, int]
"""An address as two numbers, most significant half first; IPv4 as ::ffff:a.b.c.d."""

_MASK = (1 << 64) - 1


class HomeNetworks:
    """Home networks (``192.0.2.0/24``, ``2001:db8::/32``; a bare address is a network of one).

    Raises ValueError with the offending text.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self.networks = tuple(networks)
        rows = []
        for text in self.networks:
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise ValueError(f"home network {text!r}: {error}; write it as 192.0.2.0/24 or 2001:db8::/32") from None
            first, length = int(network.network_address), network.prefixlen
            if network.version == 4:
                first, length = first | 0xFFFF << 32, length + 96
            mask = ((1 << length) - 1) << (128 - length)
            rows.append((first >> 64, first & _MASK, mask >> 64, mask & _MASK))
        self._rows = np.array(rows, np.uint64).reshape(-1, 4)

    def __bool__(self) -> bool:
        return bool(self.networks)

    def contains(self, hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """For every address (halves as in HEADER) whether it lies in one of the networks."""
        inside = np.zeros(len(hi), bool)
        for first_hi, first_lo, mask_hi, mask_lo in self._rows:
            inside |= ((hi & mask_hi) == first_hi) & ((lo & mask_lo) == first_lo)
        return inside


def address_halves(text: str) -> Address:
    """The two numbers of an address as `address_text` writes it."""
    address = ipaddress.ip_address(text)
    number = int(address) | (0xFFFF << 32 if address.version == 4 else 0)
    return number >> 64, number & _MASK


def address_text(hi: int, lo: int) -> str:
    """An address as people write it (RFC 5952 for IPv6)."""
    number = int(hi) << 64 | int(lo)
    if number >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))
