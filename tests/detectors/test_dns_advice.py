"""Which explanation the numbers of a DNS outage support."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detectors.views import Maker, halves
from wireverdict.detectors.dns_advice import advice, cloud_limit, old_flows
from wireverdict.detectors.dns_cases import Case
from wireverdict.verdicts import Subject
from wireverdict.windows.fields import DNS_KEY, LATENCY_BUCKETS, NEVER, Count, Dns
from wireverdict.windows.view import DnsTable

CLIENT, RESOLVER = "192.0.2.1", "198.51.100.53"
PAIR = Subject(CLIENT, RESOLVER, 53)


def case(**counts: int) -> Case:
    view = Maker().view()
    made = np.zeros((1, len(Dns)), np.int64)
    for name, many in {"attempts": 100, **counts}.items():
        made[0, Dns[name.upper()]] = many
    latency = np.zeros((1, LATENCY_BUCKETS), np.int64)
    view.dns = DnsTable(np.zeros(1, DNS_KEY), made, latency, np.array([NEVER]), [[]])
    return Case(view, np.array([0]))


@pytest.mark.parametrize(
    ("subject", "counts", "others", "start"),
    [
        (PAIR, {"answered": 10, "late": 60}, [], "Answers do come, but after"),
        (PAIR, {"unreachable": 60}, [], "ICMP errors come back"),
        (PAIR, {"orphans": 80}, [], "Answers arrive that match no query"),
        (PAIR, {}, [{"attempts": 10, "answered": 9}], "The client's other resolvers answer"),
        (PAIR, {}, [{"attempts": 10, "answered": 1}], "Look for loss or a rate limit"),
        (Subject(destination_ip=RESOLVER, destination_port=53), {}, [], "Most clients of this resolver fail"),
        (Subject(CLIENT, destination_port=53), {"new_attempts": 100}, [], "Queries from new ports get no answer"),
        # queries from old ports are answered, those from new ones are not
        (PAIR, {"new_attempts": 50, "answered": 50}, [], "Queries from new ports get no answer"),
        # next to none come from old ports: there is nothing to compare with
        (PAIR, {"new_attempts": 95, "answered": 10}, [], "Queries from new ports get no answer"),
        # those from old ports are lost as well
        (PAIR, {"new_attempts": 50, "answered": 10}, [], "Look for loss or a rate limit"),
    ],
)
def test_first_explanation(subject: Subject, counts: dict[str, int], others: list[dict[str, int]], start: str) -> None:
    assert advice(subject, case(**counts), {"other_resolvers": others}, Maker().view()).startswith(start)


def test_cloud_limit() -> None:
    cloud = Subject(CLIENT, "169.254.169.253", 53)
    for attempts, answered, plateau in (
        (10_000, 6_000, True),
        (15_369, 10_242, True),  # what the lab's policer of 1,024/s let through
        (5_000, 2_000, False),  # fewer than the limit
        (15_000, 100, False),  # a resolver that fails
        (15_000, 12_000, False),  # more than the limit comes through, so there is none
    ):
        given = case(attempts=attempts, answered=answered)
        evidence = cloud_limit(cloud, given, Maker().view())
        assert evidence["at_packet_limit"] is plateau
        assert evidence["attempts_per_s"] == attempts / 10
        assert ("1024 packets/s" in advice(cloud, given, evidence, Maker().view())) is plateau


def test_other_resolvers_have_no_such_limit() -> None:
    assert cloud_limit(Subject(CLIENT, "192.0.2.53", 53), case(attempts=15_369, answered=10_242), Maker().view()) == {}
    assert cloud_limit(Subject(CLIENT, "", 53), case(attempts=15_369, answered=10_242), Maker().view()) == {}
    assert "1024 packets/s" not in advice(PAIR, case(attempts=10_000, answered=6_000), {}, Maker().view())


def test_old_flows_are_those_that_the_host_sends_on() -> None:
    maker = Maker()
    maker.flow(CLIENT, RESOLVER, 443, {Count.ESTABLISHED: 3, Count.ADVANCED: 2}, {Count.ESTABLISHED: 9})
    maker.flow("203.0.113.1", CLIENT, 22, {Count.ESTABLISHED: 9}, {Count.ESTABLISHED: 1, Count.ADVANCED: 1})
    assert old_flows([halves(CLIENT)], maker.view()) == (4, 3)
