"""Scenario files say what can be, and every one has its captures."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import msgspec
import pytest

from tests.lab.scenario import CAPTURES, Expected, Scenario, load, names
from tests.lab.topology import ADDRESSES
from wireverdict.verdicts import RULE_NAMES

ALLOWED = [ip_network(text) for text in ("198.18.0.0/15", "192.0.2.0/24", "2001:db8::/32", "169.254.169.253/32")]
MOST = 25_000_000
"""Bytes of all captures together."""


@pytest.mark.parametrize("name", names())
def test_a_file_loads_and_names_known_hosts_and_rules(name: str) -> None:
    scenario = load(name)
    assert scenario.about.endswith(".")
    assert {expected.rule for expected in scenario.expect} | set(scenario.also) <= set(RULE_NAMES)
    for expected in scenario.expect:
        assert {expected.source, expected.destination} - {""} <= set(ADDRESSES)
    texts = [traffic.run for traffic in scenario.traffic] + [*scenario.up, *scenario.down]
    used = {word for text in texts for word in re.findall(r"{(\w+)}", text)}
    assert used <= set(ADDRESSES) | {"seconds", "seed"}
    assert not (scenario.healthy and (scenario.up or scenario.down or scenario.expect))


@pytest.mark.parametrize("name", names())
def test_captures_are_there(name: str) -> None:
    for view in load(name).views:
        assert (CAPTURES / f"{name}.{view}.pcap.xz").is_file()
    assert (CAPTURES / f"{name}.truth.json").is_file()


def test_nothing_else_is_there_and_it_is_small() -> None:
    wanted = {f"{n}.{v}.pcap.xz" for n in names() for v in load(n).views} | {f"{n}.truth.json" for n in names()}
    found = {path.name: path.stat().st_size for path in CAPTURES.iterdir()}
    assert set(found) == wanted
    assert sum(found.values()) < MOST


def test_addresses_are_reserved_ones() -> None:
    for address in ADDRESSES.values():
        assert any(ip_address(address) in network for network in ALLOWED), address


def test_a_subject_is_given_by_name() -> None:
    assert Expected("dns-loss", "client", "resolver1", 53).subject() == ("198.18.0.2", "198.19.1.53", 53)
    assert Expected("dns-loss", "client").subject() == ("198.18.0.2", "", 0)


def test_short_forms() -> None:
    scenario = load("dns-throttled")
    assert scenario.short is not None
    short = scenario.shortened()
    assert (short.before, short.fault, short.after) == scenario.short
    with pytest.raises(ValueError, match="no short form"):
        load("dns-healthy").shortened()


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="traffic"):
        msgspec.convert({"about": "x"}, Scenario)
    with pytest.raises(msgspec.ValidationError, match="unknown field `rat`"):
        msgspec.convert({"about": "x", "traffic": [{"run": "x", "rat": 1}]}, Scenario)
