"""Things to do one after the other, each line by one thread of a crew at a time, and how many may wait in all lines."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

TURN = 16
"""Things that are done before other lines have their turn."""


class Crew(ThreadPoolExecutor):
    """Threads that know whether one of them has nothing to do."""

    def __init__(self, threads: int, name: str = "") -> None:
        super().__init__(threads, name)
        self._free = threads  # less than 0: so many things wait
        self._counting = threading.Lock()

    def submit(self, what: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Have something done."""
        with self._counting:
            self._free -= 1
        future = super().submit(what, *given, **named)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        with self._counting:
            self._free += 1

    @property
    def spare(self) -> bool:
        """Whether a thread has nothing to do."""
        return self._free > 0


class Early:
    """What is done once, by whoever comes first: ahead of its turn if a thread has nothing else to do, or in its turn."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self._what: Callable[[], Any] | None = what
        self._value: Any = None
        self._error: Exception | None = None
        self._lock = threading.Lock()

    def ahead(self) -> None:
        """Do it. What it raises is for whoever asks for the value."""
        with suppress(Exception):
            self.value()

    def value(self) -> Any:
        """What came of it. Raises what it raised."""
        with self._lock:
            if self._what is not None:
                try:
                    self._value = self._what()
                except Exception as error:  # noqa: BLE001 - raised below, and again for whoever asks again
                    self._error = error
                self._what = None
        if self._error is not None:
            raise self._error
        return self._value


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


class _Thing(NamedTuple):
    what: Callable[[], None]
    counts: bool
    early: Early | None


class Turns:
    """One line of things. They must not raise."""

    def __init__(self, threads: Crew, room: Room) -> None:
        self._threads, self._room = threads, room
        self._lock = threading.Lock()
        self._waiting: deque[_Thing] = deque()
        self._busy = self._closed = False

    def add(
        self, what: Callable[[], None], *, first: bool = False, counts: bool = False, early: Early | None = None
    ) -> bool:
        """Have something done after all that waits, or `first`: before it. `counts`: it takes room. `early`: a part of it that
        may be done while the thing before it is. False: it was closed."""
        thing = _Thing(what, counts, early)
        with self._lock:
            if self._closed:
                return False
            if first:
                self._waiting.appendleft(thing)
            else:
                self._waiting.append(thing)
            idle, self._busy = not self._busy, True
        if counts:
            self._room.add(1)
        if idle:
            self._threads.submit(self._work)
        return True

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being done. For the only one that adds to this line: then that stays so."""
        with self._lock:
            return not self._busy

    def close(self) -> None:
        """What waits is not done any more."""
        with self._lock:
            self._closed = True
            left = sum(thing.counts for thing in self._waiting)
            self._waiting.clear()
        self._room.add(-left)

    def _work(self) -> None:
        for _ in range(TURN):
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                thing = self._waiting.popleft()
                early = self._waiting[0].early if self._waiting else None
            if early is not None and self._threads.spare:
                self._threads.submit(early.ahead)
            thing.what()
            if thing.counts:
                self._room.add(-1)
        self._threads.submit(self._work)
