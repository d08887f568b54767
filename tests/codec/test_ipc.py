"""Columns of one record: what is written can be read, here and by pyarrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from wireverdict.bus import BadMessage
from wireverdict.codec import ipc

TABLE = np.array([(1, -2), (3, -4)], [("a", "<u8"), ("b", "<i2")])


def columns() -> dict[str, Any]:
    texts = ipc.Texts(np.array([0, 2, 5], np.int32), np.frombuffer(b"abcde", np.uint8))
    return {
        "one": 7,
        "many": np.arange(5, dtype=np.uint16),
        "none": np.zeros(0, np.int8),
        "rows": ipc.table(TABLE, t=texts),
    }


def test_pyarrow_reads_what_is_written() -> None:
    with pa.ipc.open_stream(ipc.write(columns())) as reader:
        (batch,) = list(reader)
    batch.validate(full=True)
    rows = [{"a": 1, "b": -2, "t": b"ab"}, {"a": 3, "b": -4, "t": b"cde"}]
    assert batch.to_pylist() == [{"one": 7, "many": [0, 1, 2, 3, 4], "none": [], "rows": rows}]


def test_it_is_read_again() -> None:
    found = ipc.read(ipc.write(columns()))
    assert list(found) == ["one", "many", "none", "rows"]
    assert found["one"] == 7
    many, rows = found["many"], found["rows"]
    assert isinstance(many, np.ndarray)
    assert isinstance(rows, ipc.Table)
    assert many.tolist() == [0, 1, 2, 3, 4]
    assert {name: rows.fields[name].tolist() for name in "ab"} == {"a": [1, 3], "b": [-2, -4]}
    assert rows.fields["t"].ends.tolist() == [0, 2, 5]


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
    narrow = ipc.narrowed(np.array(values, np.int64))
    assert narrow.dtype == np.dtype(dtype)
    assert narrow.tolist() == values
