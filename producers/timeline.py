"""Several captures as one timeline: the entry point for whoever wants frames.

Order: a k-way merge by timestamp over files, each of which has first gone through its own reorder buffer (see
reorder.py). Ties go to the file that comes first: files whose first timestamps lie a second or more apart by those,
others as given.
"""

from __future__ import annotations

import os
import resource
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from producers.files.inputs import expand
from producers.files.layout import Piece
from producers.files.reader import BLOCK, STDIN, Capture
from producers.files.report import FileReport
from producers.reorder import HORIZON, Reorder
from wireverdict.frames import FRAME, FrameBatch

_POLL = 0.2
"""Seconds between looks at a followed file."""
_APART = 1_000_000_000
"""ns; files that begin closer together keep the order they were given in, since disorder may reach across a split."""
_PEEK = 8192
"""Frames of a stream that are looked at (its first chunk may hold fewer)."""
_AHEAD = 2_000_000_000
"""ns before its first timestamp that a stream is opened, since only its beginning has been looked at."""
_MERGED = 16_384
"""Frames that one call of the merge kernel looks at, about."""
_FAR = int(np.iinfo(np.int64).max)
_NEVER = int(np.iinfo(np.int64).min)


class _Start(NamedTuple):
    """An input not opened yet: by which time (ns) it has to be, its number, its rank at ties."""

    opens: int
    number: int
    rank: int


class Timeline:
    """Iterate once; gives FrameBatch of `batch` frames at most, valid until the next is asked for.

    `reports`: one a file, FRAME.file is the index; complete when the iteration ends. Errors of files are in there and
    never raised.
    """

    def __init__(
        self, reports: list[FileReport], batch: int, reorder: int, wait: Callable[[], bool] | None = None
    ) -> None:
        self.reports = reports
        self._batch = batch
        self._horizon = reorder
        self._wait = wait
        self._captures: dict[int, Capture] = {}
        self._unread: deque[_Start] | None = None  # not opened yet
        self._lanes: list[_Lane] = []  # opened, not ended
        self._ready: deque[FrameBatch] = deque()

    @property
    def bytes_read(self) -> int:
        """Bytes of the inputs, as stored, that have been read so far."""
        return sum(capture.bytes_read for capture in self._captures.values())

    @property
    def bytes_total(self) -> int | None:
        """Bytes of all inputs, or None where one has no size (a pipe, a followed file)."""
        if self._wait is not None:
            return None
        sizes = [None if report.path == STDIN else _size(report.path) for report in self.reports]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def __iter__(self) -> Iterator[FrameBatch]:
        if self._unread is None:
            self._unread = self._sorted()
        return self._batches()

    def rest(self) -> Iterator[FrameBatch]:
        """After an iteration was broken off: the frames that had been read already and not been given out.

        Nothing further is read. Up to the horizon can be in the reorder buffers, which for a short capture is all of
        it.
        """
        self._unread = deque()
        for lane in self._lanes:
            lane.stop()
        return self._batches()

    def _batches(self) -> Iterator[FrameBatch]:
        while self._ready or self._advance():
            while self._ready:
                data, frames = self._ready.popleft()
                if len(frames) > self._batch:
                    self._ready.appendleft(FrameBatch(data, frames[self._batch :]))
                yield FrameBatch(data, frames[: self._batch])

    def _advance(self) -> bool:
        """Have further frames ready, in order; False when there are none."""
        unread = self._unread if self._unread is not None else deque()
        self._lanes = [lane for lane in self._lanes if lane.fill()]
        while unread and (not self._lanes or unread[0].opens <= min(lane.ts for lane in self._lanes)):
            start = unread.popleft()
            lane = _Lane(self._open(start.number), start.rank, self._horizon)
            self._lanes.append(lane)
            if not lane.fill():
                self._lanes.pop()
        if not self._lanes:
            return False
        self._ready.extend(_next_frames(self._lanes, unread[0].opens if unread else _FAR))
        return True

    def _open(self, index: int) -> Capture:
        block = max(BLOCK, self._batch)
        capture = Capture(self.reports[index].path, index, block=block, wait=self._wait)
        self.reports[index] = capture.report
        self._captures[index] = capture
        return capture

    def _sorted(self) -> deque[_Start]:
        """The usable inputs in the order in which they are to be opened."""
        usable = [index for index, report in enumerate(self.reports) if report.error is None]
        _allow_open(2 * len(usable) + 64)
        if len(usable) == 1:
            return deque([_Start(_NEVER, usable[0], 0)])
        starts = {index: start for index in usable if (start := self._peek(index)) is not None}
        ranks = rank({index: lowest for index, (lowest, _) in starts.items()})
        return deque(sorted(_Start(opens, index, ranks[index]) for index, (_, opens) in starts.items()))

    def _peek(self, index: int) -> tuple[int, int] | None:
        """The time (ns) of a file's first frame, and when to open it; None, with a final report, if it has none."""
        if self.reports[index].path == STDIN:
            return _NEVER, _NEVER
        capture = self._open(index)
        lowest, count = _FAR, 0
        with closing(iter(capture)) as pieces:
            for piece in pieces:
                # exactly the frames that the first one out is chosen from, however they are cut into pieces
                times = piece.frames["ts"][: (_PEEK if capture.streamed else self._horizon + 1) - count]
                lowest = min(lowest, int(times.min()))
                count += len(times)
                if capture.streamed or count > self._horizon:
                    break
        if not count:
            return None
        capture.bytes_read = 0
        self.reports[index] = FileReport(self.reports[index].path)
        return lowest, max(lowest, _NEVER + _AHEAD) - _AHEAD if capture.streamed else lowest


