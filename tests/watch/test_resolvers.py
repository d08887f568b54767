"""DNS by resolver, in the midst of the demo's outage."""

from __future__ import annotations

import math

import numpy as np

from tests.watch.made import OUTAGE, watcher
from wireverdict.watch.filters import Filter
from wireverdict.watch.peek import recent
from wireverdict.watch.resolvers import busiest
from wireverdict.windows.fields import Dns
from wireverdict.windows.home import address_text


def test_queries_are_answered_waiting_or_lost() -> None:
    here = recent(watcher(packets=OUTAGE).pipeline.shard.windows)
    found = busiest(here, 500)
    assert found.queries.sum() == here.dns[:, Dns.ATTEMPTS].sum()
    assert (found.queries == found.answered + found.unanswered + found.waiting).all()
    assert (np.diff(found.queries) <= 0).all()
    lost = found.unanswered.sum() / (found.answered + found.unanswered).sum()
    assert 0.85 < lost < 0.97  # one answer for about seventeen queries
    names = [address_text(*address) for address in found.address.tolist()]
    assert len(set(names)) == len(names) == 26
    assert (found.clients == 1).all()
    for row in range(len(names)):
        assert math.isnan(found.p50[row]) == (found.answered[row] == 0)
        assert not found.p50[row] > found.p95[row]


def test_of_clients_and_resolvers_that_match() -> None:
    here = recent(watcher(packets=OUTAGE).pipeline.shard.windows)
    some = busiest(here, 500, Filter("net 198.19.0.0/18"))
    assert {address_text(*address) for address in some.address.tolist()} == {f"198.19.{n}.4" for n in range(4, 56, 4)}
    assert len(busiest(here, 500, Filter("src host 2001:db8:18::2")).queries) == 13
    assert len(busiest(here, 500, Filter("tcp")).queries) == 0
    assert len(busiest(here, 500, Filter("198.19.4")).queries) == 4  # a piece of text: .4.4, .40.4, .44.4, .48.4
    assert len(busiest(here, 3).queries) == 3


def test_latency_is_that_of_the_answers() -> None:
    here = recent(watcher(packets=4_096).pipeline.shard.windows)
    found = busiest(here, 500)
    assert (found.unanswered == 0).all()
    assert (found.p50 > 9_000).all()
    assert (found.p95 < 80_000).all()
