"""One record batch of one row in an Arrow IPC stream: lists of numbers, lists of structs of numbers and texts, and numbers.

Columns to write and columns read are the same: a name and an array (a list of its numbers), a structured array with texts
beside it (`Table`), or an int (a plain number).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wireverdict.bus import BadMessage
from wireverdict.codec import frames

LARGEST = 64 << 20
"""Bytes that a message may be after decompression."""
KNOWN_SCHEMAS = 1024
"""Kept, at most; a producer uses a few dozen."""
_NARROWEST = [np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "i8")]
_DTYPES = {str(pa.from_numpy_dtype(name)): np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")}


class Texts(NamedTuple):
    """Byte strings: string i is ``data[ends[i]:ends[i + 1]]``; `ends` is int32 and begins with 0."""

    ends: NDArray[np.int32]
    data: NDArray[np.uint8]


class Table(NamedTuple):
    """Columns of equal length, arrays or Texts."""

    fields: dict[str, Any]


Column = int | NDArray[Any] | Table
_Shape = tuple[tuple[str, Any], ...]
_templates: dict[_Shape, tuple[bytes, bytes, frames.Batch]] = {}
_shapes: dict[bytes, _Shape] = {}


def write(columns: Mapping[str, Column]) -> bytes:
    """The stream."""
    shape = tuple((name, _kind(column)) for name, column in columns.items())
    head, metadata, found = _template(shape)
    nodes: list[int] = []
    buffers: list[Any] = []
    for column in columns.values():
        _flatten(column, nodes, buffers)
    parts: list[bytes] = []
    placed = np.zeros((len(buffers), 2), np.int64)
    at = 0
    for place, buffer in enumerate(buffers):
        part = b"" if buffer is None else frames.compressed(memoryview(buffer).cast("B") if len(buffer) else b"")
        placed[place] = at, len(part)
        part += bytes(-len(part) % 8)
        parts.append(part)
        at += len(part)
    counts = np.zeros((len(nodes), 2), np.int64)
    counts[:, 0] = nodes
    return b"".join([head, frames.patched(metadata, found, counts, placed, at), *parts, frames.END_OF_STREAM])


def read(data: bytes) -> dict[str, Column]:
    """The columns. Raises BadMessage, for sizes before anything of that size is made."""
    _, end = frames.message(data, 0)
    shape = _shape(data[:end])
    start, body_at = frames.message(data, end)
    metadata = data[start:body_at]
    found = frames.batch(metadata)
    if found.length != 1:
        raise BadMessage(f"a batch of {found.length} rows; a message has one")
    lengths = frames.pairs(metadata, found.nodes, found.node_count)
    places = frames.pairs(metadata, found.buffers, found.buffer_count)
    body = memoryview(data)[body_at:]
    total = sum(frames.size_of(body, offset, length) for offset, length in places)
    if total > LARGEST:
        raise BadMessage(f"{total} bytes in a message; {LARGEST} are the most")
    reader = _Reader(body, lengths, places)
    try:
        columns = {name: reader.column(kind) for name, kind in shape}
    except (IndexError, ValueError) as error:
        if isinstance(error, BadMessage):
            raise
        raise BadMessage(f"an Arrow batch that does not fit its schema: {error}") from None
    if len(columns) != len(shape):
        raise BadMessage("two columns of one name")
    return columns


def narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """The same integers in the narrowest type that holds them."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    for dtype in _NARROWEST:
        limits = np.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return values.astype(dtype)
    return values


def table(rows: NDArray[np.void], leave_out: tuple[str, ...] = (), **more: Texts) -> Table:
    """A structured array as a Table."""
    assert rows.dtype.names is not None
    fields: dict[str, Any] = {
        name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names if name not in leave_out
    }
    return Table(fields | more)


