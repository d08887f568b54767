"""Sums of DNS by client and resolver."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detectors.test_dns_loss import asking, views
from wireverdict.detectors.dns_cases import Tallies, quantile_ms
from wireverdict.windows.fields import LATENCY_BUCKETS, Dns, bucket_of


def test_cases_add_up() -> None:
    view = views(asking(lambda c, s, k: s == 53 and k % 2 == 0, [1, 2], [53, 54], 10))[0]
    tallies = Tallies(view)
    ends = [(tallies.address_of_client(k)[1] & 0xFF, tallies.address_of_server(k)[1] & 0xFF) for k in range(4)]
    assert ends == [(1, 53), (1, 54), (2, 53), (2, 54)]
    assert tallies.decided.tolist() == [10] * 4
    assert tallies.lost.tolist() == [5, 10, 5, 10]
    assert [tallies.heard(place) for place in range(4)] == [True, False, True, False]
    whole = tallies.case(np.arange(4))
    assert (whole.decided, whole.unanswered, whole.since) == (40, 30, 0)
    assert whole.evidence()["latency_p50_ms"] == pytest.approx(20, rel=0.065)
    assert whole.top_unanswered()[0] == {"name": "n0.example", "type": "A", "unanswered": 12}
    assert sum(name["unanswered"] for name in whole.top_unanswered()) == 30
    assert tallies.busiest(np.arange(4), by_server=True) == [
        {"resolver": "198.18.0.53", "attempts": 20, "answered": 10},
        {"resolver": "198.18.0.54", "attempts": 20, "answered": 0},
    ]
    assert [line["client"] for line in tallies.busiest(np.arange(4), by_server=False)] == ["198.18.0.1", "198.18.0.2"]


def test_what_cannot_be_judged_is_left_out() -> None:
    script = asking(lambda c, s, k: True, [1], [53], 1)
    script.dns(96.0, 1, 53, 4000, 7, "too.late.example")
    *_, last, _ = views(script)
    assert last.dns.of(Dns.PENDING).tolist() == [1]
    assert len(Tallies(last).rows) == 0
    nothing = Tallies(last).case(np.zeros(0, np.intp))
    assert (nothing.decided, nothing.unanswered, nothing.since) == (0, 0, last.start)
    assert nothing.evidence()["unanswered_share"] == 0.0


def test_pairs_have_names_of_their_own() -> None:
    view = views(asking(lambda c, s, k: True, list(range(1, 8)), list(range(1, 8)), 1))[0]
    names = Tallies(view).names
    assert len(set(names.tolist())) == len(view.dns.keys) == 7 * 7
    again = Tallies(views(asking(lambda c, s, k: True, [3], [7], 2))[0]).names
    assert set(again.tolist()) < set(names.tolist())


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 1.0])
def test_quantiles_are_within_half_a_bucket(share: float) -> None:
    values = np.sort(np.random.default_rng(1).integers(100, 2_000_000, 1000))
    latency = np.zeros(LATENCY_BUCKETS, np.int64)
    for value in values.tolist():
        latency[bucket_of(value)] += 1
    truth = values[max(0, int(np.ceil(share * 1000)) - 1)] / 1000
    assert quantile_ms(latency, share) == pytest.approx(truth, rel=0.065)
    assert quantile_ms(np.zeros(LATENCY_BUCKETS, np.int64), share) is None
