"""How much may be given up before somebody has to look: a sink that refuses everything must not empty the topics into
the dead letters."""

from __future__ import annotations

from collections import deque


class TooManyDeadLetters(RuntimeError):
    """The limit is passed: the sink stops, and what it was about to give up stays on the topic."""


class Limit:
    """Looks at the last `window` documents, batch by batch."""

    def __init__(self, most: int, window: int) -> None:
        """At most `most` of the last `window` documents (a little more, by whole batches) may be refused."""
        self._most, self._window = most, window
        self._batches: deque[tuple[int, int]] = deque()
        self._seen = self._refused = 0

    def count(self, documents: int, refused: int) -> None:
        """A batch of `documents`, of which `refused` are to be given up. Raises TooManyDeadLetters."""
        self._batches.append((documents, refused))
        self._seen += documents
        self._refused += refused
        while self._seen - self._batches[0][0] >= self._window:
            gone, gone_refused = self._batches.popleft()
            self._seen -= gone
            self._refused -= gone_refused
        if refused and self._refused > self._most:
            raise TooManyDeadLetters(
                f"{self._refused} of the last {self._seen} documents were refused, more than sinks.max_refused "
                f"({self._most} of {self._window}) allows"
            )
