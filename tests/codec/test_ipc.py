"""Columns of one record: what is written can be read, here and by pyarrow."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wireverdict.bus import BadMessage
from wireverdict.codec import frames, ipc


def test_what_pyarrow_writes_is_read() -> None:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_pydict({"x": pa.array([[1, 2]], pa.list_(pa.int16())), "y": pa.array([5], pa.int64())})
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    found = ipc.read(sink.getvalue().to_pybytes())
    assert np.asarray(found["x"]).tolist() == [1, 2]
    assert found["y"] == 5


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (pa.array(["x"]), "type string"),
        (pa.array([[1.5]]), "type double"),
        (pa.array([[1, None]], pa.list_(pa.int16())), "values and nulls"),
        (pa.array([None], pa.list_(pa.int16())), "values and nulls"),
    ],
)
def test_other_columns_are_refused(array: Any, reason: str) -> None:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([array], names=["x"])
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    with pytest.raises(BadMessage, match=reason):
        ipc.read(sink.getvalue().to_pybytes())


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([], "u1"), ([0, 255], "u1"), ([-1, 127], "i1"), ([0, 256], "u2"), ([-1, 128], "i2"), ([0, 2**31], "u4"),
     ([-(2**31)], "i4"), ([-1, 2**31], "i8")],
)  # fmt: skip
def test_numbers_take_the_narrowest_type(values: list[int], dtype: str) -> None:
    low, high = (min(values), max(values)) if values else (0, 0)
    assert np.dtype(ipc.narrowest(low, high)) == np.dtype(dtype)


def test_there_are_numbers_that_no_type_holds() -> None:
    with pytest.raises(ValueError, match="no type"):
        ipc.narrowest(0, 1 << 64)


def test_stored_numbers_may_stand_anywhere() -> None:
    """Kernels take aligned arrays only; a message that was made by others may have its buffers anywhere."""
    values = np.random.default_rng(1).integers(0, 1 << 62, 8)
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([pa.array([values.tolist()], pa.list_(pa.uint64()))], names=["x"])
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    _, end = frames.message(data, 0)
    start, body = frames.message(data, end)
    found = frames.batch(data[start:body])
    at = start + found.buffers + 16 * 3
    moved = bytearray(data)
    struct.pack_into("<qq", moved, at, len(data) - body + 3, 8 + 64)  # behind all others
    moved += b"abc" + struct.pack("<q", -1) + values.tobytes()
    read = ipc.read(bytes(moved))["x"]
    assert isinstance(read, np.ndarray)
    assert read.flags.aligned
    assert read.tolist() == values.tolist()
