"""Frames in, headers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wireverdict.decode.copies import SIGHT, SIGHTS, mark_copies
from wireverdict.decode.fast import decode_frames
from wireverdict.decode.home import DEFAULT, HomeNets
from wireverdict.decode.link import FAST, KINDS
from wireverdict.decode.reasons import COUNTERS, FLAWS, FRAME_BOUNDS, SKIPPED
from wireverdict.frames import FrameBatch
from wireverdict.headers import HEADER, HeaderBatch

_IS_SLOW = np.ones(1 << 16, np.bool_)
_IS_SLOW[list(FAST)] = False
_NONE, _NOWHERE = np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
PREFIX = 1024
"""Bytes of a frame that the slow path looks at."""


@dataclass(frozen=True, slots=True)
class DecodeSettings:
    """`tunnels`: which IP packet a row is about where one carries another. `home_nets`: see `home.HomeNets`."""

    tunnels: Literal["inner", "outer"] = "inner"
    home_nets: tuple[str, ...] = DEFAULT


class Decoder:
    """Turns batches of frames into batches of headers, and counts what it could not use.

    `skipped`: frames that gave no row, by reason; frames = rows + sum of `skipped`, always. `flaws`: rows that lack
    something, by reason. `slow`: frames that took the slow path. All three grow over the life of the decoder. The
    reasons, and what is salvaged under each, are in `wireverdict.decode.reasons`.
    """

    def __init__(self, settings: DecodeSettings | None = None) -> None:
        """Raises ValueError for a home network that is none, or a choice of tunnels that does not exist."""
        settings = settings or DecodeSettings()
        if settings.tunnels not in ("inner", "outer"):
            raise ValueError(f"tunnels = {settings.tunnels!r}: must be 'inner' or 'outer'")
        self._inner = settings.tunnels == "inner"
        home = HomeNets(settings.home_nets)
        self._home = home.ranges, home.tops
        self._rows: NDArray[np.void] = np.zeros(1, HEADER)
        self._ids: NDArray[np.uint16] = np.zeros(1, np.uint16)
        self._seen: NDArray[np.void] = np.zeros(SIGHTS + 1, SIGHT)
        self._names: NDArray[np.uint8] = np.empty(1 << 16, np.uint8)
        self._counts: NDArray[np.int64] = np.zeros(COUNTERS, np.int64)
        self._own: dict[str, int] = {}
        self.slow = 0

    def decode(self, batch: FrameBatch) -> HeaderBatch:
        """Headers of the IP packets in `batch`, in order. Rows and names are valid until the next call.

        A frame gives at most one row. Frames whose source does not know their direction get it from the link layer
        (Linux cooked captures) or else from the home networks.
        """
        data, frames = batch.data, np.ascontiguousarray(batch.frames)
        if len(self._rows) <= len(frames):
            self._rows = np.zeros(len(frames) + 1, HEADER)
            self._ids = np.zeros(len(frames) + 1, np.uint16)
        links = frames["link"]
        if len(links) and not _IS_SLOW[links[0]] and (links == links[0]).all():  # as nearly always
            slow, located = _NONE, _NOWHERE
        else:
            slow = np.flatnonzero(_IS_SLOW[links])
            located = self._locate(batch, slow)
        done, count, used = 0, 0, 0
        while True:
            later = located[np.searchsorted(slow, done) :] if len(slow) else located
            room, ids = self._rows[count:], self._ids[count:]
            done, more, used = decode_frames(
                data, frames, done, later, self._inner, *self._home, KINDS, room, ids, self._names, used, self._counts
            )
            count += more
            if done == len(frames):
                mark_copies(self._seen, self._rows[:count], self._ids)
                return HeaderBatch(self._rows[:count], self._names[:used])
            self._names = np.concatenate((self._names, np.empty_like(self._names)))

    def _locate(self, batch: FrameBatch, slow: NDArray[np.intp]) -> NDArray[np.int64]:
        """For the frames of indices `slow`, what `decode_frames` wants to know of them: layer, position, end,
        direction."""
        if not len(slow):
            return _NOWHERE
        from wireverdict.decode.slow import place  # dpkt takes a while to load, and most captures never need it

        self.slow += len(slow)
        located: list[tuple[int, int, int, int]] = []
        chosen = batch.frames[slow]
        ends = zip(chosen["link"].tolist(), chosen["offset"].tolist(), chosen["captured"].tolist(), strict=True)
        for link, start, captured in ends:
            end = start + captured
            if not 0 <= start <= end <= len(batch.data):
                located.append((-FRAME_BOUNDS, start, start, 0))
                continue
            found = place(link, batch.data[start : min(end, start + PREFIX)].tobytes())
            located.append((0 if found.reason else found.layer, start + found.at, end, found.direction))
            if found.reason:
                self._own[found.reason] = self._own.get(found.reason, 0) + 1
        return np.array(located, np.int64)

    @property
    def skipped(self) -> dict[str, int]:
        """Frames without a row, by reason: those of `reasons.SKIPPED`, and ``link_type_N`` for ones that nobody
        decodes."""
        known = {name: int(self._counts[reason]) for reason, name in SKIPPED.items() if self._counts[reason]}
        return known | self._own

    @property
    def flaws(self) -> dict[str, int]:
        """Things wrong with rows, by reason; a row may have several."""
        return {name: int(self._counts[reason]) for reason, name in FLAWS.items() if self._counts[reason]}
