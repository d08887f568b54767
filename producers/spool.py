"""Messages that wait on disk while Kafka is away: a queue of bounded size in files that survive a kill at any moment.

A directory of segments with ascending numbers. A record is its length, the CRC-32 of its contents, and the contents
(msgpack). A record that was being written when the process died is cut off at the next start. The oldest segment goes when
there is no room. What is read is removed only when `done` is called, so that what was not delivered is sent again.

What is written is synced to the disk once a second at most, and before the next segment begins: when the machine dies, no
more is lost than came in the last second before its last message.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from producers.batching import Message

SEGMENT = 4 << 20
"""Bytes after which the next segment begins."""
SYNC = 1.0
"""s between syncs: a disk takes some ms for one, so they take a hundredth of the time at most."""
_HEAD = struct.Struct("<II")
_SUFFIX = ".spool"
_decode = msgspec.msgpack.Decoder(tuple[int, bytes, bytes, list[tuple[str, bytes]], int]).decode


class SpoolError(OSError):
    """The directory cannot be used; the message is a sentence."""


class Spool:
    """One process at a time. `limit`: bytes. `dropped`: headers that went because there was no room."""

    def __init__(self, directory: Path, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises SpoolError."""
        self._clock, self._synced = clock, clock()
        self.syncs = 0
        self.directory, self.limit = directory, max(limit, 2 * SEGMENT)
        self.dropped = 0
        self._writing: BinaryIO | None = None
        self._reading: tuple[int, int] = (0, 0)  # number of a segment, position in it
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(directory, os.O_RDONLY)
            self._own()
            self._sizes = {int(path.stem): path.stat().st_size for path in sorted(directory.glob(f"*{_SUFFIX}"))}
            if self._sizes:
                self._repair(max(self._sizes))
        except OSError as error:
            raise SpoolError(f"the spool {directory} cannot be used: {error.strerror or error}") from None
        self._sizes = {number: size for number, size in self._sizes.items() if size}
        self._next = max(self._sizes, default=0) + 1

    def __len__(self) -> int:
        """Bytes that wait or have not been found delivered yet."""
        return sum(self._sizes.values())

    def append(self, message: Message) -> None:
        """Behind the others. Raises SpoolError."""
        contents = msgspec.msgpack.encode(tuple(message))
        record = _HEAD.pack(len(contents), zlib.crc32(contents)) + contents
        try:
            if self._writing is None or self._sizes[self._next - 1] + len(record) > SEGMENT:
                self._begin()
            assert self._writing is not None
            self._writing.write(record)
            if self._clock() - self._synced >= SYNC:
                self._sync()
        except OSError as error:
            raise SpoolError(f"the spool {self.directory} cannot be written: {error.strerror}") from None
        self._sizes[self._next - 1] += len(record)
        while len(self) > self.limit and len(self._sizes) > 1:
            oldest = min(self._sizes)
            self.dropped += sum(message.rows for _, message in self._records(oldest, self._start(oldest)))
            self._remove(oldest)

    def read(self) -> Iterator[Message]:
        """The messages behind those that were read before, oldest first, up to where the spool ends now."""
        while True:
            number, at = self._reading
            later = [found for found in self._sizes if found >= number]
            if not later:
                return
            current = min(later)
            found = next(self._records(current, at if current == number else 0), None)
            if found is None:
                if current == max(self._sizes):
                    return
                self._reading = (current + 1, 0)
                continue
            end, message = found
            self._reading = (current, end)
            yield message

    def done(self) -> None:
        """All that was read has been delivered: forget it."""
        number, at = self._reading
        for old in [found for found in self._sizes if found < number]:
            self._remove(old)
        if self._sizes.get(number) == at:
            self._close_writing(number)
            self._remove(number)

    def rewind(self) -> None:
        """Read from the oldest again: what was read may not have been delivered."""
        self._reading = (0, 0)

    @property
    def empty(self) -> bool:
        """Whether everything has been read."""
        number, at = self._reading
        return not any(found > number or (found == number and size > at) for found, size in self._sizes.items())

    def close(self) -> None:
        """What is in it stays for the next start."""
        with suppress(OSError):  # what cannot be synced is written all the same
            self._end_segment()
        with suppress(OSError):
            os.close(self._lock)

    def _own(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolError(0, "another process uses it; give each its own directory") from None

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:016d}{_SUFFIX}"

    def _begin(self) -> None:
        self._end_segment()
        self._writing = self._path(self._next).open("wb", buffering=0)
        os.fsync(self._lock)  # the directory: a file that nobody can find is no use
        self._sizes[self._next] = 0
        self._next += 1

    def _sync(self) -> None:
        assert self._writing is not None
        os.fdatasync(self._writing.fileno())
        self._synced, self.syncs = self._clock(), self.syncs + 1

    def _end_segment(self) -> None:
        if self._writing is not None:
            writing = self._writing
            try:
                self._sync()
            finally:
                self._writing = None
                writing.close()

    def _close_writing(self, number: int) -> None:
        if self._writing is not None and number == self._next - 1:
            self._writing.close()
            self._writing = None

    def _remove(self, number: int) -> None:
        del self._sizes[number]
        self._path(number).unlink(missing_ok=True)

    def _start(self, number: int) -> int:
        """Where what was not read begins in a segment."""
        reading, at = self._reading
        return at if number == reading else 0 if number > reading else self._sizes[number]

    def _records(self, number: int, at: int) -> Iterator[tuple[int, Message]]:
        """Where each record of a segment ends, and what it holds; up to the first that is not whole."""
        with self._path(number).open("rb") as file:
            file.seek(at)
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, checksum = _HEAD.unpack(head)
                contents = file.read(length) if length <= 2 * SEGMENT else b""
                if len(contents) != length or zlib.crc32(contents) != checksum:
                    return
                at += _HEAD.size + length
                try:
                    yield at, Message(*_decode(contents))
                except msgspec.MsgspecError:
                    return

    def _repair(self, number: int) -> None:
        """Cut off what was being written when the process died."""
        whole = 0
        for end, _ in self._records(number, 0):
            whole = end
        if whole < self._sizes[number]:
            os.truncate(self._path(number), whole)
            self._sizes[number] = whole
