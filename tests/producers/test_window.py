from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.window import Window
from tests.producers.read import packets_of
from tests.producers.test_reorder import naive, pieces, through
from tests.producers.writer import Packet


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32), offset=st.sampled_from([1, 40, 500, 3000]), horizon=st.sampled_from([64, 1000, 5000])
)
def test_two_clocks_interleaved(seed: int, offset: int, horizon: int) -> None:
    """Displacements beyond the shift go through the heap."""
    rng = np.random.default_rng(seed)
    times = np.arange(4000) + offset * rng.integers(0, 2, 4000)
    packets = [Packet(int(ts), i.to_bytes(2, "big"), i) for i, ts in enumerate(times)]
    assert through(pieces(packets, [700, 1500, 3900], True), horizon, 1 << 20) == naive(packets, horizon, 1 << 20)


def test_buffers_are_let_go_with_their_frames() -> None:
    packets = [Packet(i ^ 1, bytes([i]), 1) for i in range(40)]
    window = Window(5, 1 << 20)
    found = []
    for part in pieces(packets, range(0, 40, 4), False):
        found += [packet for run in window.push(part) for packet in packets_of(run)]
        assert sum(buffer is not None for buffer in window._buffers) <= 4
    found += [packet for run in window.end() for packet in packets_of(run)]
    assert found == sorted(packets)
