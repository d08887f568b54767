"""Addresses and home networks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wireverdict.windows.home import HomeNetworks, address_halves, address_text


def halves(*texts: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    pairs = np.array([address_halves(text) for text in texts], np.uint64)
    return pairs[:, 0], pairs[:, 1]


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
    assert address_halves("192.0.2.1") == (0, 0xFFFF_C000_0201)
    assert address_halves("2001:db8::1") == (0x2001_0DB8_0000_0000, 1)


def test_wrong_network() -> None:
    with pytest.raises(ValueError, match=r"home network '192\.0\.2\.0/99'"):
        HomeNetworks(["192.0.2.0/99"])
