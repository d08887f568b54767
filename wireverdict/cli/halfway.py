"""What a pass of a backtest has half-way, on disk: a run that is killed goes on from there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wireverdict import snapshot

EVERY = 30.0
"""s between two states."""
SHARE = 20
"""A state is not made again before so many times the time has passed that the last one took: 5 % of a run at most."""


class Halfway:
    """One file, replaced as a whole. `folder` None: nothing is kept, and there is never anything."""

    def __init__(
        self, folder: Path | None, name: str, every: float = EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = None if folder is None else folder / f"{name}.state"
        self._every, self._clock = every, clock
        self._next = clock() + every
        self._asked: float | None = None  # since when one is being made

    def load(self) -> dict[str, Any] | None:
        """What was kept last; None if there is nothing, or nothing that can be read."""
        if self._path is None:
            return None
        try:
            return snapshot.unpack(self._path.read_bytes())
        except (OSError, ValueError):  # a machine that stopped may leave half of a file
            return None

    def due(self) -> bool:
        """Whether a state is to be made now. What passes until it is kept is what it costs."""
        if self._path is None or self._clock() < self._next:
            return False
        self._asked = self._clock() if self._asked is None else self._asked
        return True

    def keep(self, state: dict[str, Any]) -> None:
        """Put it in the place of the last one. Raises OSError."""
        assert self._path is not None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        half = self._path.with_suffix(f".{os.getpid()}.part")
        half.write_bytes(snapshot.pack(state))
        half.replace(self._path)
        now = self._clock()
        took = 0.0 if self._asked is None else now - self._asked
        self._next, self._asked = now + max(self._every, SHARE * took), None

    def drop(self) -> None:
        """The pass is done; also what killed ones had not finished writing goes."""
        if self._path is not None:
            for half in [self._path, *self._path.parent.glob(f"{self._path.stem}.*.part")]:
                half.unlink(missing_ok=True)
