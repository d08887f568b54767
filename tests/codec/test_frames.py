"""The framing of Arrow streams: what pyarrow writes is understood, sizes are checked first."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pytest

from wireverdict.bus import BadMessage
from wireverdict.codec import frames


def stream(values: object = (1, 2, 3), codec: str | None = "zstd") -> bytes:
    batch = pa.RecordBatch.from_pydict({"a": pa.array(values, pa.int64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def split(data: bytes) -> tuple[bytes, memoryview]:
    _, end = frames.message(data, 0)
    start, body = frames.message(data, end)
    return data[start:body], memoryview(data)[body:]


def test_what_pyarrow_writes_is_found() -> None:
    metadata, body = split(stream(range(1000)))
    found = frames.batch(metadata)
    assert (found.length, found.node_count, found.buffer_count) == (1000, 1, 2)
    assert frames.pairs(metadata, found.nodes, 1) == [[1000, 0]]
    place = frames.pairs(metadata, found.buffers, 2)[1]
    assert frames.sizes(stream(range(1000)), len(stream(range(1000))) - len(body), metadata, found, 10_000) == [0, 8000]
    assert np.frombuffer(frames.decompressed(body, *place), np.int64).tolist() == list(range(1000))


def test_buffers_that_do_not_shrink_are_stored() -> None:
    for data in (b"", b"abc", bytes(1000), np.random.default_rng(1).bytes(100)):
        packed = frames.compressed(data)
        again = frames.compressed(data, long=True)
        assert bytes(frames.decompressed(memoryview(again), 0, len(again))) == data
        assert measured(packed, (0, len(packed))) == len(data)
        assert len(data) == 0 or frames.stored(memoryview(packed), 0) == (len(packed) == len(data) + 8)
        assert bytes(frames.decompressed(memoryview(packed), 0, len(packed))) == data
    assert len(frames.compressed(bytes(1000))) < 100
    assert len(frames.compressed(b"abc")) == 11


def test_metadata_is_patched_for_another_batch_of_the_schema() -> None:
    metadata, _ = split(stream())
    found = frames.batch(metadata)
    out = frames.patched(metadata, found, np.array([[7, 0]]), np.array([[0, 0], [0, 64]]), 64)
    assert frames.pairs(out, found.nodes, 1) == [[7, 0]]
    assert frames.pairs(out, found.buffers, 2) == [[0, 0], [0, 64]]
    assert struct.unpack_from("<q", out, found.body_length) == (64,)


def test_what_cannot_be_is_refused() -> None:
    good = stream()
    for cut in range(len(good) - 8):  # without the end-of-stream mark it is whole
        if cut <= len(good) - 8 - len(split(good)[1]) + 8:
            with pytest.raises(BadMessage):
                frames.check_sizes(good[:cut], 1000)
    with pytest.raises(BadMessage, match="a part that it needs"):
        frames.check_sizes(stream(codec=None), 1000)
    with pytest.raises(BadMessage, match="not compressed with zstd"):
        frames.check_sizes(stream(codec="lz4"), 1000)
    with pytest.raises(BadMessage, match="are the most"):
        frames.check_sizes(stream(range(1000)), 1000)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((0, 16), -2),
        ((24, 16), -1),
        ((-8, 16), -1),
        ((0, 4), -1),
        ((0, 1 << 62), -1),
        (((1 << 63) - 1, 9), -1),
        ((8, 0), 0),
        ((1 << 40, 0), 0),
        ((8, 8), 0),
        ((16, 16), -3),
        ((24, 12), 4),
    ],
)
def test_sizes_are_looked_at_before_anything_is_made(place: tuple[int, int], expected: int) -> None:
    assert measured(struct.pack("<qqqq", -2, 0, 1001, -1) + bytes(4), place) == expected


def test_sizes_are_summed() -> None:
    places = [(0, 8), (0, 8), (0, 8)]
    assert measured(struct.pack("<q", 333), *places) == 999
    assert measured(struct.pack("<q", 334), *places) == -3
    assert measured(struct.pack("<q", (1 << 63) - 1), *places) == -3


def measured(body: bytes, *places: tuple[int, int]) -> int:
    """The sum of sizes of buffers in a body that has three bytes before it; 1,000 are the most."""
    data = np.frombuffer(b"abc" + body, np.uint8)
    out = np.empty(len(places), np.int64)
    return int(frames.measure(data, 3, np.array(places, np.int64).reshape(-1), 1000, out))


def test_lies_about_sizes_are_found() -> None:
    packed = frames.compressed(bytes(1000))
    for claimed, reason in ((999, "two sizes differ"), (10**12, "two sizes differ")):
        lie = struct.pack("<q", claimed) + packed[8:]
        with pytest.raises(BadMessage, match=reason):
            frames.decompressed(memoryview(lie), 0, len(lie))
    broken = packed[:12] + b"\xff" * (len(packed) - 12)
    with pytest.raises(BadMessage):
        frames.decompressed(memoryview(broken), 0, len(broken))
