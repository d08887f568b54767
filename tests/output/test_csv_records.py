"""CSV of connection records, cell by cell against the reference documents."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
from hypothesis import given, settings
from numpy.typing import NDArray

from tests.output.connection_rows import ROWS, make_rows
from tests.output.reference import document
from wireverdict.output.csv_records import HEADER_LINE, csv_lines


def cell(document: dict[str, Any], name: str) -> str:
    value: Any = document
    for part in name.split("."):
        value = value[part]
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ";".join(f"{flag}:{reason}" for flag, reason in value.items())
    return f"{value:.3f}" if name.endswith("_ms") else str(value)


def written(rows: NDArray[np.void]) -> str:
    return (HEADER_LINE + b"".join(bytes(piece) for piece in csv_lines(rows))).decode()


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_cells_are_those_of_the_reference(rows: NDArray[np.void]) -> None:
    rows["handshake"] = np.minimum(rows["handshake"], 10**12)  # a float shows no more figures
    table = list(csv.DictReader(io.StringIO(written(rows), newline="")))
    assert len(table) == len(rows)
    for row, cells in zip(rows, table, strict=True):
        expected = document(row)
        assert cells == {name: cell(expected, name) for name in cells}


def test_lines_end_as_rfc_4180_says_and_need_no_quotes() -> None:
    text = written(make_rows(20, seed=2))
    assert '"' not in text
    assert text.count("\r\n") == text.count("\n") == 21
    assert len({line.count(",") for line in text.split("\r\n")[:-1]}) == 1


def test_constants_have_no_column() -> None:
    assert b"event.dataset" not in HEADER_LINE
    assert HEADER_LINE.startswith(b"@timestamp,event.start,event.end,event.duration,source.ip,source.port,")
