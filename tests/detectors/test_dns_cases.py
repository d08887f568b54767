"""Sums of DNS by client and resolver."""

from __future__ import annotations

import numpy as np
import pytest

from tests.detectors.test_dns_loss import asking, views
from wireverdict.detectors.dns_cases import cases, others, quantile_ms, total
from wireverdict.windows.fields import LATENCY_BUCKETS, NEVER, bucket_of


def test_cases_add_up() -> None:
    view = views(asking(lambda c, s, k: s == 53 and k % 2 == 0, [1, 2], [53, 54], 10))[0]
    found = cases(view)
    assert [(case.client[1] & 0xFF, case.server[1] & 0xFF) for case in found] == [(1, 53), (1, 54), (2, 53), (2, 54)]
    assert [(case.decided, case.unanswered, case.heard) for case in found] == [
        (10, 5, True),
        (10, 10, False),
        (10, 5, True),
        (10, 10, False),
    ]
    whole = total(found)
    assert (whole.decided, whole.unanswered) == (40, 30)
    assert whole.since == 0
    assert sum(whole.names.values()) == 30
    assert int(whole.latency.sum()) == 10
    assert others(found, by_server=True) == [
        {"resolver": "198.18.0.53", "attempts": 20, "answered": 10},
        {"resolver": "198.18.0.54", "attempts": 20, "answered": 0},
    ]
    assert [line["client"] for line in others(found, by_server=False)] == ["198.18.0.1", "198.18.0.2"]


def test_nothing_adds_up_to_nothing() -> None:
    nothing = total([])
    assert (nothing.decided, nothing.unanswered, nothing.since) == (0, 0, NEVER)
    assert nothing.evidence()["unanswered_share"] == 0.0


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 1.0])
def test_quantiles_are_within_half_a_bucket(share: float) -> None:
    values = np.sort(np.random.default_rng(1).integers(100, 2_000_000, 1000))
    latency = np.zeros(LATENCY_BUCKETS, np.int64)
    for value in values.tolist():
        latency[bucket_of(value)] += 1
    truth = values[max(0, int(np.ceil(share * 1000)) - 1)] / 1000
    assert quantile_ms(latency, share) == pytest.approx(truth, rel=0.065)
    assert quantile_ms(np.zeros(LATENCY_BUCKETS, np.int64), share) is None
