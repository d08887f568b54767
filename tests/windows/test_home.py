"""Addresses and home networks."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.windows.home import HomeNetworks, address_text


def halves(
    *texts: str,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint64]], np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    import ipaddress

    numbers = []
    for text in texts:
        address = ipaddress.ip_address(text)
        numbers.append(int(address) | (0xFFFF << 32 if address.version == 4 else 0))
    return np.array([n >> 64 for n in numbers], np.uint64), np.array([n & (1 << 64) - 1 for n in numbers], np.uint64)


def test_contains() -> None:
    home = HomeNetworks(["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])
    hi, lo = halves("192.0.2.255", "192.0.3.0", "2001:db8:ffff::1", "2001:db9::", "198.51.100.7", "198.51.100.8")
    assert home.contains(hi, lo).tolist() == [True, False, True, False, True, False]
    assert home
    assert not HomeNetworks()


def test_text() -> None:
    texts = ["0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1", "ff02::fb"]
    hi, lo = halves(*texts)
    assert [address_text(int(a), int(b)) for a, b in zip(hi, lo, strict=True)] == texts


def test_wrong_network() -> None:
    with pytest.raises(ValueError, match=r"home network '192\.0\.2\.0/99'"):
        HomeNetworks(["192.0.2.0/99"])
