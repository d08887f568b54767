"""The general case of the reorder buffer (reorder.py): frames held in a line and a heap, by a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files.layout import Piece
from producers.merge import assemble
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.kernels import kernel, types

_SHIFT = 32
"""A frame that belongs at most so many places before the end of the line is moved there; others go through the heap."""

_FRAMES = types.from_dtype(FRAME)[::1]
_NUMBERS = types.int64[::1]
# Indices in `state`
HEAD, TAIL, HEAP, FREE, SERIAL, BYTES, STATE = range(7)


@kernel(inline=True, borrow=True)
def less(rows: Any, serials: Any, one: Any, other: Any) -> Any:
    """Whether the frame in slot `one` goes before that in slot `other`."""
    return rows[one].ts < rows[other].ts or (rows[one].ts == rows[other].ts and serials[one] < serials[other])


@kernel(borrow=True)
def heap_push(heap: Any, count: Any, slot: Any, rows: Any, serials: Any) -> None:
    """Add a slot to the heap, which has `count` entries before."""
    at = count
    while at > 0:
        parent = (at - 1) >> 1
        if not less(rows, serials, slot, heap[parent]):
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = slot


@kernel(borrow=True)
def heap_pop(heap: Any, count: Any, rows: Any, serials: Any) -> Any:
    """Take the smallest slot off the heap, which has `count` entries before."""
    top, slot = heap[0], heap[count - 1]
    count -= 1
    at = 0
    while True:
        child = 2 * at + 1
        if child >= count:
            break
        if child + 1 < count and less(rows, serials, heap[child + 1], heap[child]):
            child += 1
        if not less(rows, serials, heap[child], slot):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = slot
    return top


@kernel(
    types.int64(
        _FRAMES, types.int64, types.int64, types.int64, _NUMBERS,
        _FRAMES, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _FRAMES, _NUMBERS,
    ),
    borrow=True,
)  # fmt: skip
def pass_through(
    frames: Any,
    owner: Any,
    horizon: Any,
    room: Any,
    state: Any,
    rows: Any,
    serials: Any,
    owners: Any,
    line: Any,
    heap: Any,
    free: Any,
    out: Any,
    out_owners: Any,
) -> Any:
    """Let `frames` (all of buffer `owner`) in one by one, and out to `out` what the rule says; frames written.

    Held frames lie in slots of `rows`. Their slots stand either in `line` (a ring, ascending) or, when they came too
    late for its end, in `heap`; the smallest is the smaller one of the two fronts.
    """
    mask = line.size - 1
    written = 0
    head, tail, heaped, unused, held = state[HEAD], state[TAIL], state[HEAP], state[FREE], state[BYTES]
    serial = state[SERIAL]
    n = frames.size
    i = 0
    while True:
        count = tail - head + heaped
        if count > horizon or held > room:
            if heaped > 0 and (head == tail or less(rows, serials, heap[0], line[head & mask])):
                slot = heap_pop(heap, heaped, rows, serials)
                heaped -= 1
            else:
                slot = line[head & mask]
                head += 1
            out[written] = rows[slot]
            out_owners[written] = owners[slot]
            written += 1
            held -= np.int64(rows[slot].captured)
            free[unused] = slot
            unused += 1
            continue
        if i == n:
            break
        unused -= 1
        slot = free[unused]
        rows[slot] = frames[i]
        serials[slot] = serial
        owners[slot] = owner
        held += np.int64(frames[i].captured)
        ts = frames[i].ts
        at = tail
        lowest = max(head, tail - _SHIFT)
        while at > lowest and rows[line[(at - 1) & mask]].ts > ts:
            at -= 1
        if at > head and at == lowest and rows[line[(at - 1) & mask]].ts > ts:
            heap_push(heap, heaped, slot, rows, serials)
            heaped += 1
        else:
            for j in range(tail, at, -1):
                line[j & mask] = line[(j - 1) & mask]
            line[at & mask] = slot
            tail += 1
        serial += 1
        i += 1
    state[HEAD], state[TAIL], state[HEAP], state[FREE], state[BYTES] = head, tail, heaped, unused, held
    state[SERIAL] = serial
    return written


class Window:
    """The general case: held frames in a line and a heap."""

    def __init__(self, horizon: int, room: int) -> None:
        self._horizon = horizon
        self._room = room
        slots = horizon + 1
        self._state = np.zeros(STATE, np.int64)
        self._state[FREE] = slots
        self._rows = np.zeros(slots, FRAME)
        self._serials = np.zeros(slots, np.int64)
        self._owners = np.zeros(slots, np.int64)
        self._line = np.zeros(1 << (slots - 1).bit_length(), np.int64)
        self._heap = np.zeros(slots, np.int64)
        self._free = np.arange(slots - 1, -1, -1, dtype=np.int64)
        self._buffers: list[NDArray[np.uint8] | None] = []
        self._held: list[int] = []  # frames held, by buffer

    def push(self, piece: Piece) -> list[FrameBatch]:
        """See Reorder (reorder.py)."""
        if not self._buffers or self._buffers[-1] is not piece.data:
            self._buffers.append(piece.data)
            self._held.append(0)
        self._held[-1] += len(piece.frames)
        return self._through(piece.frames, self._horizon)

    def end(self) -> list[FrameBatch]:
        """See Reorder (reorder.py)."""
        return self._through(np.empty(0, FRAME), 0)

    def _through(self, frames: NDArray[Any], horizon: int) -> list[FrameBatch]:
        state = self._state
        most = int(state[TAIL] - state[HEAD] + state[HEAP]) + len(frames)
        out, owners = np.empty(most, FRAME), np.empty(most, np.int64)
        written = pass_through(
            frames, len(self._buffers) - 1, horizon, self._room, state, self._rows, self._serials, self._owners,
            self._line, self._heap, self._free, out, owners,
        )  # fmt: skip
        out, owners = out[:written], owners[:written]
        runs = assemble(out, owners, self._buffers)
        for owner, count in zip(*np.unique(owners, return_counts=True), strict=True):
            self._held[owner] -= int(count)
            if not self._held[owner] and owner < len(self._buffers) - 1:
                self._buffers[owner] = None  # nothing held needs it any more
        return runs
