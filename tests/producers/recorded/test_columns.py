"""Plain columns and back, to the byte, for every field of a header."""

from __future__ import annotations

import io
from typing import Any

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from producers.recorded.columns import AT_ONCE, NUMBERS, SCHEMA, TEXTS, Group, messages, to_table
from producers.recorded.pieces import joined
from tests.captures import capture_files
from tests.producers.recorded.collected import DEMO, WITH_QUOTES, names
from tests.streams.publishing import header_batches
from wireverdict.codec.headers import decode_headers
from wireverdict.headers import HEADER, HeaderBatch


def written(batch: HeaderBatch, clock: np.ndarray, group: int = 5_000, leave_out: tuple[str, ...] = ()) -> Any:
    table = to_table(batch, clock).drop_columns(list(leave_out))
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=group, store_schema=False)
    return pq.ParquetFile(pa.BufferReader(sink.getvalue()), read_dictionary=list(TEXTS))


def read(file: Any) -> tuple[HeaderBatch, np.ndarray]:
    parts, clocks = [], []
    for number in range(file.metadata.num_row_groups):
        group = Group(file, number)
        rows = np.ones(group.rows, HEADER)  # everything is written, or it shows
        half = group.rows // 2
        group.fill(rows[:half], 0)
        group.fill(rows[half:], half)
        parts.append(HeaderBatch(rows, group.names))
        clocks.append(group.clock)
    return joined(parts), np.concatenate(clocks)


def same(one: HeaderBatch, other: HeaderBatch) -> None:
    for name in HEADER.names or ():
        if name != "name_offset":
            assert np.array_equal(one.rows[name], other.rows[name]), name
    assert names(one) == names(other)


def made(count: int, seed: int) -> tuple[HeaderBatch, np.ndarray]:
    """Headers with anything in any field."""
    random = np.random.default_rng(seed)
    rows = np.zeros(count, HEADER)
    for name in NUMBERS:
        top = np.iinfo(HEADER[name]).max
        rows[name] = random.integers(0, top, count, HEADER[name], endpoint=True) if random.random() < 0.7 else top
    for side in ("src", "dst", "quoted_src", "quoted_dst"):
        kind = random.integers(0, 3, count)
        rows[f"{side}_hi"] = np.where(kind == 0, random.integers(0, 1 << 62, count), 0)
        low = random.integers(0, 1 << 32, count)
        rows[f"{side}_lo"] = np.where(kind == 1, low | 0xFFFF << 32, np.where(kind == 2, 0, low))
    rows["ts"] = np.sort(random.integers(-(10**18), 2 * 10**18, count))
    texts = [b"", b"example.org", b"a\\032b.test"]
    which = random.integers(0, 3, count)
    data = np.frombuffer(b"".join(texts), np.uint8)
    starts = np.array([0, 0, len(texts[1])])
    rows["name_offset"], rows["name_length"] = starts[which], np.array(list(map(len, texts)))[which]
    return HeaderBatch(rows, data), rows["ts"] + random.integers(0, 5, count)


@pytest.mark.parametrize("seed", range(4))
def test_anything_comes_back(seed: int) -> None:
    batch, clock = made(3_000, seed)
    clock = np.maximum.accumulate(clock)
    found, times = read(written(batch, clock, 700))
    same(found, batch)
    assert times.tolist() == clock.tolist()


def test_captures_come_back_from_columns_and_from_messages() -> None:
    for capture in [DEMO, WITH_QUOTES, *capture_files()[::60]]:
        batches = list(header_batches([capture]))
        batch = joined(batches) if batches else HeaderBatch(np.zeros(0, HEADER), np.zeros(0, np.uint8))
        if not len(batch.rows):
            continue
        clock = np.maximum.accumulate(batch.rows["ts"])
        file = written(batch, clock, AT_ONCE)
        found, times = read(file)
        same(found, batch)
        assert np.array_equal(times, clock)
        told = [value for number in range(file.metadata.num_row_groups) for value in messages(file, number)]
        decoded = [decode_headers(value) for value in told]
        same(joined([part for part, _ in decoded]), batch)
        assert np.array_equal(np.concatenate([clock for _, clock in decoded]), clock)


def test_columns_that_are_not_ours_are_refused() -> None:
    batch, clock = made(10, 1)
    with pytest.raises(ValueError, match="no column seq"):
        Group(written(batch, np.maximum.accumulate(clock), leave_out=("seq",)), 0)
    assert messages(written(batch, np.maximum.accumulate(clock), leave_out=("message",)), 0) == []


def test_others_read_it_as_it_is(tmp_path: Any) -> None:
    batch = joined(list(header_batches([DEMO])))
    path = tmp_path / "a.parquet"
    pq.write_table(to_table(batch, batch.rows["ts"]), path, store_schema=False)
    rows = batch.rows
    counted = int(np.count_nonzero(rows["dport"] == 53))
    query = "select count(*), min(src), min(time)::varchar from read_parquet(?) where dport = 53 and dns_name <> ''"
    got = duckdb.connect().execute(query, [str(path)]).fetchone()
    assert got is not None
    assert 0 < got[0] <= counted
    assert got[1] in ("198.18.0.2", "2001:db8:18::2")
    assert got[2].startswith("2026-11-23 ")
    frame = polars.read_parquet(path)
    assert frame.filter(polars.col("dport") == 53).height == counted
    assert frame.columns == SCHEMA.names
    assert frame["time"][0].timestamp() == pytest.approx(rows["ts"][0] / 1e9, abs=1e-5)