class _Lane:
    """One file within the merge: its frames in order. `frames` and `data` are the rest of the run at hand."""

    def __init__(self, capture: Capture, rank: int, horizon: int) -> None:
        self.rank = rank
        self.data: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.frames: NDArray[np.void] = np.empty(0, FRAME)
        self._pieces: Iterator[Piece] = iter(capture)
        self._reorder: Reorder | None = Reorder(horizon)
        self._runs: deque[FrameBatch] = deque()

    @property
    def ts(self) -> int:
        """Time (ns) of the next frame; only after `fill` gave True."""
        return int(self.frames["ts"][0])

    @property
    def key(self) -> tuple[int, int]:
        """What lanes are merged by."""
        return self.ts, self.rank

    def fill(self) -> bool:
        """Have a frame at hand; False at the end of the file."""
        while not len(self.frames):
            while not self._runs and self._reorder is not None:
                piece = next(self._pieces, None)
                if piece is None:
                    self.stop()
                else:
                    self._runs.extend(self._reorder.push(piece))
            if not self._runs:
                return False
            self.data, self.frames = self._runs.popleft()
        return True

    def stop(self) -> None:
        """Read no further; what is held may go out."""
        if self._reorder is not None:
            self._runs.extend(self._reorder.end())
            self._reorder = None

    def take(self, count: int) -> FrameBatch:
        """The next `count` frames of the run at hand."""
        taken = FrameBatch(self.data, self.frames[:count])
        self.frames = self.frames[count:]
        return taken


def _next_frames(lanes: list[_Lane], bound: int) -> list[FrameBatch]:
    """The next frames, at least one, of lanes that all have one at hand; only frames before `bound` (ns)."""
    if len(lanes) == 1 and bound == _FAR:
        return [lanes[0].take(len(lanes[0].frames))]
    from producers import merge  # compiled when several files meet

    first = min(lanes, key=lambda lane: lane.key)
    limit, inclusive = bound, False
    if len(lanes) > 1:
        ts, other = min(lane.key for lane in lanes if lane is not first)
        if ts < bound:
            limit, inclusive = ts, first.rank < other
    count = merge.leading(first.frames, limit, inclusive)
    if count >= merge.SHORT or count == len(first.frames) or len(lanes) == 1:
        return [first.take(count)]
    share = min(max(_MERGED // len(lanes), merge.SHORT), BLOCK)
    parts = [lane.frames[:share] for lane in lanes]
    ends = np.cumsum([len(part) for part in parts])
    starts = ends - [len(part) for part in parts]
    cursors = starts.copy()
    out, owners = np.empty(int(ends[-1]), FRAME), np.empty(int(ends[-1]), np.int64)
    ranks = np.array([lane.rank for lane in lanes], np.int64)
    written = merge.merge(merge.join(parts), cursors, ends, ranks, bound, out, owners, np.empty_like(ends))
    batches = merge.assemble(out[:written], owners[:written], [lane.data for lane in lanes])
    for lane, used in zip(lanes, (cursors - starts).tolist(), strict=True):
        lane.take(used)
    return batches


def rank(starts: dict[int, int]) -> dict[int, int]:
    """Each file's place among files with frames of the same time, by the files' first timestamps (ns)."""
    order = sorted(starts, key=lambda index: (starts[index], index))
    groups: list[list[int]] = []
    for before, index in zip([None, *order], order, strict=False):
        if before is None or starts[index] - starts[before] >= _APART:
            groups.append([])
        groups[-1].append(index)
    return {index: place for place, index in enumerate(index for group in groups for index in sorted(group))}


def _allow_open(count: int) -> None:
    """Captures of the same time are open at the same time: raise the process's soft limit as far as may be needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _size(path: str) -> int | None:
    """Bytes of a regular file; 0 for what cannot be read at all; None for a pipe or device."""
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _poll() -> bool:
    time.sleep(_POLL)
    return True


def open_timeline(
    inputs: Sequence[str | Path],
    *,
    batch: int = BLOCK,
    follow: bool = False,
    reorder: int = HORIZON,
    wait: Callable[[], bool] | None = None,
) -> Timeline:
    """The frames of all `inputs` (files, directories, ``-`` for standard input) as one timeline.

    `batch`: frames in a batch, at most. `reorder`: frames of a file held to put small disorder right; 0 for none.
    `follow`: go on when the file ends, with `reorder` 0; `wait()` is called at the end and says whether to look again
    (default: sleep 0.2 s, True). Raises ValueError for settings that cannot be; what is wrong with a file is told in
    `reports`.
    """
    if batch < 1 or reorder < 0:
        raise ValueError(f"batch must be at least 1 and reorder at least 0, not {batch} and {reorder}")
    reports = expand([inputs]) if isinstance(inputs, str | Path) else expand(inputs)
    if not follow:
        return Timeline(reports, batch, reorder)
    if len(reports) != 1:
        raise ValueError(f"one capture at a time can be followed, not {len(reports)}; give one file")
    return Timeline(reports, batch, 0, wait or _poll)
