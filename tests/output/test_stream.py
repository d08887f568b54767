"""Bytes to files, and what people are told when that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wireverdict.output.stream import OutputError, Stream, in_words


def test_writes_all_and_empties_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"something old and long")
    stream = Stream.create(path)
    stream.write(b"one ")
    stream.write(memoryview(b"two"))
    stream.write(b"")
    stream.close()
    assert path.read_bytes() == b"one two"


def test_writes_all_when_a_pipe_takes_only_a_part() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    child = os.fork()
    if child == 0:
        os.close(writing)
        total = 0
        while piece := os.read(reading, 1000):
            total += len(piece)
        os._exit(0 if total == 1_000_000 else 1)
    os.close(reading)
    stream = Stream(writing, "pipe", owned=True)
    stream.write(bytes(1_000_000))
    stream.close()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_closed_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = Stream(writing, "standard output", owned=True)
    with pytest.raises(OutputError, match=r"^cannot write standard output: the program that read it has ended$"):
        stream.write(b"x")
    stream.close()


def test_a_full_device() -> None:
    stream = Stream.create("/dev/full")
    with pytest.raises(OutputError, match=r"^cannot write /dev/full: no space is left on the device$"):
        stream.write(b"x")
    stream.close()


@pytest.mark.parametrize(
    ("name", "words"), [("missing/out", "its directory does not exist"), ("", "it is a directory")]
)
def test_a_file_that_cannot_be_made(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        Stream.create(f"{tmp_path}/{name}")


def test_errors_of_the_system_in_words() -> None:
    assert in_words(FileNotFoundError(errno.ENOENT, "No such file or directory", "x")) == "x: No such file or directory"
    assert in_words(OSError(errno.ENOTDIR, "Not a directory", "a/b")) == "a/b: Not a directory"
    assert in_words(BrokenPipeError(errno.EPIPE, "Broken pipe")) == (
        "input or output failed: the program that read it has ended"
    )
    assert in_words(OSError("the archive is locked")) == "the archive is locked"
    assert in_words(ValueError("5 is too much")) == "5 is too much"
