"""Header batches through Arrow: equal afterwards, small, readable by others, and no trust in what comes in."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.captures import capture_files
from tests.codec.made import assert_equal, batches, random_batch
from wireverdict.bus import BadMessage
from wireverdict.codec.headers import Workspace, decode_headers, encode_headers
from wireverdict.codec.layout import MOST
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


def test_what_repeats_is_held_once() -> None:
    columns = {
        name: column[0].as_py()
        for name, column in zip(*(lambda batch: (batch.schema.names, batch.columns))(read(small())), strict=True)
    }
    assert columns["flow"] == [0, 0, 1]
    assert [flow["sport"] for flow in columns["flows"]] == [5000, 80]
    assert [kind["reverse"] for kind in columns["kinds"]] == [0, 1, 0]
    assert columns["questions"] == [{"hash": 0, "type": 0, "name": b"a.org"}]
    assert columns["question"] == [1, 1, 0]
    assert (columns["start"], columns["unit"], columns["step"]) == (1_000_000_000, 1_000, [0, 250, 1])
    assert not {"seq", "ack", "dns_id", "quotes", "behind"} & set(columns)


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
    found = database.execute(
        """
        WITH packet AS (
          SELECT flows, kinds, questions, start, unit, unnest(flow) AS f, unnest(kind) AS k, unnest(question) AS q,
                 unnest(step) AS step, unnest(ip_length) AS ip_length, generate_subscripts(flow, 1) AS i
          FROM batch)
        SELECT start + unit * sum(step) OVER (ORDER BY i) AS ts, kinds[k + 1].protocol AS protocol,
               CASE kinds[k + 1].reverse WHEN 0 THEN flows[f + 1].sport ELSE flows[f + 1].dport END AS sport,
               ip_length - kinds[k + 1].overhead AS payload_length, questions[q].name AS name
        FROM packet ORDER BY i
        """
    ).fetchall()
    rows = small().rows
    expected = [rows[name].tolist() for name in ("ts", "protocol", "sport", "payload_length")]
    assert [[int(value) for value in column] for column in list(zip(*found, strict=True))[:4]] == expected
    assert [row[4] for row in found] == [b"a.org", b"a.org", None]


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
        ("question", pa.array([[2, 0, 0]], pa.list_(pa.uint8())), "that is not there"),
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
