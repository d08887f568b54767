"""Crypto-PAn: addresses in, addresses out, such that two that share their first k bits share them afterwards as well.

Xu, Fan, Ammar and Moon, "Prefix-preserving IP address anonymization", ICNP 2002: bit i is flipped if the first bit of
AES(the first i bits, padded with bits of a secret block) is set. The cipher is a library's; all bits of all addresses go
to it in one call, since a call for each bit costs a hundred times as much.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import numpy as np
from Cryptodome.Cipher import AES
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_MAPPED = np.uint64(0xFFFF)
_ALL = (1 << 128) - 1
_AT_ONCE = 1024
"""Addresses, so that the blocks (2 kB for an IPv6 address) stay in a cache."""


class CryptoPan:
    """The mapping of one key. `kept`: networks whose addresses stay as they are, in CIDR notation.

    The way to a kept network in the tree of prefixes is not flipped either, so that the mapping stays one to one: what
    lies beside a kept network keeps the bits that it shares with it, and the first that it does not.
    """

    def __init__(self, key: bytes, kept: Iterable[str] = ()) -> None:
        """`key`: 32 bytes. Raises ValueError for a network that is none."""
        if len(key) != 32:
            raise ValueError("Crypto-PAn takes a key of 32 bytes")
        self._cipher = AES.new(key[:16], AES.MODE_ECB)
        pad = int.from_bytes(self._cipher.encrypt(key[16:]), "big")
        self._four, self._six = (_Family(pad, bits) for bits in (32, 128))
        for text in kept:
            network = _network(text)
            family = self._four if network.version == 4 else self._six
            shift = 128 - network.max_prefixlen
            family.kept.append((int(network.network_address) << shift, network.prefixlen))

    def map(self, hi: Words, lo: Words) -> tuple[Words, Words]:
        """The addresses (halves as in HEADER, IPv4 as ::ffff:a.b.c.d, shape (n,)) as they are to be seen."""
        new_hi, new_lo = hi.copy(), lo.copy()
        four = (hi == 0) & (lo >> np.uint64(32) == _MAPPED)
        for start in range(0, len(hi), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            which = start + np.flatnonzero(four[part])
            if len(which):
                flips, _ = self._flips(self._four, lo[which] << np.uint64(32), np.zeros(len(which), np.uint64))
                new_lo[which] ^= flips >> np.uint64(32)
            which = start + np.flatnonzero(~four[part])
            if len(which):
                flips, more = self._flips(self._six, hi[which], lo[which])
                new_hi[which] ^= flips
                new_lo[which] ^= more
        return new_hi, new_lo

    def network(self, text: str) -> str:
        """Where the addresses of a network are seen: prefixes stay prefixes. Raises ValueError."""
        network = _network(text)
        number = int(network.network_address) | (0xFFFF << 32 if network.version == 4 else 0)
        hi, lo = self.map(np.array([number >> 64], np.uint64), np.array([number & (1 << 64) - 1], np.uint64))
        seen = (int(hi[0]) << 64 | int(lo[0])) & (1 << network.max_prefixlen) - 1
        return str(type(network)((seen, network.prefixlen), strict=False))

    def _flips(self, family: _Family, hi: Words, lo: Words) -> tuple[Words, Words]:
        """Which bits of each address change, first bit of `hi` first."""
        blocks = np.empty((len(hi), family.bits, 2), ">u8")
        blocks[:, :, 0] = hi[:, None] & family.masks[:, 0] | family.pads[:, 0]
        blocks[:, :, 1] = lo[:, None] & family.masks[:, 1] | family.pads[:, 1]
        ciphered = np.frombuffer(self._cipher.encrypt(blocks.tobytes()), np.uint8).reshape(len(hi), family.bits, 16)
        words = np.zeros((len(hi), 16), np.uint8)
        words[:, : family.bits // 8] = np.packbits(ciphered[:, :, 0] >> 7, axis=1)
        flips = words.view(">u8").astype(np.uint64)
        for start, length in family.kept:
            flips &= _beside(hi, lo, start, length)
        return flips[:, 0], flips[:, 1]


class _Family:
    """What is the same for all addresses of a family: for each bit, which bits come from the address and which from the
    padding. Addresses stand at the front of 128 bits."""

    def __init__(self, pad: int, bits: int) -> None:
        self.bits = bits
        fronts = [_ALL ^ (_ALL >> position) for position in range(bits)]
        self.masks = _words(fronts)
        self.pads = _words([pad & ~front & _ALL for front in fronts])
        self.kept: list[tuple[int, int]] = []


def _beside(hi: Words, lo: Words, start: int, length: int) -> Words:
    """For each address the bits that may change if the network at `start` is kept: those after the first that differs.

    uint64 (n, 2).
    """
    first = _words([start])[0]
    front = _words([_ALL ^ (_ALL >> length)])[0]
    differs = np.stack([(hi ^ first[0]) & front[0], (lo ^ first[1]) & front[1]], axis=1)
    for shift in (1, 2, 4, 8, 16, 32):  # every bit after the first that is set, and that one
        differs |= differs >> np.uint64(shift)
    after = differs >> np.uint64(1)
    after[:, 1] |= np.where(differs[:, 0] != 0, np.uint64(_ALL >> 64), np.uint64(0))
    return after


def _words(numbers: list[int]) -> Words:
    """128-bit numbers as uint64 (n, 2)."""
    return np.array([(number >> 64, number & _ALL >> 64) for number in numbers], np.uint64).reshape(-1, 2)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise ValueError(f"network {text!r}: {error}; write it as 192.0.2.0/24 or 2001:db8::/32") from None
