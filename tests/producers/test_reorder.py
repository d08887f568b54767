from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files.layout import Piece
from producers.reorder import Reorder
from tests.producers.read import packets_of
from tests.producers.writer import Packet
from wireverdict.frames import FRAME


def naive(wanted: Sequence[Packet], horizon: int, room: int) -> list[Packet]:
    """The rule, frame by frame, with a heap of everything held."""
    held: list[tuple[int, int, Packet]] = []
    stored = 0
    out = []
    for position, packet in enumerate(wanted):
        heapq.heappush(held, (packet.ts, position, packet))
        stored += len(packet.data)
        while len(held) > horizon or stored > room:
            out.append(heapq.heappop(held)[2])
            stored -= len(out[-1].data)
    return out + [packet for _, _, packet in sorted(held)]


def piece(packets: Sequence[Packet], data: Any = None, start: int = 0) -> Piece:
    """A piece as a reader would give it, in a buffer of its own or at `start` of a common one."""
    frames = np.zeros(len(packets), FRAME)
    ends = np.cumsum([len(packet.data) for packet in packets])
    frames["ts"] = [packet.ts for packet in packets]
    frames["captured"] = [len(packet.data) for packet in packets]
    frames["length"] = [packet.length for packet in packets]
    frames["offset"] = ends - frames["captured"] + start
    own = np.frombuffer(b"".join(packet.data for packet in packets), np.uint8)
    times = [packet.ts for packet in packets]
    return Piece(
        own if data is None else data, frames, min(times), max(times), sorted(times) == times, sum(frames["captured"])
    )


def pieces(packets: Sequence[Packet], cuts: Sequence[int], shared: bool) -> list[Piece]:
    """The packets cut into pieces, in one buffer or in many."""
    whole = np.frombuffer(b"".join(packet.data for packet in packets), np.uint8) if shared else None
    out, at = [], 0
    edges = sorted({0, len(packets), *(cut % (len(packets) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        out.append(piece(packets[start:end], whole, at if shared else 0))
        at += sum(len(packet.data) for packet in packets[start:end])
    return out


def through(parts: Sequence[Piece], horizon: int, room: int) -> list[Packet]:
    reorder = Reorder(horizon, room)
    runs = [packets_of(run) for part in parts for run in reorder.push(part)]
    return [packet for run in runs for packet in run] + [p for run in reorder.end() for p in packets_of(run)]


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.integers(-3, 10), min_size=1, max_size=80),
    jumps=st.lists(st.tuples(st.integers(0, 79), st.integers(-200, 200)), max_size=3),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=7),
    cuts=st.lists(st.integers(0, 80), max_size=6),
    horizon=st.integers(1, 50),
    room=st.integers(0, 400) | st.just(10_000),
    shared=st.booleans(),
)
def test_rule_whatever_the_pieces(
    steps: list[int],
    jumps: list[tuple[int, int]],
    sizes: list[int],
    cuts: list[int],
    horizon: int,
    room: int,
    shared: bool,
) -> None:
    times = np.cumsum(steps)
    for at, by in jumps:
        times[at % len(times)] += by
    packets = [Packet(int(ts), bytes([i]) * sizes[i % len(sizes)], 100 + i) for i, ts in enumerate(times)]
    assert through(pieces(packets, cuts, shared), horizon, room) == naive(packets, horizon, room)


def test_a_file_in_order_is_not_copied_and_held_by_its_horizon() -> None:
    packets = [Packet(i // 2, b"abc", 3) for i in range(100)]
    parts = pieces(packets, [10, 20, 30, 40, 50, 60, 70, 80, 90], True)
    reorder = Reorder(25)
    sizes = []
    for part in parts:
        runs = reorder.push(part)
        assert all(run.data is part.data for run in runs)
        sizes.append(sum(len(run.frames) for run in runs))
    assert sizes == [0, 0, 0, 10, 10, 10, 10, 10, 10, 10]
    assert [len(run.frames) for run in reorder.end()] == [10, 10, 10]


def test_a_horizon_of_none_holds_nothing() -> None:
    packets = [Packet(5, b"a", 1), Packet(3, b"b", 1)]
    assert through(pieces(packets, [], True), 0, 0) == packets
