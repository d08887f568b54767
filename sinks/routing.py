"""Which verdicts go to which sink: by detector, severity, sensor, network and label. Connection records are not routed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from sinks.base import Document, Kind
from wireverdict.notifying import Labels, Route, Selection

SEVERITIES = {"info": 1, "warning": 2, "critical": 3}


class Routes:
    """Of one sink."""

    def __init__(self, sink: str, routes: Sequence[Route], labels: Sequence[Labels] = (), pages: bool = False) -> None:
        """A sink that no route names gets everything. `pages`: whether it gets pages, which a notifier has routed. Raises
        ValueError for a route that waits, to a sink that gets each verdict as it comes."""
        self._routes = [route for route in routes if sink in route.sinks]
        self._labels = labels
        if not pages and any(route.after for route in self._routes):
            raise ValueError(f"a route to {sink} has `after`, which is for sinks that get pages")

    def wants(self, document: Document) -> bool:
        """Whether one of the sink's routes matches."""
        if not self._routes or document.kind != Kind.VERDICT:
            return True
        value = document.value()
        named = value.get("labels") or {}
        return any(matches(route, {**value, "labels": {**self.labels(value), **named}}) for route in self._routes)

    def labels(self, value: dict[str, Any]) -> dict[str, str]:
        """What the settings call this verdict; later entries win."""
        made: dict[str, str] = {}
        for each in self._labels:
            if matches(each, value):
                made |= each.set
        return made

    def delay(
        self, rule: str, severity: int, sensor: str, addresses: Iterable[str], labels: Mapping[str, str]
    ) -> float | None:
        """s that a trouble must have gone on for before it comes here; None: it never does."""
        if not self._routes:
            return 0.0
        given = list(addresses)
        after = [route.after for route in self._routes if selects(route, rule, severity, sensor, given, labels)]
        return min(after, default=None)


def matches(what: Selection, value: dict[str, Any]) -> bool:
    """Whether a verdict's document is selected. Ends of troubles go where their beginnings went: the severity of a
    resolved verdict is that which it had."""
    return selects(
        what,
        str(value.get("rule", {}).get("id", "")),
        int(value.get("event", {}).get("severity", 0)),
        str(value.get("observer", {}).get("name", "")),
        [str(value[side]["ip"]) for side in ("source", "destination") if value.get(side, {}).get("ip")],
        value.get("labels") or {},
    )


def selects(
    what: Selection, rule: str, severity: int, sensor: str, addresses: Iterable[str], labels: Mapping[str, str]
) -> bool:
    """Whether all that a selection asks for is so."""
    return (
        severity >= SEVERITIES[what.severity]
        and any(fnmatchcase(rule, pattern) for pattern in what.rules or ("*",))
        and any(fnmatchcase(sensor, pattern) for pattern in what.sensors or ("*",))
        and all(name in labels and fnmatchcase(labels[name], pattern) for name, pattern in what.labels.items())
        and (not what.networks or any(_inside(address, network) for address in addresses for network in what.networks))
    )


def _inside(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in _network(network)
    except ValueError:  # a subject that is no address
        return False


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)
