"""One record batch of one row in an Arrow IPC stream: lists of numbers, lists of structs of numbers and texts, and numbers.

Columns to write and columns read are the same: a name and an array (a list of its numbers), a structured array with texts
beside it (`Table`), or an int (a plain number).
"""

from __future__ import annotations

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
_NARROWEST = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<i8")
_LIMITS = {dtype: np.iinfo(dtype) for dtype in _NARROWEST}
_U8, _I32, _I64 = np.dtype("u1"), np.dtype("<i4"), np.dtype("<i8")
_DTYPES = {str(pa.from_numpy_dtype(name)): np.dtype(name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8")}


class Texts(NamedTuple):
    """Byte strings: string i is ``data[ends[i]:ends[i + 1]]``; `ends` is int32 and begins with 0."""

    ends: NDArray[np.int32]
    data: NDArray[np.uint8]


class Table(NamedTuple):
    """Columns of equal length, arrays or Texts."""

    fields: dict[str, Any]


Column = int | NDArray[Any] | Table
Shape = tuple[tuple[str, Any], ...]
_templates: dict[Shape, tuple[bytes, bytes, frames.Batch]] = {}
_shapes: dict[bytes, Shape] = {}


def read(data: bytes) -> dict[str, Column]:
    """The columns. Raises BadMessage, for sizes before anything of that size is made."""
    _, end = frames.message(data, 0)
    shape = _shape(data[:end])
    start, body_at = frames.message(data, end)
    metadata = data[start:body_at]
    found = frames.batch(metadata)
    if found.length != 1:
        raise BadMessage(f"a batch of {found.length} rows; a message has one")
    reader = _Reader(data, body_at, metadata, found)
    try:
        columns = {name: reader.column(kind) for name, kind in shape}
    except (IndexError, ValueError) as error:
        if isinstance(error, BadMessage):
            raise
        raise BadMessage(f"an Arrow batch that does not fit its schema: {error}") from None
    if len(columns) != len(shape):
        raise BadMessage("two columns of one name")
    return columns


def narrowest(low: int, high: int) -> str:
    """The narrowest type that holds integers from `low` to `high`."""
    for dtype in _NARROWEST:
        limits = _LIMITS[dtype]
        if limits.min <= low and high <= limits.max:
            return dtype
    raise ValueError(f"no type for {low} to {high}")


class _Reader:
    """Takes a batch's nodes and buffers in the order of its schema."""

    def __init__(self, data: bytes, body_at: int, metadata: bytes, found: frames.Batch) -> None:
        """Raises BadMessage for sizes that cannot be."""
        self._data, self._body_at, self._body = data, body_at, memoryview(data)[body_at:]
        self._lengths = frames.pairs(metadata, found.nodes, found.node_count)
        self._places = frames.pairs(metadata, found.buffers, found.buffer_count)
        self._sizes = frames.sizes(data, body_at, metadata, found, LARGEST)
        self._node_at = self._buffer_at = 0

    def column(self, kind: Any) -> Column:
        """The next column, of that kind."""
        if kind == "number":
            return int(self._numbers(_I64, 1)[0])
        self._node(1)
        first, count = self._buffer(_I32, 2).tolist()
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
        return self._buffer(dtype, count)

    def _texts(self, count: int) -> Texts:
        self._node(count)
        ends = self._buffer(_I32, count + 1)
        data = self._buffer(_U8, self._sizes[self._buffer_at])
        if ends[0] != 0 or int(ends[-1]) > len(data) or (np.diff(ends) < 0).any():
            raise BadMessage("texts that lie outside their bytes")
        return Texts(ends, data)

    def _node(self, length: int) -> None:
        found = self._lengths[self._node_at]
        if found[0] != length or found[1]:
            raise BadMessage(f"a column of {found} values and nulls; {length} and 0 were expected")
        self._node_at += 1
        self._buffer_at += 1  # no nulls: whatever the validity says

    def _buffer(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """The next buffer's items: part of the message where it is not compressed."""
        number = self._buffer_at
        self._buffer_at = number + 1
        size, (offset, length) = self._sizes[number], self._places[number]
        if size < count * dtype.itemsize:
            raise BadMessage("a buffer shorter than its column")
        if not count:
            return np.zeros(0, dtype)
        if size == length - frames.PREFIX:  # stored, or a compressed one as long as that: the prefix tells
            found = frames.stored(self._body, offset)
            if found:
                items = np.frombuffer(self._data, dtype, count, self._body_at + offset + frames.PREFIX)
                return items if items.flags.aligned else items.copy()
        return np.frombuffer(frames.decompressed(self._body, offset, length), dtype, count)


def _arrow(kind: Any) -> Any:
    if kind == "number":
        return pa.int64()
    if isinstance(kind, tuple):
        inner = [(name, pa.binary() if of == "text" else pa.from_numpy_dtype(np.dtype(of))) for name, of in kind]
        return pa.list_(pa.struct(inner))
    return pa.list_(pa.from_numpy_dtype(np.dtype(kind)))


def template(shape: Shape) -> tuple[bytes, bytes, frames.Batch]:
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


def _shape(message: bytes) -> Shape:
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
