"""The quick look at rings against a slow one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.paths.bufferbloat import FULL_PACKET, Settings
from wireverdict.paths.layout import BINS, LOAD, NEVER, SAMPLES
from wireverdict.paths.screen import look


@st.composite
def bins(draw: st.DrawFn) -> np.ndarray:
    ring = np.zeros((1, BINS), LOAD)
    ring["second"] = -1
    for second in draw(st.sets(st.integers(0, 2 * BINS), max_size=20)):
        row = ring[0, second % BINS]
        row["second"] = second
        row["acked"] = draw(st.sampled_from([0, 20_000, 30_000, 60_000, 100_000]))
        for part in range(2):
            row["flights"][part] = draw(st.integers(0, 4))
            row["flight"][part] = row["flights"][part] * draw(st.sampled_from([1_000, 4 * FULL_PACKET, 100_000]))
            kept = draw(st.integers(0, SAMPLES))
            row["kept"][part] = row["count"][part] = kept
            row["samples"][part, :kept] = draw(
                st.lists(st.sampled_from([10_000, 120_000, 400_000]), min_size=kept, max_size=kept)
            )
    return ring


def reference(ring: np.ndarray, since: int, until: int, bases: tuple[int, int], s: Settings) -> list[int]:
    busy = [
        row
        for row in ring[0]
        if since <= row["second"] < until
        and row["acked"] >= s.min_load
        and max(row["flight"][p] / max(row["flights"][p], 1) for p in range(2)) >= s.min_flight * FULL_PACKET
    ]
    if not busy:
        return [0] * 6
    plateau = s.load_share * sorted(row["acked"] for row in busy)[(len(busy) - 1) * 9 // 10]
    loaded = [row for row in busy if row["acked"] >= plateau]
    told, bloated = [0, 0], [0, 0]
    for row in loaded:
        for part in range(2):
            if row["count"][part] >= s.min_samples:
                told[part] += 1
                middle = np.median(row["samples"][part, : row["kept"][part]])
                base = bases[part]
                if base and middle - base >= s.queue_delay * 1e3 and middle >= s.inflation * base:
                    bloated[part] += 1
    return [len(loaded), *told, *bloated, max(int(row["second"]) for row in loaded)]


@given(
    bins(),
    st.integers(0, 3),
    st.integers(-5, 60),
    st.integers(61, 130),
    st.sampled_from([(0, 9_000), (10_000, 150_000)]),
)
@settings(max_examples=150, deadline=None)
def test_any_ring_against_the_reference(
    ring: np.ndarray, early: int, since: int, until: int, bases: tuple[int, int]
) -> None:
    chosen = Settings()
    sinces, untils = np.array([since]), np.array([until])
    oldest = min((second for second in ring[0]["second"].tolist() if second >= 0), default=NEVER) - early
    found = look(ring, np.array([oldest]), np.zeros(1, np.int32), sinces, untils, np.array([bases]), chosen)
    assert found[0].tolist() == reference(ring, since, until, bases, chosen)
