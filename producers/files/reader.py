"""One input as a sequence of pieces: find out what it is, scan it to its end or to its damage, and report."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from producers.files import formats, scan
from producers.files.compression import Decompressor
from producers.files.feed import CHUNK, Feed, MappedFeed, StreamFeed
from producers.files.layout import Layout, MalformedError, Piece, new_state
from producers.files.report import FileReport
from wireverdict.frames import FRAME

BLOCK = 8192
"""Frames in a piece, at most, unless told otherwise."""
STDIN = "-"
_KEPT = "what came before it was read"


def explain(error: OSError) -> str:
    """One sentence for a failure to open or read, with what to do."""
    match error:
        case FileNotFoundError():
            return "no such file; check the path"
        case PermissionError():
            return "permission denied; run as a user who may read it"
        case IsADirectoryError():
            return "this is a directory; give the files in it"
    return f"cannot be read ({os.strerror(error.errno) if error.errno else error})"


def replaced(descriptor: int, path: str) -> bool:
    """Whether another file has the name by now, as when captures are rotated; not if nothing has it."""
    if path == STDIN:
        return False
    try:
        now = os.stat(path)
    except OSError:
        return False
    opened = os.fstat(descriptor)
    return (now.st_dev, now.st_ino) != (opened.st_dev, opened.st_ino)


def layout_of(name: str, index: int) -> Layout:
    """The reader of a format; imported when the first file needs it, because its kernels are compiled then."""
    match name:
        case "pcap":
            from producers.files.pcap import PcapLayout

            return PcapLayout(index)
        case "pcapng":
            from producers.files.pcapng import PcapngLayout

            return PcapngLayout(index)
    from producers.files.snoop import SnoopLayout

    return SnoopLayout(index)


def readable(descriptor: int) -> bool:
    """Whether a read would give something (or the end) at once."""
    return bool(select.select([descriptor], [], [], 0)[0])


class Capture:
    """One capture file, or standard input for ``-``. Iterate over it once; it never raises for what is in the file.

    `index` goes into FRAME.file. With `wait`, the file is followed: at its end `wait()` is called until it returns
    False. `block`: frames in a piece, at most. `report` is complete when the iteration ends. `bytes_read` counts bytes
    as stored (compressed ones for a compressed file), `bytes_total` is None where unknown.
    """

    def __init__(
        self, path: str, index: int = 0, *, block: int = BLOCK, wait: Callable[[], bool] | None = None
    ) -> None:
        self.report = FileReport(path)
        self.bytes_read = 0
        self.bytes_total: int | None = None
        self.streamed = False  # known once iteration has begun: not mapped
        self._index = index
        self._block = block
        self._wait = wait

    def __iter__(self) -> Generator[Piece]:
        path = self.report.path
        try:
            descriptor = 0 if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.report.fail(explain(error))
            return
        try:
            feed = self._feed(descriptor)
            if isinstance(feed, MappedFeed):  # needs no open file any more; there may be many captures at a time
                os.close(descriptor)
                descriptor = 0
            if feed is not None:
                yield from self._pieces(feed)
        except OSError as error:
            self.report.fail(explain(error))
        finally:
            if descriptor:
                os.close(descriptor)

    def _feed(self, descriptor: int) -> Feed | None:
        """The bytes of the capture proper, from the first on, `data` holding some of them; None after a failure."""
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError
        regular = stat.S_ISREG(status.st_mode)
        if not regular:
            self._wait = None  # the end of a pipe is the end
        if regular and self._wait is None and descriptor != 0:
            self.bytes_total = status.st_size
            if status.st_size > 0 and formats.compression(os.pread(descriptor, formats.HEAD, 0)) is None:
                return MappedFeed(descriptor)
        self.streamed = True
        raw = self._stream(descriptor)
        raw.more(0, formats.LEAST)
        name = formats.compression(raw.data[: formats.HEAD].tobytes())
        if name is not None and self._wait is not None:
            self.report.fail(f"compressed ({name}); only an uncompressed capture can be followed")
            return None
        feed = raw if name is None else self._decompressed(descriptor, name, raw)
        if len(feed.data) == 0:
            once = "" if name is None else " once decompressed"
            self.report.fail(feed.fault or f"empty{once}: there is nothing in it")
            return None
        return feed

    def _stream(self, descriptor: int) -> StreamFeed:
        """The bytes as they are stored."""

        def readinto(view: memoryview) -> int:
            count = os.readv(descriptor, [view])
            self.bytes_read += count
            return count

        done = -1  # bytes read when another file was first found in this one's place

        def wait() -> bool:
            nonlocal done
            if os.fstat(descriptor).st_size < self.bytes_read:
                self.report.fail(f"became shorter while it was followed, after {self.bytes_read} bytes; start again")
                return False
            if replaced(descriptor, self.report.path):
                if done == self.bytes_read:
                    self.report.fail(f"another file took its place after {done} bytes; start again to follow that one")
                    return False
                done = self.bytes_read
                return True  # look once more: the last bytes may have come just before
            return self._wait is not None and self._wait()

        following = None if self._wait is None else wait
        return StreamFeed(readinto, following, ready=lambda: readable(descriptor), chunk=CHUNK)

    def _decompressed(self, descriptor: int, name: str, raw: StreamFeed) -> StreamFeed:
        """What the bytes in `raw` and those after them decompress to."""
        first = [raw.data.tobytes()]

        def read(count: int) -> bytes:
            if first:
                return first.pop()
            data = os.read(descriptor, count)
            self.bytes_read += len(data)
            return data

        self.report.format = name
        feed = StreamFeed(Decompressor(name, read).readinto, chunk=CHUNK)
        feed.more(0, formats.HEAD)
        return feed

    def _pieces(self, feed: Feed) -> Iterator[Piece]:
        report = self.report
        head = feed.data[: formats.HEAD].tobytes()
        name = formats.capture_format(head)
        if name is None:
            report.fail(feed.fault or formats.describe(head))
            return
        report.format = f"{name}, {report.format}" if report.format else name
        layout = layout_of(name, self._index)
        while len(feed.data) < layout.start and feed.more(0, layout.start):
            pass
        if len(feed.data) < layout.start:
            report.fail(feed.fault or f"cut short inside the file header ({len(feed.data)} bytes); capture it again", 0)
            return
        state = new_state()
        try:
            state[scan.POSITION] = layout.begin(feed.data[: formats.HEAD].tobytes())
            yield from self._scan(feed, layout, state)
        except MalformedError as error:
            offset = feed.base + int(state[scan.POSITION])
            kept = f"; {_KEPT}" if report.packets else ""
            report.fail(f"damaged at byte {offset}: {error}{kept}", offset)

    def _scan(self, feed: Feed, layout: Layout, state: Any) -> Iterator[Piece]:
        while True:
            frames = np.empty(self._block, FRAME)
            state[scan.FILLED] = 0
            malformed: MalformedError | None = None
            while True:
                state[scan.FINAL] = feed.final
                layout.scan(feed.data, state, frames)
                if state[scan.STOP] not in (scan.SECTION, scan.INTERFACE):
                    break
                try:
                    if not layout.describe(feed.data, state):
                        break
                except MalformedError as error:
                    malformed = error
                    break
            position, filled, stop = int(state[scan.POSITION]), int(state[scan.FILLED]), int(state[scan.STOP])
            if isinstance(feed, MappedFeed):
                self.bytes_read = position
            self._count(state)
            if filled:
                yield Piece(
                    feed.data,
                    frames[:filled],
                    int(state[scan.LOWEST]),
                    int(state[scan.HIGHEST]),
                    bool(state[scan.ORDERED]),
                    int(state[scan.STORED]),
                )
            feed.passed(position)
            if malformed is not None:
                raise malformed
            if stop == scan.MORE:
                base = feed.base
                came = feed.more(position, int(state[scan.NEED]))
                state[scan.POSITION] -= feed.base - base
                if not came and state[scan.FINAL]:
                    self._end(feed, state)
                    return
            elif stop != scan.FULL:
                raise MalformedError(layout.fault(state))

    def _count(self, state: Any) -> None:
        """Bring the report up to date with what the scan has found."""
        report = self.report
        report.count(int(state[scan.FILLED]), int(state[scan.WIRE]), int(state[scan.LOWEST]), int(state[scan.HIGHEST]))
        report.untimed = int(state[scan.UNTIMED])
        if state[scan.STRANGE]:
            report.skipped["unknown_interface"] = int(state[scan.STRANGE])

    def _end(self, feed: Feed, state: Any) -> None:
        """The input has ended: cleanly, or inside a record."""
        position, left = feed.base + int(state[scan.POSITION]), feed.data.size - int(state[scan.POSITION])
        if isinstance(feed, MappedFeed):
            self.bytes_read = feed.data.size
        if feed.fault is not None:
            self.report.fail(f"{feed.fault}, which is byte {position + left} of the capture; {_KEPT}", position)
        elif left and self._wait is None:
            need = int(state[scan.NEED])
            self.report.fail(
                f"cut short at byte {position}: the record there takes {need} bytes or more, {left} are left; {_KEPT}",
                position,
            )
