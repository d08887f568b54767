"""The framing of an Arrow IPC stream of one record batch, read and patched without trusting a byte of it.

Where things stand in a message's metadata follows from the flatbuffers format and Arrow's Message.fbs: a table begins with
the distance back to its vtable, which tells where in the table each field is. pyarrow makes and reads schemas; bodies go
through here, because its zstd costs 9 µs a buffer (a context is made and thrown away each time) where a kept context takes
one, and because a size that a message claims must be looked at before memory is asked for.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray

from wireverdict.bus import BadMessage
from wireverdict.kernels import kernel, types

CONTINUATION = b"\xff\xff\xff\xff"
END_OF_STREAM = CONTINUATION + bytes(4)
SCHEMA_HEADER, BATCH_HEADER = 1, 3
ZSTD = 1
STORED = -1
"""In place of the size: this buffer is not compressed."""
PREFIX = 8
"""Bytes before a buffer's own: its size."""
LEVEL = 1
_LONG = zstandard.ZstdCompressionParameters(
    window_log=17,
    hash_log=11,
    chain_log=11,
    search_log=1,
    min_match=7,
    target_length=0,
    strategy=zstandard.STRATEGY_FAST,
)
"""As level 1, but it looks for long matches only, which a table of 8 kB finds. Columns of headers have few others that are
worth their time: they take as many bytes, by Huffman's codes, in two thirds of it."""

_BYTES, _PAIRS = types.Array(types.uint8, 1, readonly=True), types.Array(types.int64, 1, readonly=True)
_STORED = struct.pack("<q", STORED)
_WRONG = {
    -1: "a buffer outside its Arrow message",
    -2: "a buffer of a negative size",
    -3: "more than the {most} bytes that a message may have: these are the most",
}


class Batch(NamedTuple):
    """Where a record batch's metadata keeps what differs between batches of one schema."""

    length: int  # rows
    rows: int  # position of that number; 0 if it is not there, as where it is 0
    nodes: int  # position of the pairs (length, nulls)
    node_count: int
    buffers: int  # position of the pairs (offset, length)
    buffer_count: int
    body_length: int  # position of the body's length, bytes


class _Contexts(threading.local):
    """zstd's contexts of a thread."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL)
        self.long = zstandard.ZstdCompressor(compression_params=_LONG)
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def message(data: bytes, at: int) -> tuple[int, int]:
    """Where the metadata of the message at `at` begins and ends. Raises BadMessage."""
    if data[at : at + 4] != CONTINUATION or len(data) < at + 8:
        raise BadMessage("not an Arrow stream")
    (size,) = struct.unpack_from("<i", data, at + 4)
    if size <= 0 or at + 8 + size > len(data):
        raise BadMessage("a truncated Arrow stream")
    return at + 8, at + 8 + size


def batch(metadata: bytes) -> Batch:
    """The parts of a record batch's metadata. Raises BadMessage."""
    try:
        root = _at(metadata, 0)
        if metadata[_field(metadata, root, 1)] != BATCH_HEADER:
            raise BadMessage("an Arrow message that is no record batch")
        record = _at(metadata, _field(metadata, root, 2))
        nodes, buffers = _at(metadata, _field(metadata, record, 1)), _at(metadata, _field(metadata, record, 2))
        codec = _at(metadata, _field(metadata, record, 3))
        method = _field(metadata, codec, 0, default=0)
        if not method or metadata[method] != ZSTD:
            raise BadMessage("an Arrow batch that is not compressed with zstd")
        rows = _field(metadata, record, 0, default=0)
        length = struct.unpack_from("<q", metadata, rows)[0] if rows else 0
        (node_count,), (buffer_count,) = (struct.unpack_from("<I", metadata, place) for place in (nodes, buffers))
        found = Batch(
            length, rows, nodes + 4, node_count, buffers + 4, buffer_count, _field(metadata, root, 3, default=0)
        )
        if max(found.nodes + 16 * node_count, found.buffers + 16 * buffer_count) > len(metadata):
            raise BadMessage("a damaged Arrow message")
    except (struct.error, IndexError):
        raise BadMessage("a damaged Arrow message") from None
    return found


def pairs(metadata: bytes, at: int, count: int) -> list[list[int]]:
    """`count` pairs of 64-bit numbers."""
    found: list[list[int]] = np.frombuffer(metadata, "<i8", 2 * count, at).reshape(count, 2).tolist()
    return found


def compressed(buffer: bytes | memoryview, *, long: bool = False) -> bytes:
    """A buffer as it stands in a body: its size, then its bytes, compressed if that makes them fewer. `long`: look for long
    matches only."""
    size = len(buffer)
    if not size:
        return b""
    packed = (_contexts.long if long else _contexts.compressor).compress(buffer)
    if len(packed) < size:
        return struct.pack("<q", size) + packed
    return _STORED + bytes(buffer)


