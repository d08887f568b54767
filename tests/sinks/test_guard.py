"""Which addresses may be posted to."""

from __future__ import annotations

import pytest

from sinks.guard import Forbidden, addresses, public, resolve


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("192.0.2.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),  # 6to4 of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", False),  # NAT64 of 169.254.169.254
        ("64:ff9b::808:808", True),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert public(address) is expected


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(Forbidden, match=r"example\.com has the address 10\.0\.0\.1, which is not public"):
        addresses("example.com", 443, False, lambda host, port: ["8.8.8.8", "10.0.0.1"])
    assert addresses("example.com", 443, True, lambda host, port: ["8.8.8.8", "10.0.0.1"]) == ["8.8.8.8", "10.0.0.1"]


def test_a_name_without_addresses() -> None:
    with pytest.raises(OSError, match="has no address"):
        addresses("example.com", 443, True, lambda host, port: [])


def test_the_system_looks_names_up() -> None:
    assert "127.0.0.1" in resolve("127.0.0.1", 80)
    assert {"127.0.0.1", "::1"} & set(resolve("localhost", 80))
