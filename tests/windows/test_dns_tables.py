"""Rows by client and resolver, and by question."""

from __future__ import annotations

from tests.windows.made import Script
from tests.windows.test_dns import play
from wireverdict.windows.fields import LATENCY_BUCKETS, Dns, bucket_of


def test_each_client_and_resolver_has_a_row_of_its_own() -> None:
    script = Script()
    for k in range(40):
        script.dns(1.0 + k / 100, k % 8, 50 + k % 5, 4000 + k, k, "a.example")
    _, views = play(script)
    keys = [(int(key["client_lo"]) & 255, int(key["server_lo"]) & 255) for key in views[0].dns.keys]
    assert keys == sorted({(k % 8, 50 + k % 5) for k in range(40)})
    assert views[0].dns.of(Dns.ATTEMPTS).tolist() == [1] * 40


def test_names_are_told_apart_by_type() -> None:
    script = Script()
    for k, qtype in enumerate([1, 1, 28]):
        script.dns(1.0 + k / 100, 1, 53, 4000 + k, k, "a.example", qtype=qtype)
    script.dns(1.5, 1, 53, 5000, 9, "")
    _, views = play(script)
    assert tuple(views[0].dns.names[0][0]) == ("a.example", 1, 2)
    assert sorted(tuple(name) for name in views[0].dns.names[0][1:]) == [(".", 1, 1), ("a.example", 28, 1)]


def test_latencies_fall_into_the_buckets_of_the_definition() -> None:
    script = Script()
    took = [0, 1, 7, 8, 15, 16, 17, 1_000, 123_456, 4_999_999]
    for k, us in enumerate(took):
        script.dns(1.0 + k / 100, 1, 53, 4000 + k, k, "a.example")
        script.dns(1.0 + k / 100 + us / 1e6, 1, 53, 4000 + k, k, "a.example", answer=True)
    script.lines.sort(key=lambda line: line[0]["ts"])
    _, views = play(script)
    expected = [0] * LATENCY_BUCKETS
    for us in took:
        expected[bucket_of(us)] += 1
    assert views[0].dns.latency[0].tolist() == expected
