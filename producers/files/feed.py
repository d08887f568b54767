"""Where the bytes of a capture come from: a memory map scanned in place, or a stream read in chunks."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from producers.files.compression import DamagedError

CHUNK = 1 << 20
"""Bytes of a stream that are read (or decompressed) into one buffer."""
_BEHIND = 64 << 20
"""Bytes behind the scan that stay mapped, at most; pages before that leave the resident set (they stay in the page
cache)."""
_BLOCKS = 12
"""Blocks behind the scan that stay mapped: more than a reorder buffer holds of them (8 of 8,192 frames)."""


class Feed(Protocol):
    """`data` holds the bytes at hand, `base` is where they begin in the capture, `final` that no more will come.

    `fault`: why reading stopped before the end, half a sentence.
    """

    data: NDArray[np.uint8]
    base: int
    final: bool
    fault: str | None

    def more(self, position: int, need: int) -> bool:
        """Replace `data` by its part from `position` on plus further bytes, `need` in all or more; False if none came.

        Arrays given out before stay valid.
        """
        ...

    def passed(self, position: int) -> None:
        """Everything before `position` of `data` has been scanned."""
        ...


class MappedFeed:
    """A whole regular file, mapped read-only."""

    def __init__(self, descriptor: int) -> None:
        self._map = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        self._map.madvise(mmap.MADV_SEQUENTIAL)
        self._dropped = 0
        self._passed = 0
        self._largest = 1 << 20  # bytes of a block
        self.data: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8)
        self.base = 0
        self.final = True
        self.fault: str | None = None

    def more(self, position: int, need: int) -> bool:
        """There is never more."""
        return False

    def passed(self, position: int) -> None:
        """Let go of pages far behind, so that a large file does not look like used memory."""
        self._largest = max(self._largest, position - self._passed)
        self._passed = position
        behind = min(_BLOCKS * self._largest, _BEHIND)
        if position - self._dropped >= 2 * behind:
            end = (position - behind) // mmap.PAGESIZE * mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, self._dropped, end - self._dropped)
            self._dropped = end


class StreamFeed:
    """Bytes from `readinto(view) -> count` (0 at the end; may raise DamagedError or OSError).

    With `wait`, an end is not the end: `wait()` is called, and while it returns True reading is tried again. Then a
    chunk is handed on as soon as there is any.
    """

    def __init__(
        self,
        readinto: Callable[[memoryview], int | None],
        wait: Callable[[], bool] | None = None,
        *,
        ready: Callable[[], bool] | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self._readinto = readinto
        self._wait = wait
        self._ready = ready
        self._chunk = chunk
        self.data: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.base = 0
        self.final = False
        self.fault: str | None = None

    def more(self, position: int, need: int) -> bool:
        """See Feed."""
        if self.final:
            return False
        rest = self.data[position:]
        size = max(self._chunk, need) + len(rest)
        buffer = np.empty(size, np.uint8)
        filled = len(rest)
        buffer[:filled] = rest
        view = memoryview(buffer)  # type: ignore[arg-type]
        while filled < size:
            count = self._read(view[filled:])
            filled += count
            if count == 0 and not (self._wait is not None and self.fault is None and self._wait()):
                self.final = True
                break
            prompt = self._wait is not None or (self._ready is not None and not self._ready())
            if prompt and filled >= need and filled > len(rest):
                break
        self.base += position
        self.data = buffer[:filled]
        return filled > len(rest)

    def passed(self, position: int) -> None:
        """Nothing to let go of: old buffers go with their frames."""

    def _read(self, view: memoryview) -> int:
        try:
            return self._readinto(view) or 0
        except DamagedError as error:
            self.fault = str(error)
        except OSError as error:
            self.fault = f"cannot be read ({os.strerror(error.errno) if error.errno else error})"
        return 0
