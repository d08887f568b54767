"""The busiest pairs against sums by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.headers import DEMO, batches
from tests.watch.made import OUTAGE, watcher
from wireverdict.headers import TCP, UDP
from wireverdict.watch.filters import Filter
from wireverdict.watch.pairs import busiest
from wireverdict.watch.peek import Recent, recent
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, SERVICE_KEY
from wireverdict.windows.home import address_halves, address_text


def test_packets_of_the_demo_by_pair_and_direction() -> None:
    here = recent(watcher(packets=OUTAGE).pipeline.shard.windows)
    width = 10_000_000_000
    first = here.since // width * width
    sent: Counter[tuple[str, str]] = Counter()
    total = 0
    for batch in batches(DEMO, 1024):
        total += len(batch.rows)
        if total > OUTAGE:
            break
        rows = batch.rows[batch.rows["ts"] >= first]
        for row in rows[["src_hi", "src_lo", "dst_hi", "dst_lo"]].tolist():
            sent[address_text(*row[:2]), address_text(*row[2:])] += 1
    found = busiest(here, 500)
    assert len(found.out) == len({frozenset(pair) for pair in sent})
    for row in range(len(found.out)):
        ours, peer = address_text(*found.ours[row].tolist()), address_text(*found.peer[row].tolist())
        assert (found.out[row], found.into[row]) == (sent[ours, peer], sent[peer, ours])
        assert ours in ("198.18.0.2", "2001:db8:18::2")
    assert (np.diff(found.out + found.into) <= 0).all()


def made(*rows: tuple[str, str, int, int, int, tuple[int, int], tuple[int, int], tuple[int, int]]) -> Recent:
    """Services of pairs: low, high, port, protocol, responder, packets, out, in."""
    keys = np.zeros(len(rows), SERVICE_KEY)
    for number, (low, high, port, protocol, responder, *_) in enumerate(rows):
        keys[number] = (*address_halves(low), *address_halves(high), port, protocol, responder, 0)
    packets, out, into = (np.array([row[place] for row in rows], np.int64) for place in (5, 6, 7))
    return Recent(
        1,
        2,
        keys,
        packets,
        100 * packets,
        out,
        into,
        np.zeros(0, DNS_KEY),
        np.zeros((0, DNS_COUNTS), np.int64),
        np.zeros((0, 3), np.int64),
    )


def test_ours_is_who_was_seen_to_send_or_else_who_asked() -> None:
    seen = made(
        ("10.0.0.1", "10.0.0.2", 53, UDP, 1, (5, 4), (0, 4), (5, 0)),  # the higher one sends, though the lower one asks
        ("10.0.0.1", "10.0.0.3", 80, TCP, 0, (7, 2), (0, 0), (0, 0)),  # nobody knows: the higher one asks
        ("10.0.0.1", "10.0.0.4", 80, TCP, 1, (1, 2), (0, 0), (0, 0)),
    )
    found = busiest(seen, 10)
    ends = [(address_text(*ours.tolist()), address_text(*peer.tolist())) for ours, peer in zip(*found[:2], strict=True)]
    assert ends == [("10.0.0.2", "10.0.0.1"), ("10.0.0.3", "10.0.0.1"), ("10.0.0.1", "10.0.0.4")]
    assert found.out.tolist() == [4, 2, 1]
    assert found.into.tolist() == [5, 7, 2]
    assert found.out_bytes.tolist() == [400, 200, 100]


def test_services_are_summed_and_the_busiest_is_named() -> None:
    seen = made(
        ("10.0.0.1", "10.0.0.2", 53, UDP, 1, (5, 5), (5, 0), (0, 5)),
        ("10.0.0.1", "10.0.0.2", 443, TCP, 1, (50, 50), (50, 0), (0, 50)),
        ("10.0.0.1", "10.0.0.2", 443, TCP, 1, (6, 7), (6, 0), (0, 7)),  # of another window
        ("10.0.0.1", "10.0.0.9", 25, TCP, 1, (1, 1), (1, 0), (0, 1)),
    )
    found = busiest(seen, 1)
    assert (found.out.tolist(), found.into.tolist()) == ([61], [62])
    assert (found.port.tolist(), found.protocol.tolist(), found.services.tolist()) == ([443], [TCP], [3])
    for expression, out in (
        ("port 53", [5]),
        ("host 10.0.0.9", [1]),
        ("udp or port 25", [5, 1]),
        ("tcp/25", [1]),
        ("10.0.0.7", []),
    ):
        assert busiest(seen, 10, Filter(expression)).out.tolist() == out, expression
