"""Where bytes go: standard output or a file, with errors told as sentences."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

_WORDS = {
    errno.EPIPE: "the program that read it has ended",
    errno.ENOSPC: "no space is left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file has become larger than allowed",
    errno.EACCES: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOENT: "its directory does not exist",
    errno.EISDIR: "it is a directory",
    errno.EBADF: "it is closed",
}


class OutputError(Exception):
    """Something could not be written; the message is a sentence for people."""

    def __init__(self, name: str, error: OSError) -> None:
        words = _WORDS.get(error.errno or 0) or (error.strerror or str(error))
        super().__init__(f"cannot write {name}: {words}")


def in_words(error: BaseException) -> str:
    """Any error for people: that of a file with its name and in words. What is no system error says it itself."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    known = error.errno != errno.ENOENT  # there it is about a file that was to be made
    words = (_WORDS.get(error.errno) if known else None) or error.strerror or str(error)
    return (
        f"{os.fsdecode(error.filename)}: {words}" if error.filename is not None else f"input or output failed: {words}"
    )


class Stream:
    """Bytes to a file descriptor, in order, without a buffer of its own: what is written has left the process."""

    def __init__(self, descriptor: int, name: str, *, owned: bool) -> None:
        self.name = name
        self._file = io.FileIO(descriptor, "w", closefd=owned)

    @classmethod
    def standard_output(cls) -> Stream:
        """Raises OutputError if it is closed."""
        try:
            return cls(1, "standard output", owned=False)
        except OSError as error:
            raise OutputError("standard output", error) from None

    @classmethod
    def create(cls, path: str | Path) -> Stream:
        """A new file, or an old one emptied. Raises OutputError."""
        try:
            return cls(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666), str(path), owned=True
            )
        except OSError as error:
            raise OutputError(str(path), error) from None

    def write(self, data: bytes | memoryview) -> None:
        """All of `data`. Raises OutputError."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise OutputError(self.name, error) from None

    def close(self) -> None:
        """Some file systems tell only now that something was lost. Raises OutputError."""
        try:
            self._file.close()
        except OSError as error:
            raise OutputError(self.name, error) from None
