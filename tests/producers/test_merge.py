from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers import merge
from tests.producers.read import packets_of
from tests.producers.test_reorder import piece
from tests.producers.writer import Packet
from wireverdict.frames import FRAME

FAR = 2**63 - 1


@settings(max_examples=200, deadline=None)
@given(
    lanes=st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=15).map(sorted), min_size=1, max_size=7),
    ranks=st.permutations(range(7)),
    bound=st.integers(0, 25) | st.just(FAR),
    room=st.integers(1, 60),
)
def test_merge_is_a_merge_by_time_and_rank(lanes: list[list[int]], ranks: list[int], bound: int, room: int) -> None:
    pool = np.zeros(sum(map(len, lanes)), FRAME)
    pool["ts"] = [ts for lane in lanes for ts in lane]
    pool["file"] = [number for number, lane in enumerate(lanes) for _ in lane]
    ends = np.cumsum([len(lane) for lane in lanes])
    cursors = ends - [len(lane) for lane in lanes]
    out, owners = np.zeros(room, FRAME), np.zeros(room, np.int64)
    written = merge.merge(pool, cursors, ends, np.array(ranks[: len(lanes)]), bound, out, owners, np.zeros_like(ends))

    left = [len(lane) for lane in lanes]
    wanted: list[tuple[int, int]] = []
    for ts, _, number in heapq.merge(*([(ts, ranks[i], i) for ts in lane] for i, lane in enumerate(lanes))):
        if len(wanted) == room or ts >= bound:
            break
        wanted.append((ts, number))
        left[number] -= 1
        if not left[number]:
            break
    assert [(int(row["ts"]), int(row["file"])) for row in out[:written]] == wanted
    assert owners[:written].tolist() == [number for _, number in wanted]
    assert (ends - cursors).tolist() == left


@given(times=st.lists(st.integers(0, 9), max_size=20), ts=st.integers(0, 9), inclusive=st.booleans())
def test_leading(times: list[int], ts: int, inclusive: bool) -> None:
    frames = np.zeros(len(times), FRAME)
    frames["ts"] = times
    stop = [i for i, t in enumerate(times) if t > ts or (t == ts and not inclusive)]
    assert merge.leading(frames, ts, inclusive) == (stop[0] if stop else len(times))


@settings(deadline=None)
@given(
    owners=st.lists(st.integers(0, 3), max_size=60) | st.lists(st.integers(0, 1), max_size=3).map(lambda x: x * 70),
    gathered=st.sampled_from([1, 30, 1 << 20]),
)
def test_assemble_keeps_order_and_bytes(owners: list[int], gathered: int) -> None:
    packets = [Packet(i, bytes([i % 251]) * (i % 13), i) for i in range(len(owners))]
    frames, buffers = np.zeros(len(owners), FRAME), []
    for owner in range(4):
        own = [i for i, o in enumerate(owners) if o == owner]
        part = piece([Packet(0, b"x", 0)] + [packets[i] for i in own])
        buffers.append(part.data)
        frames[own] = part.frames[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "_GATHER", gathered)
        batches = merge.assemble(frames, np.array(owners, np.int64), buffers)
    assert [packet for batch in batches for packet in packets_of(batch)] == packets


def test_long_runs_stay_in_place() -> None:
    owners = np.repeat([0, 1, 0], 100)
    buffers = [np.zeros(5, np.uint8), np.zeros(5, np.uint8)]
    batches = merge.assemble(np.zeros(300, FRAME), owners, buffers)
    assert [len(batch.frames) for batch in batches] == [100, 100, 100]
    assert [batch.data is buffers[0] for batch in batches] == [True, False, True]
