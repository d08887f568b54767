"""Connection records as Parquet files, in a directory for each hour of packet time, as DuckDB, Spark and others read them.

A file holds the records of one message that fall into one hour, under a name that is a function of the message: written
again, it replaces itself. Small files are the price; merge them when the hour is over, if that matters.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.json
import pyarrow.parquet

from sinks.base import Document, Kind, Refused, Sink, Unavailable
from wireverdict.output.fields import FIELDS, FLAGS, Field
from wireverdict.output.fields import Kind as FieldKind
from wireverdict.settings import Settings
from wireverdict.sinking import ParquetSettings


class Parquet(Sink):
    """See the module."""

    whole = True
    wants = frozenset({Kind.CONNECTION})

    def __init__(self, settings: ParquetSettings) -> None:
        self._directory = Path(settings.directory)

    def open(self) -> None:
        """See Sink."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(str(error)) from None

    def write(self, documents: Sequence[Document]) -> Sequence[Refused]:
        """See Sink."""
        try:
            for _, message in groupby(documents, lambda document: document.origin):
                hours: dict[str, list[Document]] = {}
                for document in message:
                    hours.setdefault(hour(document), []).append(document)
                for name, own in hours.items():
                    self._write(name, own)
        except OSError as error:
            raise Unavailable(str(error)) from None
        return []

    def _write(self, name: str, documents: Sequence[Document]) -> None:
        lines = io.BytesIO(b"\n".join(document.body for document in documents))
        options = pyarrow.json.ParseOptions(explicit_schema=schema(), unexpected_field_behavior="ignore")
        blocks = pyarrow.json.ReadOptions(block_size=max(1 << 20, lines.getbuffer().nbytes))
        table = pyarrow.json.read_json(lines, read_options=blocks, parse_options=options)
        while any(pyarrow.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
        origin = documents[0].origin
        folder = self._directory / f"hour={name}"
        folder.mkdir(exist_ok=True)
        path = folder / f"{origin.partition}-{origin.offset}.parquet"
        fresh = path.with_suffix(".part")
        pyarrow.parquet.write_table(table, fresh, compression="zstd")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.rename(path)


@cache
def schema() -> pyarrow.Schema:
    """Of the documents, nested as they are: every file has the same columns, whatever is null in it."""
    tree: dict[str, Any] = {}
    for field in (*FIELDS, Field("event.id", FieldKind.ID), Field("observer.name", FieldKind.CONSTANT)):
        *path, name = field.name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[name] = _type(field.kind)
    return pyarrow.schema(list(_struct(tree)))


def _struct(tree: dict[str, Any]) -> pyarrow.StructType:
    return pyarrow.struct([(name, _struct(kind) if isinstance(kind, dict) else kind) for name, kind in tree.items()])


def _type(kind: FieldKind) -> pyarrow.DataType:
    if kind in (FieldKind.INTEGER, FieldKind.POSITIVE, FieldKind.SUM, FieldKind.DURATION):
        return pyarrow.int64()
    if kind in (FieldKind.MILLIS, FieldKind.MILLIS_NS):
        return pyarrow.float64()
    if kind == FieldKind.TIME:
        return pyarrow.timestamp("ns", "UTC")
    if kind in (FieldKind.BOOLEAN, FieldKind.FLAG):
        return pyarrow.bool_()
    if kind == FieldKind.REASONS:
        return pyarrow.struct([(name, pyarrow.string()) for name in FLAGS])
    return pyarrow.string()


def hour(document: Document) -> str:
    """Of the last packet, UTC, such as 2026-11-23T07: a record begins with its time."""
    head = document.body[:40]
    start = head.index(b'"@timestamp":"') + 14
    return head[start : start + 13].decode()


def make(settings: Settings) -> Parquet:
    """The sink of the section sinks.parquet."""
    return Parquet(settings.sinks.parquet)
