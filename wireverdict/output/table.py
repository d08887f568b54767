"""Connection records as an Arrow table, for Parquet and for analysis by columns. Needs pyarrow (extra `columns`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections.community_id import LENGTH, community_ids
from wireverdict.output.addresses import address_texts
from wireverdict.output.fields import FIELDS, FLAGS, REASONS, Field, Kind

if TYPE_CHECKING:
    import pyarrow


def records_table(rows: NDArray[np.void], seed: int = 0) -> pyarrow.Table:
    """The records as a flat table: a column for each field under its dotted name, except constants.

    `rows`: CONNECTION, shape (n,). Times are timestamp[ns, UTC], durations int64 ns, milliseconds float64, counters
    uint64, flags bool, names dictionary-encoded text, all nullable; `wireverdict.unknown` becomes one column of
    reasons for each flag. Raises ImportError without pyarrow.
    """
    import pyarrow

    made = _Columns(pyarrow, np.ascontiguousarray(rows), seed)
    columns: dict[str, Any] = {}
    for field in FIELDS:
        if field.kind == Kind.REASONS:
            columns |= {f"{field.name}.{flag}": made.reasons(bit) for bit, flag in enumerate(FLAGS)}
        elif field.kind != Kind.CONSTANT:
            columns[field.name] = made.column(field)
    return pyarrow.table(columns)


class _Columns:
    def __init__(self, arrow: Any, rows: NDArray[np.void], seed: int) -> None:
        self.arrow = arrow
        self.rows = rows
        self.seed = seed

    def raw(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self.rows
        for part in name.split("."):
            column = column[part]
        return np.ascontiguousarray(column)

    def column(self, field: Field) -> Any:
        pa = self.arrow
        if field.kind == Kind.COMMUNITY_ID:
            return self.text(np.full(len(self.rows), LENGTH), community_ids(self.rows, self.seed))
        first = self.raw(field.columns[0])
        last = self.raw(field.columns[-1])
        match field.kind:
            case Kind.INTEGER:
                return pa.array(first.astype(np.uint64))
            case Kind.POSITIVE:
                return pa.array(first.astype(np.uint64), mask=first == 0)
            case Kind.SUM:
                return pa.array(first + last)
            case Kind.MILLIS:
                return pa.array(first / 1000, mask=last == 0)
            case Kind.MILLIS_NS:
                return pa.array(first // 1000 / 1000, mask=first < 0)
            case Kind.TIME:
                return pa.array(first.view("M8[ns]"), type=pa.timestamp("ns", tz="UTC"))
            case Kind.DURATION:
                return pa.array(last - first)
            case Kind.ADDRESS:
                return self.text(*address_texts(first, last))
            case Kind.NETWORK:
                return self.named(np.where((first == 0) & (last >> np.uint64(32) == 0xFFFF), 0, 1), ("ipv4", "ipv6"))
            case Kind.HISTORY:
                return self.text(last.astype(np.int64), first[np.arange(first.shape[1]) < last[:, np.newaxis]])
            case Kind.BOOLEAN:
                return pa.array(first != 0)
            case Kind.FLAG:
                return pa.array((first >> field.bit & 1).astype(bool), mask=(last >> field.bit & 1) == 0)
            case Kind.NAME:
                return self.named(np.minimum(first, len(field.names) - 1), field.names)
        raise AssertionError(field.kind)

    def text(self, lengths: NDArray[np.int64], texts: NDArray[np.uint8]) -> Any:
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        buffers = self.arrow.py_buffer(offsets), self.arrow.py_buffer(np.ascontiguousarray(texts))
        return self.arrow.StringArray.from_buffers(len(lengths), *buffers)

    def reasons(self, bit: int) -> Any:
        known = self.raw("flags_known") >> bit & 1
        codes = np.minimum(self.rows["reasons"][:, bit], len(REASONS) - 1)
        return self.named(codes, REASONS, known == 1)

    def named(self, codes: NDArray[Any], names: tuple[str, ...], absent: NDArray[np.bool_] | None = None) -> Any:
        pa = self.arrow
        empty = np.array([name == "" for name in names])[codes]
        indices = pa.array(codes.astype(np.int16), mask=empty if absent is None else empty | absent)
        return pa.DictionaryArray.from_arrays(indices, pa.array(names))
