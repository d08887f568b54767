"""From the parts of all shards of a sensor to the windows of the sensor, in order of time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wireverdict.paths.view import PathView
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.part import WindowPart, join
from wireverdict.windows.state import NO_WINDOW
from wireverdict.windows.view import WindowView


class Merge:
    """Hands over each window once, when every shard has closed it.

    Parts may come in any order and more than once: one that is sent again takes the place of the first, and is ignored when
    its window has been handed over.
    """

    def __init__(self, shards: int, home: HomeNetworks | None = None) -> None:
        if shards < 1:
            raise ValueError(f"{shards} shards; there must be at least one")
        self.shards, self.home = shards, home or HomeNetworks()
        self._closed = [NO_WINDOW] * shards
        self._done = NO_WINDOW
        self._parts: dict[int, dict[int, WindowPart]] = {}
        self._full: dict[int, dict[str, int]] = {}
        self.late = 0
        """Packets that came after their window had closed, and that no window has told of yet."""

    def add(self, shard: int, parts: Iterable[WindowPart], closed_through: int) -> list[WindowView]:
        """Take up what a shard has closed; windows that are now complete, in order.

        `closed_through`: the number of the last window that this shard has closed for good; all its parts up to there have
        been or are now given. Raises ValueError for a shard that there is not.
        """
        if not 0 <= shard < self.shards:
            raise ValueError(f"shard {shard} of {self.shards}")
        for part in parts:
            if part.number > self._done:
                self._parts.setdefault(part.number, {})[shard] = part
        self._closed[shard] = max(self._closed[shard], closed_through)
        return self._hand_over(min(self._closed))

    def only(self, part: WindowPart) -> WindowView | None:
        """The window of a part where one shard has all pairs; None if it is empty. Windows come as the shard closes them:
        those by count need not be in order of their numbers."""
        return self._join({0: part})

    def finish(self) -> list[WindowView]:
        """All shards have ended: what is left."""
        return self._hand_over(max([*self._parts, *self._closed]))

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        parts = [
            [shard, part.to_bytes()] for number in sorted(self._parts) for shard, part in self._parts[number].items()
        ]
        return {
            "closed": self._closed,
            "done": self._done,
            "parts": parts,
            "full": [[shard, full] for shard, full in self._full.items()],
            "late": self.late,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave. Raises ValueError."""
        if len(state["closed"]) != self.shards:
            raise ValueError(f"a snapshot of {len(state['closed'])} shards, and there are {self.shards}")
        self._closed, self._done, self.late = list(state["closed"]), int(state["done"]), int(state["late"])
        self._full = {shard: dict(full) for shard, full in state["full"]}
        self._parts = {}
        for shard, data in state["parts"]:
            part = WindowPart.from_bytes(data)
            self._parts.setdefault(part.number, {})[shard] = part

    def _hand_over(self, through: int) -> list[WindowView]:
        views = []
        for number in sorted(number for number in self._parts if number <= through):
            view = self._join(self._parts.pop(number))
            if view is not None:
                views.append(view)
        self._done = max(self._done, through)
        return views

    def _join(self, parts: dict[int, WindowPart]) -> WindowView | None:
        """One window's parts by shard; None if nobody had packets in it."""
        for shard, part in sorted(parts.items()):
            self.late += part.late
            if part.full is not None:
                self._full[shard] = part.full
        if not any(part.packets for part in parts.values()):
            return None
        view = join([part for _, part in sorted(parts.items())]).view(self.home)
        view.capture.late, self.late = self.late, 0
        if isinstance(view.paths, PathView):
            view.paths = view.paths._replace(full=self._sum())
        return view

    def _sum(self) -> dict[str, int]:
        """What found no room so far in any shard, by table."""
        told: dict[str, int] = {}
        for full in self._full.values():
            for name, count in full.items():
                told[name] = told.get(name, 0) + count
        return dict(sorted(told.items()))