@kernel(types.int64(_BYTES, types.int64, _PAIRS, types.int64, types.int64[::1]), borrow=True)
def measure(data: Any, body: Any, places: Any, most: Any, out: Any) -> Any:
    """Write into `out` what bytes each buffer will have; gives their sum. `places`: offset and length of one after the other;
    the body begins at byte `body`. -1: a buffer outside of it. -2: one of a negative size. -3: more than `most` in all."""
    total = np.int64(0)
    room = len(data) - body
    for i in range(len(out)):
        offset, length = places[2 * i], places[2 * i + 1]
        out[i] = 0
        if length == 0:
            continue
        if offset < 0 or length < PREFIX or length > room or offset > room - length:
            return np.int64(-1)
        size = np.uint64(0)
        for k in range(PREFIX):
            size |= np.uint64(data[body + offset + k]) << np.uint64(8 * k)
        out[i] = length - PREFIX if np.int64(size) == STORED else np.int64(size)
        if out[i] < 0:
            return np.int64(-2)
        if out[i] > most - total:
            return np.int64(-3)
        total += out[i]
    return total


def sizes(data: bytes, body: int, metadata: bytes, found: Batch, most: int) -> list[int]:
    """Bytes that each buffer will have, before it gets them. `body`: where it begins. Raises BadMessage, also for more than
    `most` in all."""
    out = np.empty(found.buffer_count, np.int64)
    places = np.frombuffer(metadata, "<i8", 2 * found.buffer_count, found.buffers)
    total = measure(np.frombuffer(data, np.uint8), body, places if places.flags.aligned else places.copy(), most, out)
    if total < 0:
        raise BadMessage(_WRONG[total].format(most=most))
    made: list[int] = out.tolist()
    return made


def stored(body: memoryview, offset: int) -> bool:
    """Whether a buffer is not compressed."""
    return body[offset : offset + PREFIX] == _STORED


def check_sizes(data: bytes, largest: int) -> None:
    """Look at a stream of one record batch before anybody unpacks it. Raises BadMessage."""
    _, end = message(data, 0)
    start, body = message(data, end)
    found = batch(data[start:body])
    sizes(data, body, data[start:body], found, largest)
    if found.length < 0 or found.length > largest:
        raise BadMessage(f"{found.length} rows in a message; {largest} are the most")


def decompressed(body: memoryview, offset: int, length: int) -> bytes | memoryview:
    """A buffer whose size has been looked at. Raises BadMessage."""
    if not length:
        return b""
    (size,) = struct.unpack_from("<q", body, offset)
    packed = body[offset + PREFIX : offset + length]
    if size == STORED:
        return packed
    try:
        if zstandard.frame_content_size(packed) not in (size, -1):
            raise BadMessage("a buffer whose two sizes differ")
        found: bytes = _contexts.decompressor.decompress(packed, max_output_size=size)
    except zstandard.ZstdError as error:
        raise BadMessage(f"damaged compression: {error}") from None
    if len(found) != size:
        raise BadMessage("a buffer shorter than it says")
    return found


def patched(
    metadata: bytes, found: Batch, nodes: NDArray[np.int64], buffers: NDArray[np.int64], body: int, rows: int = 1
) -> bytes:
    """Metadata like `metadata`, whose batch has rows, for a batch with other lengths. `nodes`, `buffers`: shape (n, 2)."""
    out = bytearray(metadata)
    struct.pack_into("<q", out, found.rows, rows)
    out[found.nodes : found.nodes + 16 * found.node_count] = nodes.astype("<i8").tobytes()
    out[found.buffers : found.buffers + 16 * found.buffer_count] = buffers.astype("<i8").tobytes()
    struct.pack_into("<q", out, found.body_length, body)
    return bytes(out)


def _at(data: bytes, place: int) -> int:
    """Where an offset points to."""
    (distance,) = struct.unpack_from("<I", data, place)
    return place + int(distance)


def _field(data: bytes, table: int, number: int, default: int | None = None) -> int:
    """Where a table's field stands; `default` if it is not there. Raises BadMessage without a default."""
    (back,) = struct.unpack_from("<i", data, table)
    vtable = table - back
    if vtable < 0:
        raise BadMessage("a damaged Arrow message")
    size, offset = struct.unpack_from("<H", data, vtable)[0], 0
    if 4 + 2 * number < size:
        (offset,) = struct.unpack_from("<H", data, vtable + 4 + 2 * number)
    if offset:
        return table + int(offset)
    if default is None:
        raise BadMessage("an Arrow message without a part that it needs")
    return default
