"""Structured arrays as Arrow and back."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wireverdict.bus import BadMessage
from wireverdict.codec.rows import from_batch, from_stream, to_batch, to_stream

INNER = np.dtype([("a", "<u2"), ("b", "<i8"), ("pad", "u1", (3,))], align=True)
ROW = np.dtype(
    [("x", "u1"), ("inner", INNER), ("letters", "u1", (5,)), ("many", "<i4", (2, 3)), ("text", "S4"), ("real", "<f8")]
)


def rows(count: int, seed: int = 1) -> np.ndarray[Any, Any]:
    dice = np.random.default_rng(seed)
    made = np.zeros(count, ROW)
    made["x"], made["inner"]["a"] = dice.integers(0, 256, count), dice.integers(0, 65_536, count)
    made["inner"]["b"] = dice.integers(-(2**63), 2**63 - 1, count)
    made["letters"], made["many"] = dice.integers(0, 256, (count, 5)), dice.integers(-9, 9, (count, 2, 3))
    made["text"], made["real"] = [b"ab"] * count, dice.random(count)
    return made


@pytest.mark.parametrize("count", [0, 1, 100])
def test_rows_come_back_under_dotted_names(count: int) -> None:
    made = rows(count)
    batch = to_batch(made)
    assert batch.schema.names == ["x", "inner.a", "inner.b", "letters", "many", "text", "real"]
    assert batch.schema.field("letters").type == pa.binary(5)
    assert from_batch(batch, ROW).tobytes() == made.tobytes()
    assert from_stream(to_stream(made), ROW).tobytes() == made.tobytes()


def test_a_slice_of_a_batch_is_its_rows() -> None:
    made = rows(20)
    assert from_batch(to_batch(made).slice(7, 5), ROW).tobytes() == made[7:12].tobytes()


def test_what_does_not_fit_is_refused() -> None:
    batch = to_batch(rows(3))
    with pytest.raises(BadMessage, match=r"no column inner\.b"):
        from_batch(batch.drop_columns(["inner.b"]), ROW)
    with pytest.raises(BadMessage, match="unknown columns: more"):
        from_batch(batch.append_column("more", pa.array([1, 2, 3])), ROW)
    with pytest.raises(BadMessage, match="column x is int64"):
        from_batch(batch.set_column(0, "x", pa.array([1, 2, 3])), ROW)
    with pytest.raises(BadMessage, match="1 nulls"):
        from_batch(batch.set_column(0, "x", pa.array([1, None, 3], pa.uint8())), ROW)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3), st.integers(0, 10_000))
def test_damaged_streams_raise_bad_message_or_are_read(edits: list[tuple[int, int]], cut: int) -> None:
    whole = bytearray(to_stream(rows(10)))
    for place, byte in edits:
        whole[place % len(whole)] = byte
    with suppress(BadMessage):
        assert from_stream(bytes(whole[: len(whole) - cut % 50]), ROW).dtype == ROW


def test_a_small_message_cannot_ask_for_much_memory() -> None:
    huge = to_stream(np.zeros(40_000_000, np.dtype([("a", "<u8")])))
    assert len(huge) < 100_000
    with pytest.raises(BadMessage, match="are the most"):
        from_stream(huge, np.dtype([("a", "<u8")]))
