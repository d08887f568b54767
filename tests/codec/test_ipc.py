"""Columns of one record: what is written can be read, here and by pyarrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wireverdict.bus import BadMessage
from wireverdict.codec import ipc


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
