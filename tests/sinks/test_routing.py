"""Which verdicts go where."""

from __future__ import annotations

from typing import Any

import pytest

from sinks.routing import Routes, matches
from tests.sinks.made import connection_documents, verdict_document
from wireverdict.notifying import Labels, Route
from wireverdict.settings import SettingsError, Source, settings

CRITICAL = verdict_document(0)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, True),
        ({"severity": "critical"}, True),
        ({"rules": ("dns-*",)}, True),
        ({"rules": ("policing", "dns-loss")}, True),
        ({"rules": ("policing",)}, False),
        ({"sensors": ("g?",)}, True),
        ({"sensors": ("fra-*",)}, False),
        ({"networks": ("192.0.2.0/24",)}, True),
        ({"networks": ("2001:db8::/32", "192.0.2.1/32")}, True),
        ({"networks": ("10.0.0.0/8",)}, False),
        ({"rules": ("dns-*",), "networks": ("10.0.0.0/8",)}, False),
    ],
)
def test_what_a_route_asks_for(asked: dict[str, Any], expected: bool) -> None:
    assert matches(Route(sinks=("x",), **asked), CRITICAL.value()) is expected


def test_severities_are_the_least() -> None:
    route = Route(sinks=("x",), severity="warning")
    assert [matches(route, {"event": {"severity": number}}) for number in (1, 2, 3)] == [False, True, True]


def test_a_subject_without_addresses_is_in_no_network() -> None:
    assert not matches(Route(sinks=("x",), networks=("0.0.0.0/0",)), {"event": {"severity": 3}})
    assert not matches(Route(sinks=("x",), networks=("0.0.0.0/0",)), {"event": {"severity": 3}, "source": {"ip": "x"}})


def test_a_sink_that_no_route_names_gets_everything() -> None:
    routes = (Route(sinks=("a", "b"), rules=("policing",)), Route(sinks=("b",), rules=("dns-loss",)))
    wants = {name: Routes(name, routes).wants(CRITICAL) for name in ("a", "b", "c")}
    assert wants == {"a": False, "b": True, "c": True}
    assert Routes("a", routes).wants(connection_documents(1)[0])


def test_routes_come_from_the_file() -> None:
    given = {"sinks": {"routes": [{"sinks": ["apprise"], "severity": "critical"}]}}
    made = settings([Source(given, lambda key: "test")])
    assert made.sinks.routes == (Route(sinks=("apprise",), severity="critical"),)
    wrong: dict[str, Any]
    for wrong in ({"sinks": ["x"], "severity": "bad"}, {"sinks": ["x"], "networks": ["nonsense"]}, {"rules": []}):
        with pytest.raises(SettingsError):
            settings([Source({"sinks": {"routes": [wrong]}}, lambda key: "test")])


def test_labels_of_the_settings_and_of_the_verdict() -> None:
    site = Labels(sensors=("gw",), set={"site": "fra", "team": "net"})
    routes = Routes("x", [Route(sinks=("x",), labels={"site": "f*"})], [site])
    assert routes.labels(CRITICAL.value()) == {"site": "fra", "team": "net"}
    assert routes.wants(CRITICAL)
    own = CRITICAL._replace(body=CRITICAL.body.replace(b'{"@', b'{"labels":{"site":"ams"},"@', 1))
    assert not routes.wants(own)  # what the verdict itself says counts


def test_the_shortest_of_the_delays_counts() -> None:
    late, now = Route(sinks=("x",), after=60.0), Route(sinks=("x",), severity="critical")
    routes = Routes("x", [late, now, Route(sinks=("y",))], pages=True)
    assert [routes.delay("a", severity, "gw", (), {}) for severity in (2, 3)] == [60.0, 0.0]
    assert Routes("x", [Route(sinks=("x",), rules=("b",))], pages=True).delay("a", 3, "gw", (), {}) is None
    assert Routes("z", [late], pages=True).delay("a", 1, "gw", (), {}) == 0.0
