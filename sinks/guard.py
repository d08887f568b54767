"""Which addresses may be posted to. A URL is checked by the address that is connected to, not by its name: a name that
answers with another address the second time (DNS rebinding) gains nothing, because there is no second time."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

Resolve = Callable[[str, int], list[str]]


class Forbidden(ValueError):
    """The address must not be posted to."""


def resolve(host: str, port: int) -> list[str]:
    """Addresses of a name, in the system's order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public(address: str) -> bool:
    """Whether an address is one of the global internet: not private, loopback, link-local, multicast or reserved.

    What an IPv6 address carries inside (mapped, 6to4, Teredo, NAT64) has to be so too.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = [parsed.ipv4_mapped, parsed.sixtofour, *(parsed.teredo or ())]
        if parsed in _NAT64:
            inner.append(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))
        carried = [each for each in inner if each is not None]
        if carried:
            return all(each.is_global and not each.is_multicast for each in carried)
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def addresses(host: str, port: int, allow_private: bool, ask: Resolve = resolve) -> list[str]:
    """The addresses to connect to. Raises Forbidden if one of them must not be posted to, OSError if there are none."""
    found = ask(host, port)
    if not found:
        raise OSError(f"{host} has no address")
    if not allow_private:
        for address in found:
            if not public(address):
                raise Forbidden(f"{host} has the address {address}, which is not public; see allow_private")
    return found