class _Reader:
    """Takes a batch's nodes and buffers in the order of its schema."""

    def __init__(self, body: memoryview, lengths: list[list[int]], places: list[list[int]]) -> None:
        self._body, self._lengths, self._places = body, iter(lengths), iter(places)

    def column(self, kind: Any) -> Column:
        """The next column, of that kind."""
        if kind == "number":
            return int(self._numbers(np.dtype("i8"), 1)[0])
        self._node(1)
        ends = self._buffer(8)
        first, count = struct.unpack("<ii", ends)
        if first or count < 0 or count > LARGEST:
            raise BadMessage("a list that does not begin at its beginning")
        if not isinstance(kind, tuple):
            return self._numbers(np.dtype(kind), count)
        self._node(count)
        return Table(
            {name: self._texts(count) if of == "text" else self._numbers(np.dtype(of), count) for name, of in kind}
        )

    def _numbers(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        self._node(count)
        return np.frombuffer(self._buffer(count * dtype.itemsize), dtype, count)

    def _texts(self, count: int) -> Texts:
        self._node(count)
        ends = np.frombuffer(self._buffer(4 * (count + 1)), np.int32, count + 1)
        offset, length = self._next()
        data = np.frombuffer(frames.decompressed(self._body, offset, length), np.uint8)
        if ends[0] != 0 or int(ends[-1]) > len(data) or (np.diff(ends) < 0).any():
            raise BadMessage("texts that lie outside their bytes")
        return Texts(ends, data)

    def _node(self, length: int) -> None:
        found = next(self._lengths, None)
        if found != [length, 0]:
            raise BadMessage(f"a column of {found} values and nulls; {length} and 0 were expected")
        self._next()  # no nulls: whatever the validity says

    def _buffer(self, size: int) -> bytes | memoryview:
        offset, length = self._next()
        if frames.size_of(self._body, offset, length) < size:
            raise BadMessage("a buffer shorter than its column")
        return frames.decompressed(self._body, offset, length)[:size]

    def _next(self) -> list[int]:
        place = next(self._places, None)
        if place is None:
            raise BadMessage("an Arrow batch with too few buffers")
        return place


def _kind(column: Column) -> Any:
    """What stands for a column's type: "number", a dtype's text, or a Table's pairs of name and such."""
    if isinstance(column, int):
        return "number"
    if isinstance(column, Table):
        return tuple(
            (name, "text" if isinstance(field, Texts) else field.dtype.str) for name, field in column.fields.items()
        )
    return column.dtype.str


def _flatten(column: Column, nodes: list[int], buffers: list[Any]) -> None:
    if isinstance(column, int):
        nodes.append(1)
        buffers += [None, np.array([column], np.int64)]
        return
    count = len(next(iter(column.fields.values()))) if isinstance(column, Table) else len(column)
    nodes.append(1)
    buffers += [None, np.array([0, count], np.int32)]
    if not isinstance(column, Table):
        nodes.append(count)
        buffers += [None, column]
        return
    nodes.append(count)
    buffers.append(None)
    for field in column.fields.values():
        nodes.append(count)
        buffers += [None, field.ends, field.data] if isinstance(field, Texts) else [None, field]


def _arrow(kind: Any) -> Any:
    if kind == "number":
        return pa.int64()
    if isinstance(kind, tuple):
        inner = [(name, pa.binary() if of == "text" else pa.from_numpy_dtype(np.dtype(of))) for name, of in kind]
        return pa.list_(pa.struct(inner))
    return pa.list_(pa.from_numpy_dtype(np.dtype(kind)))


def _template(shape: _Shape) -> tuple[bytes, bytes, frames.Batch]:
    """Of a schema: its message, and a record batch's metadata to be patched."""
    if shape not in _templates:
        schema = pa.schema([(name, _arrow(kind)) for name, kind in shape])
        empty = [
            pa.array([0 if kind == "number" else [{} if isinstance(kind, tuple) else 0]], _arrow(kind))
            for _, kind in shape
        ]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(empty, schema=schema))
        data = sink.getvalue().to_pybytes()
        _, end = frames.message(data, 0)
        start, body = frames.message(data, end)
        found = frames.batch(data[start:body])
        if len(_templates) >= KNOWN_SCHEMAS:
            _templates.clear()
        # the metadata keeps its framing: positions in it count from its own beginning
        _templates[shape] = data[:start], data[start:body], found
    return _templates[shape]


def _shape(message: bytes) -> _Shape:
    """The kinds of a schema message's columns. Raises BadMessage."""
    if message not in _shapes:
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(message))
            shape = tuple((field.name, _kind_of(field.type)) for field in schema)
        except BadMessage:
            raise
        except (pa.ArrowException, ValueError, OSError, MemoryError) as error:
            raise BadMessage(f"not an Arrow schema: {error}") from None
        if len(_shapes) >= KNOWN_SCHEMAS:
            _shapes.clear()
        _shapes[message] = shape
    return _shapes[message]


def _kind_of(arrow: Any) -> Any:
    if arrow == pa.int64():
        return "number"
    if not pa.types.is_list(arrow):
        raise BadMessage(f"a column of type {arrow}")
    inner = arrow.value_type
    if not pa.types.is_struct(inner):
        return _dtype(inner)
    fields = [inner.field(place) for place in range(inner.num_fields)]
    return tuple((field.name, "text" if field.type == pa.binary() else _dtype(field.type)) for field in fields)


def _dtype(arrow: Any) -> str:
    if str(arrow) not in _DTYPES:
        raise BadMessage(f"values of type {arrow}")
    return _DTYPES[str(arrow)].str
