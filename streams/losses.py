"""Headers that were lost on their way, booked to the windows in which they were missed. Pure."""

from __future__ import annotations

from dataclasses import replace

from wireverdict.windows.part import WindowPart, empty

MOST = 1_024
"""Windows over which one loss is spread at most: a longer one is booked to the latest of them."""


class Losses:
    """What one shard has not told yet. `width`: of a window, ns."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._due: dict[int, int] = {}

    def note(self, headers: int, since: int, at: int) -> None:
        """So many headers are missing between two times of the sensor's clock (ns): spread evenly, for nobody knows better."""
        if headers <= 0:
            return
        last = at // self.width
        windows = range(min(max(since // self.width, last - MOST + 1), last), last + 1)
        share, rest = divmod(headers, len(windows))
        for place, number in enumerate(windows):
            count = share + (place < rest)
            if count:
                self._due[number] = self._due.get(number, 0) + count

    def book(self, parts: list[WindowPart], closed_through: int) -> list[WindowPart]:
        """The parts of windows that were closed, each with what was lost in it; those without a part get an empty one."""
        if not self._due:
            return parts
        told = [self._with_loss(part) for part in parts]
        left = sorted(number for number in self._due if number <= closed_through)
        told += [self._with_loss(empty(number, number * self.width, (number + 1) * self.width)) for number in left]
        return told

    def _with_loss(self, part: WindowPart) -> WindowPart:
        lost = self._due.pop(part.number, 0)
        if not lost:
            return part
        return replace(part, capture=replace(part.capture, reported_drops=part.capture.reported_drops + lost))

    def dump(self) -> list[list[int]]:
        """All memory, as JSON values."""
        return [[number, count] for number, count in self._due.items()]

    def load(self, state: list[list[int]]) -> None:
        """Take up what `dump` gave."""
        for number, count in state:
            self._due[number] = count
