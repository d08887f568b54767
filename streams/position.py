"""Where a partition's reading is, and what to do with the next message. Pure."""

from __future__ import annotations

from collections import deque
from enum import Enum


class Action(Enum):
    """What to do with a message."""

    APPLY = "apply"
    SEEN = "seen"  # its effect is in the state already
    GAP = "gap"  # messages before it are missing


class Position:
    """The offsets of one partition that a worker holds: `saved` is in the snapshot, `applied` in the state."""

    def __init__(self, saved: int) -> None:
        """`saved`: the last offset applied in the snapshot; without one, the offset before the first that there is."""
        self.saved = self.applied = saved

    def look(self, offset: int) -> Action:
        """What the message at `offset` is."""
        if offset <= self.applied:
            return Action.SEEN
        if offset == self.applied + 1:
            return Action.APPLY
        return Action.GAP

    def advance(self, offset: int) -> None:
        """The message at `offset` has been applied."""
        self.applied = offset

    def keep(self, offset: int) -> None:
        """A snapshot of what had been applied up to `offset` is durable."""
        self.saved = offset

    @property
    def unsaved(self) -> bool:
        """Whether something was applied since the last snapshot."""
        return self.applied > self.saved


class Tolerance:
    """How many bad messages among the last ones are borne."""

    def __init__(self, most: int, among: int) -> None:
        self.most = most
        self._last: deque[bool] = deque(maxlen=among)
        self._bad = 0

    def count(self, bad: bool) -> bool:
        """Note one message; whether it is still borne."""
        if len(self._last) == self._last.maxlen:
            self._bad -= self._last[0]
        self._last.append(bad)
        self._bad += bad
        return self._bad <= self.most
