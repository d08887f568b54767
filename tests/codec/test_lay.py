"""Buffers of an Arrow message out of arrays in one piece of memory."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.codec import ipc, lay

SHAPE = (
    ("one", "number"),
    ("many", "<u2"),
    ("none", "|i1"),
    ("rows", (("a", "<u8"), ("b", "<i2"), ("t", "text"))),
)
NONE, MANY, TABLE, ENDS = 2, 3, 4, 5


def made(
    count: int, plain: frozenset[str] = frozenset(), doubtful: frozenset[str] = frozenset(), values: int = 50
) -> tuple[bytes, dict[str, Any]]:
    """A message with `count` numbers below `values`, and what should be read of it."""
    memory = np.zeros(1 << 16, np.uint8)
    arena = lay.views(memory)
    memory[0:8].view(np.int64)[:] = -7
    numbers = memory[64:][: 8 * count].view(np.int64)
    numbers[:] = np.random.default_rng(1).integers(0, values, count)
    entry = np.dtype([("a", "<u8"), ("pad", "<u4"), ("b", "<i2"), ("pad2", "<u2")])
    rows = memory[32_768:][: 3 * entry.itemsize].view(entry)
    rows["a"], rows["b"] = [1, 2**63, 3], [-1, 2, -3]
    ends = memory[40_000:][:16].view(np.int32)
    ends[:] = [0, 2, 2, 5]
    sizes = np.array([1, 2, 0, count, 3, 4])
    bounds = memory[50_048:][:48].view(np.int32).reshape(6, 2)
    bounds[:, 1] = sizes
    sources = {
        ("one", ""): (0, 8, lay.ONE),
        ("many", ""): (64, 8, MANY),
        ("none", ""): (64, 8, NONE),
        ("rows", "a"): (32_768, 16, TABLE),
        ("rows", "b"): (32_768 + 12, 16, TABLE),
        ("rows", "t"): (40_000, 4, ENDS),
    }
    plan = lay.plan(SHAPE, sources, 50_048, plain, doubtful)
    room = lambda size: np.empty(size // 8, np.uint64).view(np.uint8)  # noqa: E731
    data = lay.message(plan, sizes, arena, memoryview(b"abcde"), room)
    table = [{"a": a, "b": b, "t": t} for a, b, t in zip([1, 2**63, 3], [-1, 2, -3], [b"ab", b"", b"cde"], strict=True)]
    return data, {"one": -7, "many": numbers.tolist(), "none": [], "rows": table}


@pytest.mark.parametrize(
    "plain", [frozenset[str](), frozenset({"many", "a"}), frozenset({"rows"})], ids=("nothing", "many-a", "rows")
)
@pytest.mark.parametrize("count", [0, 1, 3, 2000])
def test_pyarrow_and_we_read_what_is_laid(count: int, plain: frozenset[str]) -> None:
    data, expected = made(count, plain)
    with pa.ipc.open_stream(data) as reader:
        (batch,) = list(reader)
    batch.validate(full=True)
    assert batch.to_pylist() == [expected]
    found = ipc.read(data)
    assert list(found) == ["one", "many", "none", "rows"]
    many, rows = found["many"], found["rows"]
    assert isinstance(many, np.ndarray)
    assert isinstance(rows, ipc.Table)
    assert (found["one"], many.tolist()) == (-7, expected["many"])
    assert {name: rows.fields[name].tolist() for name in "ab"} == {"a": [1, 2**63, 3], "b": [-1, 2, -3]}
    assert rows.fields["t"].ends.tolist() == [0, 2, 2, 5]
    assert bytes(rows.fields["t"].data) == b"abcde"


def test_what_is_worth_it_is_compressed() -> None:
    squeezed, plain = (len(made(2000, each)[0]) for each in (frozenset[str](), frozenset({"many"})))
    assert squeezed < plain - 2000


def test_what_is_in_doubt_is_compressed_where_its_bytes_are_much_alike() -> None:
    both = {values: (len(made(2000, values=values)[0]), many(values)) for values in (2, 3000)}
    assert both[2][0] == both[2][1]
    assert both[3000][0] + 100 < both[3000][1]


def many(values: int) -> int:
    """Bytes of a message whose compression is in doubt."""
    data, expected = made(2000, doubtful=frozenset({"many"}), values=values)
    found = ipc.read(data)["many"]
    assert isinstance(found, np.ndarray)
    assert found.tolist() == expected["many"]
    return len(data)


@given(st.binary(min_size=1, max_size=3 * lay.SAMPLE), st.integers(0, 9))
def test_the_entropy_is_that_of_pieces_all_over_the_bytes(given_bytes: bytes, before: int) -> None:
    data = np.frombuffer(bytes(before) + given_bytes, np.uint8)
    pieces = min(len(given_bytes) // lay.PIECE, lay.SAMPLE // lay.PIECE)
    starts = [k * (len(given_bytes) // pieces) for k in range(pieces)]
    sample = b"".join(given_bytes[start : start + lay.PIECE] for start in starts)
    shares = [count / len(sample) for count in Counter(sample).values()]
    expected = -sum(share * math.log2(share) for share in shares)
    room = np.full(256, 7)
    assert lay.bits(data, before, len(given_bytes), room, lay.LOGS) == pytest.approx(expected, abs=1e-9)
