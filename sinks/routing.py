"""Which verdicts go to which sink: by detector, severity, sensor and network. Connection records are not routed."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from sinks.base import Document, Kind
from wireverdict.sinking import Route

SEVERITIES = {"info": 1, "warning": 2, "critical": 3}


class Routes:
    """Of one sink."""

    def __init__(self, sink: str, routes: Sequence[Route]) -> None:
        """A sink that no route names gets everything."""
        self._routes = [route for route in routes if sink in route.sinks]

    def wants(self, document: Document) -> bool:
        """Whether one of the sink's routes matches."""
        if not self._routes or document.kind != Kind.VERDICT:
            return True
        value = document.value()
        return any(matches(route, value) for route in self._routes)


def matches(route: Route, value: dict[str, Any]) -> bool:
    """Whether all that a route asks for is so. Ends of troubles go where their beginnings went: the severity of a
    resolved verdict is that which it had."""
    severity = int(value.get("event", {}).get("severity", 0))
    rule = str(value.get("rule", {}).get("id", ""))
    sensor = str(value.get("observer", {}).get("name", ""))
    addresses = [str(value[side]["ip"]) for side in ("source", "destination") if value.get(side, {}).get("ip")]
    return (
        severity >= SEVERITIES[route.severity]
        and any(fnmatchcase(rule, pattern) for pattern in route.rules or ("*",))
        and any(fnmatchcase(sensor, pattern) for pattern in route.sensors or ("*",))
        and (
            not route.networks or any(_inside(address, network) for address in addresses for network in route.networks)
        )
    )


def _inside(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in _network(network)
    except ValueError:  # a subject that is no address
        return False


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)
