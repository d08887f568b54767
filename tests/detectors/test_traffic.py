"""Local sides of traffic."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.detectors.views import Maker, halves
from wireverdict.detectors.traffic import OUT, Lanes, lanes
from wireverdict.windows.fields import Count
from wireverdict.windows.home import address_text

HOST, PEER, OTHER = "192.0.2.1", "198.51.100.9", "2001:db8::9"


def sent(packets: int, *, out: bool = False, back: bool = False) -> dict[Count, int]:
    return {
        Count.PACKETS: packets,
        Count.BYTES: 100 * packets,
        Count.OUT: packets if out else 0,
        Count.IN: packets if back else 0,
    }


def test_sides_by_direction() -> None:
    maker = Maker().flow(HOST, PEER, 53, sent(10, out=True), sent(4, back=True), 17)
    maker.flow(PEER, HOST, 25, sent(3, back=True), sent(2, out=True))
    maker.flow(PEER, OTHER, 80, sent(100), sent(100))  # neither way: not ours
    maker.flow(HOST, PEER, 0, sent(50, out=True), protocol=1)  # ICMP
    maker.flow(HOST, "239.1.1.1", 5004, sent(50, out=True), protocol=17)
    maker.flow(HOST, "ff02::fb", 5353, sent(50, out=True), protocol=17)
    local = lanes(maker.view())
    told = {
        (int(port), bool(asks)): counts.tolist()
        for port, asks, counts in zip(local.port, local.asks, local.counts, strict=True)
    }
    assert told == {(53, True): [10, 4, 1000], (25, False): [2, 3, 200]}
    assert {address_text(*host) for host in local.host.tolist()} == {HOST}
    assert {address_text(*peer) for peer in local.peer.tolist()} == {PEER}


def test_two_local_hosts_are_no_side() -> None:
    maker = Maker().flow(HOST, PEER, 53, sent(10, out=True), sent(4, out=True), 17)
    assert not len(lanes(maker.view()).counts)


def test_without_directions_the_host_of_nearly_all_packets_is_local() -> None:
    maker = Maker()
    for k in range(4):
        maker.flow(HOST, f"198.51.100.{k}", 53, sent(10), sent(5), 17)
    assert {address_text(*host) for host in lanes(maker.view()).host.tolist()} == {HOST}
    maker.flow(PEER, "203.0.113.1", 80, sent(10), sent(10))
    assert not len(lanes(maker.view()).counts)
    assert not len(lanes(Maker().view()).counts)


def test_a_host_may_have_an_address_of_each_kind() -> None:
    maker = Maker()
    for k in range(4):
        maker.flow(HOST, f"198.51.100.{k}", 53, sent(10), sent(5), 17)
        maker.flow("2001:db8::1", f"2001:db8:1::{k}", 53, sent(10), sent(5), 17)
    assert {address_text(*host) for host in lanes(maker.view()).host.tolist()} == {HOST, "2001:db8::1"}


def test_of_two_hosts_alone_the_one_that_asks_is_local() -> None:
    maker = Maker().flow(PEER, HOST, 80, sent(10), sent(20))
    assert [address_text(*host) for host in lanes(maker.view()).host.tolist()] == [PEER]


def test_groups() -> None:
    maker = Maker()
    for k in range(12):
        maker.flow(HOST, f"198.51.100.{k}", 53, sent(10 + k, out=True), sent(5, back=True), 17)
    maker.flow(HOST, "198.51.100.3", 80, sent(100, out=True), sent(50, back=True))
    local = lanes(maker.view())
    ports = local.by(local.port)
    assert ports.keys.tolist() == [[53], [80]]
    assert ports.sums.tolist() == [[186, 60, 18_600], [100, 50, 10_000]]
    assert len(ports.rows(0)) == 12
    assert local.counts[ports.rows(1)].tolist() == [[100, 50, 10_000]]
    hosts = local.by(local.host)
    assert hosts.keys.tolist() == [list(halves(HOST))]
    assert hosts.sums.tolist() == [[286, 110, 28_600]]
    assert sorted(hosts.rows(0).tolist()) == list(range(13))
    busiest = local.busiest()
    assert len(busiest) == 10
    assert busiest[0] == {"destination": "198.51.100.3", "out": 113, "in": 55}
    assert busiest[1] == {"destination": "198.51.100.11", "out": 21, "in": 5}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 300)), max_size=40), st.integers(0, 400))
def test_groups_with_packets_enough_are_all_found(rows: list[tuple[int, int, int]], least: int) -> None:
    host = np.array([[0, row[0]] for row in rows], np.uint64).reshape(-1, 2)
    port = np.array([row[1] for row in rows], np.uint64)
    counts = np.array([[row[2], 1, 2] for row in rows], np.int64).reshape(-1, 3)
    sums: dict[tuple[int, ...], int] = {}
    for who, which, out in rows:
        sums[0, who, which] = sums.get((0, who, which), 0) + out
    groups = Lanes(host, host, port, port, port > 0, counts).by(host, port, least=least)
    assert {tuple(key): total[OUT] for key, total in zip(groups.keys.tolist(), groups.sums.tolist(), strict=True)} == {
        key: out for key, out in sums.items() if out >= least
    }
    assert [int(counts[groups.rows(at), OUT].sum()) for at in range(len(groups.keys))] == groups.sums[:, OUT].tolist()
