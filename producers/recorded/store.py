"""Where an archive lies: a directory or a bucket, its files by sensor and hour, and how they are put there exactly once.

A commit is a number of files that belong together. They are written under temporary names; then the cursor, one small file,
is replaced: from that moment the commit is in force, whatever happens; then the files get their names. Who dies in between
leaves a cursor that says what is still to be renamed, and temporary files that no cursor speaks of, which are removed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from pyarrow import fs

from producers.recorded.source import SourceError

OWN = "_wireverdict"
"""Directory of the archive's own files; readers of Parquet leave out names that begin with an underscore."""
HOUR = 3_600_000_000_000
SUFFIX = ".parquet"


class Entry(NamedTuple):
    """A file of the archive. `hour`: ns, when it begins. `commit`: the number of the commit that it came with."""

    path: str
    sensor: str
    hour: int
    commit: int


class Cursor(msgspec.Struct):
    """What is in force."""

    commit: int = 0
    positions: dict[str, Any] = {}  # of each source, from where it is to be gone on
    renames: list[tuple[str, str]] = []
    headers: int = 0
    bytes: int = 0
    gaps: dict[str, list[tuple[str, str, int, str, str]]] = {}  # what was missing in each source
    deleted: dict[str, int] = {}  # by sensor: ns, retention has deleted what was before
    files: dict[str, int] = {}  # by sensor: how many there should be


class Store:
    """An archive's directory: a path, or ``s3://bucket/path?region=…&endpoint_override=…`` (see pyarrow.fs)."""

    def __init__(self, where: str, *, write: bool = False) -> None:
        """`write`: hold it for oneself (local directories only). Raises SourceError."""
        try:
            local = "://" not in where
            self.fs, self.root = fs.FileSystem.from_uri(Path(where).absolute().as_uri() if local else where)
        except (ValueError, OSError) as error:
            raise SourceError(f"the archive {where} cannot be used: {error}") from None
        self.local = isinstance(self.fs, fs.LocalFileSystem)
        self._lock = -1
        try:
            if write:
                self.fs.create_dir(f"{self.root}/{OWN}", recursive=True)
                self._hold(where)
            elif self.fs.get_file_info(self.root).type != fs.FileType.Directory:
                raise SourceError(f"there is no archive in {where}")
        except OSError as error:
            raise SourceError(f"the archive {where} cannot be used: {error}") from None

    def _hold(self, where: str) -> None:
        if not self.local:
            return
        self._lock = os.open(f"{self.root}/{OWN}/lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = -1
            raise SourceError(f"the archive {where} is being written by another process") from None

    def close(self) -> None:
        """Let others write."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def path(self, sensor: str, hour: int, commit: int) -> str:
        """The name of a file, below `root`."""
        begins = datetime.fromtimestamp(0, UTC) + timedelta(seconds=hour // 1_000_000_000)
        name = f"sensor={quote(sensor, safe='')}/date={begins:%Y-%m-%d}/hour={begins:%H}"
        return f"{name}/{commit:010d}{SUFFIX}"

    def entries(self) -> list[Entry]:
        """All files, by sensor and in the order of commits and hours."""
        chosen = fs.FileSelector(self.root, recursive=True)
        found = []
        for info in self.fs.get_file_info(chosen):
            entry = _entry(info.path[len(self.root) :].lstrip("/"))
            if info.type == fs.FileType.File and entry is not None:
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.sensor, entry.commit, entry.hour))

    @property
    def begun(self) -> bool:
        """Whether somebody has begun to write an archive here; a copy of its files alone has none of that."""
        return bool(self.fs.get_file_info(f"{self.root}/{OWN}").type == fs.FileType.Directory)

    def cursor(self) -> Cursor:
        """What is in force. Raises SourceError for a cursor that cannot be read."""
        path = f"{self.root}/{OWN}/cursor.json"
        if self.fs.get_file_info(path).type != fs.FileType.File:
            return Cursor()
        try:
            with self.fs.open_input_stream(path) as file:
                return msgspec.json.decode(file.read(), type=Cursor)
        except (msgspec.MsgspecError, OSError) as error:
            raise SourceError(f"{path} cannot be read: {error}") from None

    def temporary(self, final: str) -> str:
        """Where a file is written first."""
        return f"{OWN}/new/{quote(final, safe='')}"

    def put(self, path: str, data: Any) -> None:
        """A whole file; on disk, it is there for good when this returns."""
        full = f"{self.root}/{path}"
        self._parent(full)
        with self.fs.open_output_stream(full) as file:
            file.write(data)
        if self.local:
            descriptor = os.open(full, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def commit(self, cursor: Cursor) -> None:
        """Put a cursor in force, and give its files their names."""
        self._replace(cursor)
        self.settle(cursor)

    def settle(self, cursor: Cursor) -> None:
        """Finish what the cursor in force says, and remove what it does not speak of."""
        waiting = {info.path for info in self._listed(f"{self.root}/{OWN}/new")}
        for old, new in cursor.renames:
            if f"{self.root}/{old}" in waiting:
                self._parent(f"{self.root}/{new}")
                self.fs.move(f"{self.root}/{old}", f"{self.root}/{new}")
        for path in waiting - {f"{self.root}/{old}" for old, _ in cursor.renames}:
            self.fs.delete_file(path)

    def retain(self, before: int, cursor: Cursor | None = None) -> list[Entry]:
        """Delete the hours that ended before a moment (ns); what was deleted. Readers are told, by the cursor (None: that in
        force)."""
        cursor = self.cursor() if cursor is None else cursor
        old = [entry for entry in self.entries() if entry.hour + HOUR <= before]
        for entry in old:
            cursor.deleted[entry.sensor] = max(cursor.deleted.get(entry.sensor, 0), entry.hour + HOUR)
            cursor.files[entry.sensor] = cursor.files.get(entry.sensor, 1) - 1
        if old:
            self._replace(cursor)
        for entry in old:
            self.fs.delete_file(f"{self.root}/{entry.path}")
        return old

    def _replace(self, cursor: Cursor) -> None:
        data, path = msgspec.json.encode(cursor), f"{OWN}/cursor.json"
        if not self.local:  # an object is replaced as a whole
            self.put(path, data)
            return
        self.put(f"{path}.new", data)
        os.replace(f"{self.root}/{path}.new", f"{self.root}/{path}")

    def _parent(self, full: str) -> None:
        if self.local:
            self.fs.create_dir(full.rpartition("/")[0], recursive=True)

    def _listed(self, directory: str) -> Iterator[Any]:
        chosen = fs.FileSelector(directory, allow_not_found=True)
        yield from (info for info in self.fs.get_file_info(chosen) if info.type == fs.FileType.File)


def _entry(path: str) -> Entry | None:
    parts = path.split("/")
    if len(parts) != 4 or not path.endswith(SUFFIX):
        return None
    told: Mapping[str, str] = dict(part.partition("=")[::2] for part in parts[:3])
    try:
        begins = datetime.strptime(f"{told['date']} {told['hour']}", "%Y-%m-%d %H").replace(tzinfo=UTC)
        hour = (begins - datetime.fromtimestamp(0, UTC)) // timedelta(hours=1)
        return Entry(path, unquote(told["sensor"]), hour * HOUR, int(parts[3].removesuffix(SUFFIX)))
    except (KeyError, ValueError):
        return None
