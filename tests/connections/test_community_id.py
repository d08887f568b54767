"""Community IDs against the reference package and the specification's own lists."""

from __future__ import annotations

import ipaddress
import json
import string

import communityid
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import CAPTURES
from wireverdict.connections.community_id import LENGTH, community_ids
from wireverdict.records import CONNECTION

BASELINES = CAPTURES / "baselines" / "corelight_community-id-spec"


def number(address: str) -> int:
    ip = ipaddress.ip_address(address)
    return int(ip) | (0xFFFF << 32 if ip.version == 4 else 0)


def connections(tuples: list[tuple[int, str, str, int, int]]) -> np.ndarray:
    rows = np.zeros(len(tuples), CONNECTION)
    for row, (protocol, source, destination, sport, dport) in zip(rows, tuples, strict=True):
        for half, value in (("src", number(source)), ("dst", number(destination))):
            row[f"{half}_hi"], row[f"{half}_lo"] = value >> 64, value & (1 << 64) - 1
        row["protocol"], row["sport"], row["dport"] = protocol, sport, dport
    return rows


def ids(tuples: list[tuple[int, str, str, int, int]], seed: int = 0) -> list[str]:
    return [bytes(row).decode() for row in community_ids(connections(tuples), seed)]


def reference(protocol: int, source: str, destination: str, sport: int, dport: int, seed: int = 0) -> str:
    has_ports = protocol in (1, 6, 17, 58, 132)
    ports = (sport, dport) if has_ports else (None, None)
    made = communityid.CommunityID(seed=seed).calc(communityid.FlowTuple(protocol, source, destination, *ports))
    assert isinstance(made, str)
    return made


V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str).filter(lambda text: ipaddress.IPv6Address(text).ipv4_mapped is None)
ENDS = st.one_of(st.tuples(V4, V4), st.tuples(V6, V6), V4.map(lambda ip: (ip, ip)), V6.map(lambda ip: (ip, ip)))
PORT = st.one_of(st.integers(0, 65_535), st.sampled_from([0, 53, 65_535]))
ICMP_TYPE = st.integers(0, 255)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([6, 17, 132, 2, 47, 50, 0, 255]), ENDS, PORT, PORT, st.sampled_from([0, 1, 65_535]))
def test_agrees_with_the_reference_package(protocol: int, ends: tuple[str, str], a: int, b: int, seed: int) -> None:
    assert ids([(protocol, *ends, a, b)], seed) == [reference(protocol, *ends, a, b, seed)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1, 58]), ENDS, ICMP_TYPE, ICMP_TYPE)
def test_agrees_on_icmp_where_ports_are_type_and_counterpart_or_code(
    protocol: int, ends: tuple[str, str], kind: int, code: int
) -> None:
    counterparts = (communityid.icmp if protocol == 1 else communityid.icmp6).TYPE_MAPPER
    second = counterparts.get(kind, code)
    assert ids([(protocol, *ends, kind, second)]) == [reference(protocol, *ends, kind, code)]


@pytest.mark.parametrize(("name", "seed"), [("baseline_deflt.json", 0), ("baseline_seed1.json", 1)])
def test_agrees_with_the_lists_of_the_specification(name: str, seed: int) -> None:
    listed = json.loads((BASELINES / name).read_text())
    assert len(listed) >= 7
    tuples = []
    for flow in listed:
        kind, code = flow["sport"], flow["dport"]
        if flow["proto"] in (1, 58):
            mapper = (communityid.icmp if flow["proto"] == 1 else communityid.icmp6).TYPE_MAPPER
            code = mapper.get(kind, code)
        tuples.append((flow["proto"], flow["saddr"], flow["daddr"], kind, code))
    assert ids(tuples, seed) == [flow["communityid"] for flow in listed]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([6, 17, 132]), ENDS, PORT, PORT)
def test_both_directions_have_one_id(protocol: int, ends: tuple[str, str], a: int, b: int) -> None:
    there, back = ids([(protocol, *ends, a, b), (protocol, ends[1], ends[0], b, a)])
    assert there == back


def test_shape_and_letters() -> None:
    made = community_ids(connections([(6, "192.0.2.1", "198.51.100.7", 1, 2)] * 3))
    assert made.shape == (3, LENGTH)
    assert made.dtype == np.uint8
    assert set(bytes(made[0, 2:])) <= set((string.ascii_letters + string.digits + "+/=").encode())
    assert community_ids(np.zeros(0, CONNECTION)).shape == (0, LENGTH)


@pytest.mark.parametrize("seed", [-1, 65_536])
def test_refuses_a_seed_that_does_not_fit(seed: int) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        community_ids(np.zeros(1, CONNECTION), seed)
