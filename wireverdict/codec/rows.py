"""Structured arrays as Arrow record batches and back: a column for each field, those of nested fields with dotted names.

Lossless for every dtype made of integers, floats, byte strings (``S``), nested structures and fixed arrays of bytes (which
become fixed-size binary) or numbers (fixed-size lists). Fields called ``pad`` are left out and come back as zeros.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wireverdict.bus import BadMessage
from wireverdict.codec import frames

LARGEST = 256 << 20
"""Bytes that a message may be after decompression."""
PAD = "pad"


def to_batch(rows: NDArray[np.void]) -> Any:
    """A pyarrow.RecordBatch."""
    arrays, names = [], []
    for name, values in _leaves(rows, ""):
        names.append(name)
        arrays.append(_column(np.ascontiguousarray(values)))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def from_batch(batch: Any, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """The rows again. Raises BadMessage where columns are missing, too many, of another type or have nulls."""
    rows = np.zeros(batch.num_rows, dtype)
    given = dict(zip(batch.schema.names, batch.columns, strict=True))
    for name, values in _leaves(rows, ""):
        column = given.pop(name, None)
        if column is None:
            raise BadMessage(f"no column {name}")
        if column.type != _type(values.dtype, values.shape[1:]) or column.null_count:
            raise BadMessage(f"column {name} is {column.type} with {column.null_count} nulls")
        values[...] = _values(column, values.dtype, values.shape)
    if given:
        raise BadMessage(f"unknown columns: {', '.join(sorted(given)[:5])}")
    return rows


def to_stream(rows: NDArray[np.void]) -> bytes:
    """An Arrow IPC stream of one record batch, compressed inside with zstd."""
    head, metadata, found = _template(rows.dtype)
    count, at = len(rows), 0
    nodes: list[tuple[int, int]] = []
    places: list[tuple[int, int]] = []
    parts: list[bytes] = [head, b""]
    for _, values in _leaves(rows, ""):
        nodes.append((count, 0))
        places.append((at, 0))  # nothing is null
        if _is_list(values):
            nodes.append((values.size, 0))
            places.append((at, 0))
        packed = frames.compressed(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data) if count else b""
        padding = -len(packed) % 8
        places.append((at, len(packed)))
        parts += packed, bytes(padding)
        at += len(packed) + padding
    parts[1] = frames.patched(metadata, found, np.array(nodes), np.array(places), at, count)
    return b"".join([*parts, frames.END_OF_STREAM])


@functools.cache
def _template(dtype: np.dtype[np.void]) -> tuple[bytes, bytes, frames.Batch]:
    """The schema's message, and the metadata of a batch to be patched. pyarrow writes batches too, but makes a new zstd context
    for each of some sixty buffers, which costs more than to compress a few hundred rows."""
    batch = to_batch(np.zeros(1, dtype))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    data = bytes(sink.getvalue().to_pybytes())
    _, end = frames.message(data, 0)
    start, body = frames.message(data, end)
    return data[:start], data[start:body], frames.batch(data[start:body])


def from_stream(data: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """The rows of such a stream. Raises BadMessage; sizes are looked at before memory is asked for."""
    frames.check_sizes(data, LARGEST)
    try:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            batch = reader.read_next_batch()
        batch.validate(full=True)
        _ = batch.schema.names  # may not be text
    except (pa.ArrowException, StopIteration, ValueError, OSError, MemoryError) as error:
        raise BadMessage(f"not an Arrow stream of one batch: {error}") from None
    return from_batch(batch, dtype)


def _leaves(rows: NDArray[Any], prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Views of all fields that are not structures, with their dotted names."""
    assert rows.dtype.names is not None
    for name in rows.dtype.names:
        if name == PAD:
            continue
        if rows.dtype[name].names is not None:
            yield from _leaves(rows[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", rows[name]


def _type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    if dtype.kind == "S" and not shape:
        return pa.binary(dtype.itemsize)
    if not shape:
        return pa.from_numpy_dtype(dtype)
    width = int(np.prod(shape))
    return pa.binary(width) if dtype == np.uint8 else pa.list_(pa.from_numpy_dtype(dtype), width)


def _is_list(values: NDArray[Any]) -> bool:
    """Whether each row has several numbers, and not bytes."""
    return values.ndim > 1 and values.dtype != np.uint8


def _column(values: NDArray[Any]) -> Any:
    arrow, count = _type(values.dtype, values.shape[1:]), len(values)
    if _is_list(values):
        return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=arrow)
    return pa.Array.from_buffers(arrow, count, [None, pa.py_buffer(values)])


def _values(column: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    width = int(np.prod(shape[1:]))
    if isinstance(column, pa.FixedSizeListArray):
        column, width = column.flatten(), 1
    data = column.buffers()[1]
    if data is None or not len(column):
        return np.zeros(shape, dtype)
    start = column.offset * width * dtype.itemsize
    return np.frombuffer(data, dtype, int(np.prod(shape)), start).reshape(shape)
