"""JSON lines in files, one for verdicts and one for connection records, rotated by size.

Lines that were written and not committed when a process died are found in the last part of the file, so that they are
not written again. A line that was cut short by that is taken away.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from sinks.base import INDEXED, Document, Kind, Refused, Sink, Unavailable
from wireverdict.settings import Settings
from wireverdict.sinking import FilesSettings

MEMORY = 20_000
"""Identities that are remembered of each file: more than a batch has."""
TAIL = 64_000_000
"""Bytes of a file that are looked at for them."""
_ID = re.compile(rb'"dataset":"[^"]*","id":"([0-9a-f]+)"|"event":\{[^{}]*?"id":"([0-9a-f]+)"')
_SENSOR = re.compile(rb'"observer":\{"name":("(?:[^"\\]|\\.)*")')


class Files(Sink):
    """One writer for a directory."""

    def __init__(self, settings: FilesSettings) -> None:
        self.settings = settings
        self.wants = INDEXED if settings.connections else frozenset({Kind.VERDICT})
        self._files: dict[Kind, File] = {}

    def open(self) -> None:
        """See Sink."""
        self.close()
        try:
            Path(self.settings.directory).mkdir(parents=True, exist_ok=True)
            for kind in self.wants:
                path = Path(self.settings.directory) / f"{kind}.jsonl"
                self._files[kind] = File(path, self.settings.rotate_bytes, self.settings.keep)
        except OSError as error:
            raise Unavailable(str(error)) from None

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        if not self._files:
            self.open()
        try:
            for kind in self.wants:
                self._files[kind].append([document.body for document in documents if document.kind == kind])
        except OSError as error:  # a full disk, say: open again, which cuts off what was written in part
            self.close()
            raise Unavailable(str(error)) from None
        return []

    def close(self) -> None:
        """See Sink."""
        made, self._files = self._files, {}
        for file in made.values():
            file.close()


class File:
    """One file and those that were moved aside: NAME.1 is the youngest."""

    def __init__(self, path: Path, most: int, keep: int) -> None:
        """Raises OSError."""
        self._path, self._most, self._keep = path, most, keep
        self._order: deque[bytes] = deque()
        self._had: set[bytes] = set()
        for each in (path.with_name(f"{path.name}.1"), path):
            if each.exists():
                self._recall(each)
        self._file = self._opened()

    def append(self, lines: Sequence[bytes]) -> None:
        """Those that are not there, and on the disk when it returns. Raises OSError."""
        fresh = []
        for line in lines:
            name = identity(line)
            if name not in self._had:
                self._remember(name)
                fresh.append(line)
        if not fresh:
            return
        if self._file.tell() and self._file.tell() + sum(map(len, fresh)) > self._most:
            self._rotate()
        self._file.write(b"\n".join(fresh) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing is buffered; never raises."""
        self._file.close()

    def _opened(self) -> BinaryIO:
        return self._path.open("ab", buffering=0)

    def _recall(self, path: Path) -> None:
        """Remember the last identities, and cut off a line that has no end."""
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - TAIL, 0))
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(size - len(data) + whole)
        for line in data[:whole].splitlines():
            self._remember(identity(line))

    def _remember(self, name: bytes) -> None:
        self._had.add(name)
        self._order.append(name)
        if len(self._order) > MEMORY:
            self._had.discard(self._order.popleft())

    def _rotate(self) -> None:
        self._file.close()
        for number in range(self._keep, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                if number == self._keep:
                    older.unlink()
                else:
                    older.rename(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.rename(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._opened()


def identity(line: bytes) -> bytes:
    """What tells a line from others: its event.id and its sensor; the line itself where it has none."""
    found = _ID.search(line)
    sensor = _SENSOR.search(line)
    if found is None:
        return line
    return (found[1] or found[2]) + b"-" + (sensor[1] if sensor else b"")


def make(settings: Settings) -> Files:
    """The sink of the section sinks.files."""
    return Files(settings.sinks.files)
