"""Structured arrays as Arrow record batches and back: a column for each field, those of nested fields with dotted names.

Lossless for every dtype made of integers, floats, byte strings (``S``), nested structures and fixed arrays of bytes (which
become fixed-size binary) or numbers (fixed-size lists). Fields called ``pad`` are left out and come back as zeros.
"""

from __future__ import annotations

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
    batch = to_batch(rows)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)  # columns are too small for that
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


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


def _column(values: NDArray[Any]) -> Any:
    arrow, count = _type(values.dtype, values.shape[1:]), len(values)
    if isinstance(arrow, pa.FixedSizeListType):
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
