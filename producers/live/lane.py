"""One ring within the timeline of several: what was read of it and cannot be given yet.

Rings hand over their blocks at different times. A packet may go out when no other ring can still bring an earlier one; until
then its block stays ours, since the packet lies in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from producers.live.program import NOTHING, Program
from producers.live.ring import Ring, empty


class Lane:
    """`room`: frames read at a time. `program`: what the ring's filter is to be while it takes packets."""

    def __init__(self, ring: Ring, room: int) -> None:
        self.ring = ring
        self.program: Program = NOTHING
        self.started = False
        self.down = 0.0  # since when (monotonic s) its interface is; 0 for not
        self.last = 0  # ns, the latest packet so far
        self._buffer = empty(room)
        self._held: NDArray[np.void] = self._buffer[:0].copy()

    @property
    def holding(self) -> bool:
        """Whether something was read and not given."""
        return len(self._held) > 0

    @property
    def empty(self) -> bool:
        """Whether everything was given that came."""
        return not self.holding and self.ring.taken == self.ring.given and self.ring.waiting() == 0

    @property
    def half_full(self) -> bool:
        """Whether so much is held that the kernel may run out of blocks."""
        return 2 * (self.ring.taken - self.ring.given) > self.ring.shape.blocks

    def read(self) -> tuple[NDArray[np.void], bool]:
        """Frames of the next blocks in order of time, and whether no block waits behind them."""
        count, disorder = self.ring.take(self._buffer, self.ring.shape.blocks)
        frames = self._buffer[:count]
        if count:
            if disorder:
                frames = frames[np.argsort(frames["ts"], kind="stable")]
            self.last = max(self.last, int(frames["ts"][-1]))
        return frames, self.ring.waiting() == 0

    def look(self, certain: int) -> int:
        """Read on, and hold it: the time (ns) up to which everything of this ring has been read.

        `certain`: time up to which everything has been handed over.
        """
        frames, all_read = self.read()
        if len(frames):
            held = np.concatenate([self._held, frames])
            if len(self._held) and frames["ts"][0] < self._held["ts"][-1]:
                held = held[np.argsort(held["ts"], kind="stable")]
            self._held = held
        return max(self.last, certain) if all_read else self.last

    def split(self, bound: int | None) -> NDArray[np.void]:
        """Frames held up to a time (ns), or all: they are held no more, and their blocks stay until `give_back`."""
        count = len(self._held) if bound is None else int(np.searchsorted(self._held["ts"], bound, "right"))
        frames, self._held = self._held[:count], self._held[count:]
        return frames

    def give_back(self) -> None:
        """Let the kernel have the blocks of which nothing is held, oldest first."""
        ring = self.ring
        if not self.holding:
            ring.give(ring.taken - ring.given)
            return
        needed = set(np.unique(ring.block_of(self._held)).tolist())
        count = 0
        while ring.given + count < ring.taken and (ring.given + count) % ring.shape.blocks not in needed:
            count += 1
        ring.give(count)


def merged(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """Frames of several rings in order of time; of equal times, those of the ring that comes first."""
    given = [part for part in parts if len(part)]
    if len(given) < 2:
        return given[0] if given else parts[0]
    frames = np.concatenate(given)
    return frames[np.argsort(frames["ts"], kind="stable")]
