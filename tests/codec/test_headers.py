"""Header batches through Arrow: equal afterwards, small, readable by others, and no trust in what comes in."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import capture_files
from tests.codec.made import assert_equal, batches, random_batch
from wireverdict.bus import BadMessage
from wireverdict.codec.headers import Workspace, decode_headers, encode_headers
from wireverdict.codec.layout import COLUMNS, MOST
from wireverdict.headers import DNS, HEADER, TCP_HEADER, HeaderBatch


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.integers(0, 70), st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_any_rows_come_back(seed: int, count: int, tame: float) -> None:
    batch, clock = random_batch(seed, count, tame)
    decoded, back = decode_headers(encode_headers(batch, clock))
    assert_equal(batch, decoded)
    np.testing.assert_array_equal(back, clock)


def test_a_workspace_is_used_again() -> None:
    space = Workspace()
    for seed, count in ((1, 2000), (2, 5), (3, 3000), (4, 0)):
        batch, clock = random_batch(seed, count, 0.9)
        decoded, back = decode_headers(encode_headers(batch, clock), space)
        assert_equal(batch, decoded)
        np.testing.assert_array_equal(back, clock)
    first, _ = decode_headers(encode_headers(small()), space)
    second, _ = decode_headers(encode_headers(small()), space)
    assert np.shares_memory(first.rows, second.rows)
    fresh, _ = decode_headers(encode_headers(small()))
    assert not np.shares_memory(fresh.rows, second.rows)


@pytest.mark.parametrize("path", capture_files()[::6], ids=lambda path: path.name)
def test_real_captures_come_back(path) -> None:  # type: ignore[no-untyped-def]
    for batch in batches(path, 3000):
        decoded, clock = decode_headers(encode_headers(batch))
        assert_equal(batch, decoded)
        np.testing.assert_array_equal(clock, batch.rows["ts"])


def small() -> HeaderBatch:
    """Three packets: a query, its answer, a lone segment."""
    rows = np.zeros(3, HEADER)
    rows["ts"] = [1_000_000_000, 1_000_250_000, 1_000_251_000]
    rows["src_lo"], rows["dst_lo"] = [1, 2, 3], [2, 1, 4]
    rows["sport"], rows["dport"] = [5000, 53, 80], [53, 5000, 90]
    rows["protocol"], rows["ip_length"], rows["payload_length"] = [17, 17, 6], [60, 90, 1500], [32, 62, 1460]
    rows["present"] = [DNS, DNS, TCP_HEADER]
    rows["dns_id"], rows["name_offset"], rows["name_length"] = [7, 7, 0], [0, 5, 0], [5, 5, 0]
    rows["seq"] = [0, 0, 99]
    return HeaderBatch(rows, np.frombuffer(b"a.orga.org", np.uint8))


def test_what_repeats_is_held_once_and_what_was_expected_not_at_all() -> None:
    columns = {
        name: column[0].as_py()
        for name, column in zip(*(lambda batch: (batch.schema.names, batch.columns))(read(small())), strict=True)
    }
    assert columns["flow"] == [0, 0, 1]
    assert [flow["sport"] for flow in columns["flows"]] == [5000, 80]
    assert [kind["reverse"] for kind in columns["kinds"]] == [0, 1, 0]
    assert columns["questions"] == [{"hash": 0, "type": 0, "name": b"a.org"}]
    assert (columns["start"], columns["unit"], columns["step"]) == (1_000_000_000, 1_000, [0, 250, 1])
    changes = [(change["skip"], COLUMNS[change["field"]], change["by"]) for change in columns["changes"]]
    assert changes == [
        (0, "ip_length", 60), (0, "dns_id", 7), (0, "question", 1),
        (1, "ip_length", 90), (0, "question", 1),
        (1, "ip_length", 1500), (0, "seq", 99),
    ]  # fmt: skip
    assert columns["far"] == []
    assert not {"quotes", "behind"} & set(columns)


def old() -> list[Path]:
    """Messages of version 1, as `wireverdict capture` wrote them then."""
    return sorted((Path(__file__).parent / "old").glob("*.arrow"))


@pytest.mark.parametrize("path", old(), ids=lambda path: path.stem)
def test_messages_of_the_first_version_are_still_read(path: Path) -> None:
    kind, *made = path.stem.split("-")
    batch, expected = (
        random_batch(int(made[0]), int(made[1]), float(made[2])) if made else (small(), small().rows["ts"])
    )
    decoded, clock = decode_headers(path.read_bytes())
    assert kind in ("random", "small")
    assert_equal(batch, decoded)
    np.testing.assert_array_equal(clock, expected)


def test_there_are_messages_of_the_first_version() -> None:
    assert len(old()) == 4


def read(batch: HeaderBatch) -> pa.RecordBatch:
    with pa.ipc.open_stream(encode_headers(batch)) as reader:
        (found,) = list(reader)
    found.validate(full=True)
    return found


def test_duckdb_reads_it_as_docs_say() -> None:
    batch = read(small())
    table = pa.Table.from_batches([batch])
    database = duckdb.connect()
    database.register("batch", table)
    text = (Path(__file__).parents[2] / "docs" / "bus.md").read_text(encoding="utf-8")
    found = database.execute(text.partition("```sql\n")[2].partition("```")[0]).fetchall()
    rows = small().rows
    expected = [rows[name].tolist() for name in ("ts", "protocol", "sport", "payload_length")]
    assert [[int(value) for value in column] for column in list(zip(*found, strict=True))[:4]] == expected
    assert [row[4] for row in found] == [b"a.org", b"a.org", None]


def test_polars_reads_it() -> None:
    frame = polars.read_ipc_stream(io.BytesIO(encode_headers(small())))
    packets = frame.select(polars.col("flow", "kind", "step").explode())
    assert packets["flow"].to_list() == [0, 0, 1]
    assert packets["step"].to_list() == [0, 250, 1]
    flows = frame.select(polars.col("flows").explode().struct.unnest())
    assert flows["dport"].to_list() == [53, 90]


def test_messages_without_headers_are_arrow_too() -> None:
    nothing = HeaderBatch(np.zeros(0, HEADER), np.zeros(0, np.uint8))
    assert read(nothing).column("flow")[0].as_py() == []
    decoded, clock = decode_headers(encode_headers(nothing))
    assert (len(decoded.rows), len(clock)) == (0, 0)


def test_the_clock_may_be_ahead_and_never_behind() -> None:
    batch = small()
    ahead = batch.rows["ts"] + [0, 5, 0]
    np.testing.assert_array_equal(decode_headers(encode_headers(batch, ahead))[1], ahead)
    with pytest.raises(ValueError, match="at least as late"):
        encode_headers(batch, batch.rows["ts"] - 1)
    with pytest.raises(ValueError, match="for each header"):
        encode_headers(batch, ahead[:2])


def test_batches_have_limits() -> None:
    with pytest.raises(ValueError, match="65536 are the most"):
        encode_headers(HeaderBatch(np.zeros(MOST + 1, HEADER), np.zeros(0, np.uint8)))
    batch = small()
    with pytest.raises(ValueError, match="outside the batch's names"):
        encode_headers(HeaderBatch(batch.rows, batch.names[:7]))


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_damaged_bytes_are_refused_or_read_but_never_worse(data: st.DataObject) -> None:
    whole = bytearray(encode_headers(small()))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)) | st.just(len(whole)))
    try:
        batch, clock = decode_headers(bytes(whole[:cut]))
    except BadMessage:
        return
    assert len(batch.rows) == len(clock) <= MOST


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decode_headers(data)


def stream(**columns: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def change(**fields: int) -> pa.Array:
    """A list of one change."""
    kinds = pa.struct([("skip", pa.uint8()), ("field", pa.uint8()), ("by", pa.int16())])
    return pa.array([[fields]], pa.list_(kinds))


def test_other_arrow_is_refused() -> None:
    with pytest.raises(BadMessage, match="one"):
        decode_headers(stream(a=pa.array([1, 2, 3], pa.int64())))
    with pytest.raises(BadMessage, match="without times"):
        decode_headers(stream(a=pa.array([1], pa.int64())))
    batch = read(small())
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    wrong = [
        ("flow", pa.array([[0, 9, 1]], pa.list_(pa.uint8())), "that is not there"),
        ("flow", pa.array([[0, 1]], pa.list_(pa.uint8())), "one number for each header"),
        ("kind", pa.array([[0, -1, 1]], pa.list_(pa.int8())), "that is not there"),
        ("flows", pa.array([[1, 2]], pa.list_(pa.uint8())), "no table"),
        ("changes", change(skip=2, field=9, by=2), "that is not there"),
        ("changes", change(skip=3, field=9, by=1), "a packet or field that is not there"),
        ("changes", change(skip=1, field=1, by=1), "a packet or field that is not there"),
        ("changes", change(skip=1, field=15, by=1), "a packet or field that is not there"),
        ("changes", pa.array([[{"skip": 1}]]), "other fields"),
        ("kinds", pa.array([[{"ttl": 1}]]), "other fields"),
    ]
    for name, column, reason in wrong:
        with pytest.raises(BadMessage, match=reason):
            decode_headers(stream(**{**columns, name: column}))


def test_a_small_message_cannot_ask_for_much_memory() -> None:
    zeros = np.zeros(200_000_000, np.uint8)
    huge = stream(
        start=pa.array([0], pa.int64()),
        unit=pa.array([1], pa.int64()),
        step=pa.ListArray.from_arrays(pa.array([0, len(zeros)], pa.int32()), pa.array(zeros)),
    )
    assert len(huge) < 50_000
    with pytest.raises(BadMessage, match="are the most"):
        decode_headers(huge)
