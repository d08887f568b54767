"""Merging: sorted runs of frames from several buffers into one sequence, by kernels.

Order: ascending timestamp; ties by the rank of the lane (file), then by position in the lane.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.copying import copy_bytes
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.kernels import kernel, types

SHORT = 64
"""Frames; runs shorter than this on average are gathered into one buffer rather than given out one by one."""
_GATHER = 16 << 20
"""Bytes gathered into one buffer, at most (a single larger frame aside)."""
_FRAMES = types.from_dtype(FRAME)[::1]
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
_NUMBERS = types.int64[::1]


@kernel(types.int64(_FRAMES, types.int64, types.int64), borrow=True)
def leading(frames: Any, ts: Any, inclusive: Any) -> Any:
    """How many frames at the beginning come before `ts` (or at it, if `inclusive`)."""
    for i in range(frames.size):
        if frames[i].ts > ts or (frames[i].ts == ts and not inclusive):
            return i
    return frames.size


@kernel(inline=True, borrow=True)
def before(ts: Any, rank: Any, other_ts: Any, other_rank: Any) -> Any:
    """Whether the first key comes before the second."""
    return ts < other_ts or (ts == other_ts and rank < other_rank)


@kernel(borrow=True)
def sink(heap: Any, count: Any, at: Any, pool: Any, cursors: Any, ranks: Any) -> None:
    """Restore the heap of lanes (by the key of each lane's next frame) below `at`."""
    lane = heap[at]
    ts, rank = pool[cursors[lane]].ts, ranks[lane]
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        if child + 1 < count and before(
            pool[cursors[heap[child + 1]]].ts, ranks[heap[child + 1]], pool[cursors[heap[child]]].ts, ranks[heap[child]]
        ):
            child += 1
        if not before(pool[cursors[heap[child]]].ts, ranks[heap[child]], ts, rank):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = lane


@kernel(types.int64(_FRAMES, _NUMBERS, _NUMBERS, _NUMBERS, types.int64, _FRAMES, _NUMBERS, _NUMBERS), borrow=True)
def merge(pool: Any, cursors: Any, ends: Any, ranks: Any, bound: Any, out: Any, lanes: Any, heap: Any) -> Any:
    """Merge lane i's frames ``pool[cursors[i]:ends[i]]`` (none empty) into `out`, noting the lane of each in `lanes`.

    Stops when a lane runs out, `out` is full or the next frame is not before `bound` (ns). `cursors` move on; frames
    written. `heap`: scratch room for a number a lane.
    """
    count = cursors.size
    for i in range(count):
        heap[i] = i
    for i in range(count // 2 - 1, -1, -1):
        sink(heap, count, i, pool, cursors, ranks)
    written = 0
    while written < out.size:
        lane = heap[0]
        cursor = cursors[lane]
        if pool[cursor].ts >= bound:
            break
        out[written] = pool[cursor]
        lanes[written] = lane
        written += 1
        cursors[lane] = cursor + 1
        if cursor + 1 == ends[lane]:
            break
        sink(heap, count, 0, pool, cursors, ranks)
    return written


@kernel(types.int64(_FRAMES, types.int64, types.int64, types.int64[::1]), borrow=True)
def place(frames: Any, start: Any, room: Any, targets: Any) -> Any:
    """Lay frames out side by side from number `start` on: where each begins goes to `targets`, the sum to its end.

    Stops before `room` bytes are exceeded, but not before the first; the number after the last frame laid out.
    """
    total = np.int64(0)
    end = frames.size
    for i in range(start, frames.size):
        captured = np.int64(frames[i].captured)
        if i > start and total + captured > room:
            end = i
            break
        targets[i] = total
        total += captured
    targets[frames.size] = total
    return end


@kernel(types.void(_BYTES, _FRAMES, types.int64[::1], types.int64, types.int64[::1], types.uint8[::1]), borrow=True)
def gather(data: Any, frames: Any, owners: Any, owner: Any, targets: Any, buffer: Any) -> None:
    """Copy the bytes of `owner`'s frames from `data` to their `targets` in `buffer`, and point the frames there."""
    for i in range(frames.size):
        if owners[i] == owner:
            copy_bytes(buffer, targets[i], data, frames[i].offset, np.int64(frames[i].captured))
            frames[i].offset = targets[i]


def join(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """The same as np.concatenate, which copies structured rows field by field."""
    return np.concatenate([part.view(np.uint64) for part in parts]).view(FRAME)


def assemble(
    frames: NDArray[np.void], owners: NDArray[np.int64], buffers: Sequence[NDArray[np.uint8] | None]
) -> list[FrameBatch]:
    """Batches that hold `frames` in this order, frame i's bytes lying in ``buffers[owners[i]]``.

    Long runs out of one buffer are given out in place; short ones are gathered into a new buffer (`frames` is then
    changed).
    """
    if not len(frames):
        return []
    borders = np.flatnonzero(owners[1:] != owners[:-1]) + 1
    if len(frames) >= SHORT * len(borders):
        edges = pairwise([0, *borders.tolist(), len(frames)])
        return [FrameBatch(_present(buffers, int(owners[start])), frames[start:end]) for start, end in edges]
    targets = np.empty(len(frames) + 1, np.int64)
    present = np.flatnonzero(np.bincount(owners)).tolist()
    batches = []
    start = 0
    while start < len(frames):
        end = place(frames, start, _GATHER, targets)
        part = frames[start:end]
        buffer = np.empty(targets[-1], np.uint8)
        for owner in present:
            gather(_present(buffers, owner), part, owners[start:end], owner, targets[start:end], buffer)
        batches.append(FrameBatch(buffer, part))
        start = end
    return batches


def _present(buffers: Sequence[NDArray[np.uint8] | None], owner: int) -> NDArray[np.uint8]:
    buffer = buffers[owner]
    assert buffer is not None, "a buffer stays as long as frames in it are held"
    return buffer
