"""Arrow columns of connection records, value by value against the reference documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from numpy.typing import NDArray

from tests.output.connection_rows import ROWS, make_rows
from tests.output.reference import document, iso
from wireverdict.output.fields import FLAGS
from wireverdict.output.table import records_table
from wireverdict.records import CONNECTION


def flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    joined: dict[str, Any] = {}
    for key, item in value.items():
        joined |= flat(item, f"{name}.{key}" if name else key)
    return joined


def values(table: Any, name: str) -> list[Any]:
    column = table[name]
    if pa.types.is_timestamp(column.type):
        return [iso(ns) for ns in column.cast(pa.int64()).to_pylist()]
    return list(column.to_pylist())


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_values_are_those_of_the_reference(rows: NDArray[np.void]) -> None:
    table = records_table(rows, seed=3)
    table.validate(full=True)
    expected = []
    for row in rows:
        made = document(row, 3)
        made["wireverdict"]["unknown"] = {flag: made["wireverdict"]["unknown"].get(flag) for flag in FLAGS}
        expected.append(
            {k: v for k, v in flat(made).items() if k not in ("event.kind", "event.category", "event.dataset")}
        )
    columns = {name: values(table, name) for name in table.column_names}
    for at, row in enumerate(expected):
        assert {name: column[at] for name, column in columns.items()} == row


def test_types_do_not_depend_on_the_rows() -> None:
    assert records_table(np.zeros(0, CONNECTION)).schema == records_table(make_rows(9, seed=1)).schema


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    table = records_table(make_rows(50, seed=4))
    pq.write_table(table, tmp_path / "records.parquet")
    back = pq.read_table(tmp_path / "records.parquet")
    assert back.column_names == table.column_names
    assert values(back, "event.start") == values(table, "event.start")
    assert values(back, "source.ip") == values(table, "source.ip")
