"""What a run writes to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.output.connection_rows import make_rows
from tests.output.reference import document
from tests.output.verdict_makers import make_verdict
from wireverdict.output.csv_records import HEADER_LINE
from wireverdict.output.outputs import CsvFile, JsonLines, Output, ParquetFile
from wireverdict.output.stream import OutputError, Stream
from wireverdict.records import CONNECTION


def run(output: Output, sizes: tuple[int, ...] = (3, 0, 2)) -> np.ndarray:
    pieces = [make_rows(size, seed) for seed, size in enumerate(sizes)]
    for piece in pieces:
        output.connections(piece)
        output.verdict(make_verdict())
    output.finish({"event": {"dataset": "wireverdict.summary"}})
    return np.concatenate(pieces)


def test_json_lines_keep_the_order(tmp_path: Path) -> None:
    rows = run(JsonLines(Stream.create(tmp_path / "out"), seed=1))
    documents = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    verdict = make_verdict().to_json()
    records = [document(row, 1) for row in rows]
    assert documents == [
        *records[:3],
        verdict,
        verdict,
        *records[3:],
        verdict,
        {"event": {"dataset": "wireverdict.summary"}},
    ]


def test_csv_holds_records_only(tmp_path: Path) -> None:
    rows = run(CsvFile(Stream.create(tmp_path / "out")))
    lines = (tmp_path / "out").read_bytes().splitlines(keepends=True)
    assert lines[0] == HEADER_LINE
    assert len(lines) == 1 + len(rows)


def test_csv_of_nothing_is_a_heading(tmp_path: Path) -> None:
    CsvFile(Stream.create(tmp_path / "out")).finish({})
    assert (tmp_path / "out").read_bytes() == HEADER_LINE


def test_parquet_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParquetFile, "GROUP", 4)
    rows = run(ParquetFile(tmp_path / "out", seed=1), sizes=(3, 2, 0, 1))
    file = pq.ParquetFile(tmp_path / "out")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [5, 1]
    ids = file.read()["network.community_id"].to_pylist()
    assert ids == [document(row, 1)["network"]["community_id"] for row in rows]


def test_parquet_of_nothing_has_its_columns(tmp_path: Path) -> None:
    ParquetFile(tmp_path / "out").finish({})
    table = pq.read_table(tmp_path / "out")
    assert table.num_rows == 0
    assert "source.ip" in table.column_names


@pytest.mark.parametrize("path", ["/nowhere/out", "/dev/full"])
def test_parquet_that_cannot_be_written(path: str) -> None:
    with pytest.raises(OutputError, match=f"^cannot write {path}: "):
        ParquetFile(path).finish({})


def test_a_full_disk_is_told_by_every_output() -> None:
    for made in (JsonLines, CsvFile):
        stream = Stream.create("/dev/full")
        with pytest.raises(OutputError, match="no space is left"):
            made(stream).connections(np.zeros(1, CONNECTION))
        stream.close()
