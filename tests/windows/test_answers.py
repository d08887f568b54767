"""Latency histograms: few buckets beside the counts, many in a row of their own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.windows.made import Script, whole
from wireverdict.windows.fields import LATENCY_BUCKETS, bucket_of
from wireverdict.windows.merge import Merge
from wireverdict.windows.windows import Windows


@pytest.mark.parametrize("buckets", [1, 8, 9, 60])
def test_latencies_of_few_and_of_many_buckets(buckets: int) -> None:
    script = Script()
    expected = np.zeros((2, LATENCY_BUCKETS), np.int64)
    for k in range(3 * buckets):
        client = k % 3 == 2  # the second client's answers are all alike
        took = 1000 if client else (1 << (k % buckets) // 4 + 3) + 1000 * (k % buckets)
        script.dns(k / 100, 1 + client, 9, 40_000 + k, k, "a.example")
        script.dns(k / 100 + took / 1e6, 1 + client, 9, 40_000 + k, k, "a.example", answer=True)
        expected[int(client), bucket_of(took)] += 1
    script.lines.sort(key=lambda line: line[0]["ts"])
    rows, names, notes = script.arrays()
    windows = Windows()
    assert windows.observe(rows, names, notes) == len(rows)
    (view,) = whole(Merge(1), windows.finish())
    latency = view.dns.latency
    assert len(latency) == 2
    assert np.asarray(latency).tolist() == expected.tolist()
    assert [latency[row].tolist() for row in (0, 1)] == expected.tolist()
    assert latency[np.array([1, 0, 1])].tolist() == expected[[1, 0, 1]].tolist()
    assert latency[np.array([], np.intp)].tolist() == []
