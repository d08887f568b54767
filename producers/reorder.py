"""The reorder buffer of one file: small disorder of timestamps becomes order, whatever the pieces it comes in.

Rule, frame by frame: a frame read joins those held; while more than `horizon` frames or more than `room` bytes are
held, the held one with the smallest (timestamp, position) goes out. A file in order passes as it is, without a copy.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from producers.files.layout import Piece
from wireverdict.frames import FrameBatch

if TYPE_CHECKING:
    from producers.window import Window

HORIZON = 65_536
ROOM = 64 << 20
"""Captured bytes held, at most: what a horizon of 1,000-byte packets takes."""


class Reorder:
    """Put pieces in by `push`, get runs of frames in order; `end` gives the rest.

    `horizon` frames (0: none are held) and `room` bytes are held, at most.
    """

    def __init__(self, horizon: int = HORIZON, room: int = ROOM) -> None:
        self._horizon = horizon
        self._room = room
        self._queue: deque[Piece] = deque()  # in order so far, none let through the window
        self._count = 0
        self._stored = 0
        self._highest: int | None = None
        self._window: Window | None = None

    def push(self, piece: Piece) -> list[FrameBatch]:
        """The runs that can go out now."""
        if self._horizon == 0:
            return [FrameBatch(piece.data, piece.frames)]
        if self._window is not None:
            return self._window.push(piece)
        if not piece.ordered or (self._highest is not None and piece.lowest < self._highest):
            from producers.window import Window  # compiled when first needed

            self._window = Window(self._horizon, self._room)
            runs = [run for held in (*self._queue, piece) for run in self._window.push(held)]
            self._queue.clear()
            return runs
        self._highest = piece.highest
        self._queue.append(piece)
        self._count += len(piece.frames)
        self._stored += piece.stored
        runs = []
        while True:
            first = self._queue[0]
            if self._count - len(first.frames) < self._horizon and self._stored - first.stored <= self._room:
                return runs
            self._queue.popleft()
            self._count -= len(first.frames)
            self._stored -= first.stored
            runs.append(FrameBatch(first.data, first.frames))

    def end(self) -> list[FrameBatch]:
        """Everything still held."""
        if self._window is not None:
            return self._window.end()
        runs = [FrameBatch(piece.data, piece.frames) for piece in self._queue]
        self._queue.clear()
        return runs
