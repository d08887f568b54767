from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.files.compression import DamagedError
from producers.files.feed import MappedFeed, StreamFeed


@settings(deadline=None)
@given(content=st.binary(max_size=300), chunk=st.integers(1, 50), steps=st.lists(st.integers(0, 60), max_size=40))
def test_stream_gives_all_bytes_in_order(content: bytes, chunk: int, steps: list[int]) -> None:
    """However much of each buffer is used, and however much is asked for."""
    feed = StreamFeed(io.BytesIO(content).readinto, chunk=chunk)
    seen, used = b"", 0
    for step in steps:
        need = 1 + step
        if feed.final:
            assert not feed.more(used, need)
            break
        came = feed.more(used, need)
        assert feed.data.tobytes() == content[feed.base :][: feed.data.size]
        assert feed.base == len(seen)
        if came and not feed.final:
            assert feed.data.size >= need
        used = min(step, feed.data.size)
        seen += feed.data[:used].tobytes()
    assert content.startswith(seen)


def test_stream_keeps_former_buffers() -> None:
    feed = StreamFeed(io.BytesIO(bytes(range(20))).readinto, chunk=10)
    assert feed.more(0, 1)
    first = feed.data
    assert feed.more(8, 1)
    assert first.tolist() == list(range(10))
    assert feed.data.tolist() == list(range(8, 20))
    assert feed.base == 8
    assert not feed.more(0, 1)
    assert feed.final


def test_stream_that_fails_keeps_what_came() -> None:
    failures = iter([DamagedError("the xz data are damaged"), OSError(errno.EIO, "x")])

    def readinto(view: memoryview) -> int:
        if len(view) < 10:
            raise next(failures)
        view[:4] = b"abcd"
        return 4

    for words in ("the xz data are damaged", "cannot be read (Input/output error)"):
        feed = StreamFeed(readinto, chunk=12)
        assert feed.more(0, 12)
        assert feed.data.tobytes() == b"abcd"
        assert feed.fault == words
        assert feed.final


def test_stream_waits_while_told_to() -> None:
    parts = [b"", b"ab", b"", b"", b"cd", b"", b"ef"]
    waits = []

    def readinto(view: memoryview) -> int:
        part = parts.pop(0) if parts else b""
        view[: len(part)] = part
        return len(part)

    def wait() -> bool:
        waits.append(len(parts))
        return len(waits) < 4

    feed = StreamFeed(readinto, wait)
    assert feed.more(0, 1)
    assert feed.data.tobytes() == b"ab"
    assert feed.more(0, 4)
    assert feed.data.tobytes() == b"abcd"
    assert not feed.more(4, 1)
    assert waits == [6, 4, 3, 1]


def test_stream_hands_on_rather_than_wait_for_others() -> None:
    content = io.BytesIO(b"abcdef")
    feed = StreamFeed(lambda view: content.readinto(view[:2]), ready=lambda: content.tell() != 4)
    assert feed.more(0, 1)
    assert feed.data.tobytes() == b"abcd"
    assert feed.more(4, 1)
    assert feed.data.tobytes() == b"ef"


def test_map(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = np.random.default_rng(1).integers(0, 256, 200 << 20, dtype=np.uint8)
    content.tofile(path)
    descriptor = os.open(path, os.O_RDONLY)
    feed = MappedFeed(descriptor)
    os.close(descriptor)
    assert feed.final
    assert not feed.more(0, 1)
    for position in range(0, 200 << 20, 10 << 20):
        feed.passed(position)
    assert feed.data[: 1 << 20].tolist() == content[: 1 << 20].tolist()  # pages let go come back
    assert feed.data.flags.writeable is False
