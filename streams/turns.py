"""Things to do one after the other, each line by one thread of a pool at a time, and how many may wait in all lines."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

TURN = 16
"""Things that are done before other lines have their turn."""


class Room:
    """Bounds what waits in several lines together. `wait` belongs to one event loop, all else to any thread."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self._lock = threading.Lock()
        self._free: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait(self) -> None:
        """Until there is room."""
        while True:
            with self._lock:
                if self.taken < self.most:
                    return
                self._loop = asyncio.get_running_loop()
                free = self._free = self._free or asyncio.Event()
            await free.wait()

    def add(self, count: int) -> None:
        """So many more, or fewer."""
        with self._lock:
            self.taken += count
            if self._free is None or self._loop is None or 4 * self.taken > 3 * self.most:
                return  # who waits is woken once for several
            free, self._free = self._free, None
        self._loop.call_soon_threadsafe(free.set)


class Turns:
    """One line of things. They must not raise."""

    def __init__(self, threads: Executor, room: Room) -> None:
        self._threads, self._room = threads, room
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], None], bool]] = deque()
        self._busy = self._closed = False

    def add(self, what: Callable[[], None], *, first: bool = False, counts: bool = False) -> bool:
        """Have something done after all that waits, or `first`: before it. `counts`: it takes room. False: it was closed."""
        with self._lock:
            if self._closed:
                return False
            if first:
                self._waiting.appendleft((what, counts))
            else:
                self._waiting.append((what, counts))
            idle, self._busy = not self._busy, True
        if counts:
            self._room.add(1)
        if idle:
            self._threads.submit(self._work)
        return True

    def close(self) -> None:
        """What waits is not done any more."""
        with self._lock:
            self._closed = True
            left = sum(counts for _, counts in self._waiting)
            self._waiting.clear()
        self._room.add(-left)

    def _work(self) -> None:
        for _ in range(TURN):
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                what, counts = self._waiting.popleft()
            what()
            if counts:
                self._room.add(-1)
        self._threads.submit(self._work)
