"""Latency buckets."""

from __future__ import annotations

from wireverdict.windows.fields import LATENCY_BUCKETS, bucket_bounds, bucket_of


def test_latency_buckets_are_an_eighth_of_an_octave() -> None:
    for value in [*range(3000), *(7**k for k in range(9)), 30_000_000]:
        low, high = bucket_bounds(bucket_of(value))
        assert low <= value <= high
        assert high - low <= max(low // 8, 0)
    assert bucket_of(-5) == 0
    assert bucket_of(1 << 40) == LATENCY_BUCKETS - 1
