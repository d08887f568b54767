"""Header rows as plain columns and back: what a file of the archive holds. docs/replay.md tells users of each column.

One row group holds headers of one sensor and partition in their order. The columns are for everybody. Replay reads one more
column, `message`: at the first of some headers, those headers as they would stand on the headers topic, which are decoded
faster than forty columns are (and hold them all). Without it the columns are enough.
"""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from producers.recorded.pieces import compact
from wireverdict.codec.headers import encode_headers
from wireverdict.headers import HEADER, HeaderBatch
from wireverdict.output.addresses import address_texts

ADDRESSES = ("src", "dst", "quoted_src", "quoted_dst")
NAME = "dns_name"
TIME, TIME_NS, AHEAD = "time", "time_ns", "clock_ahead"
_OTHERS = {"ts", "name_offset", "name_length", *(f"{side}_{half}" for side in ADDRESSES for half in ("hi", "lo"))}
NUMBERS = tuple(name for name in HEADER.names or () if name not in _OTHERS)
"""Fields of HEADER that are columns as they are."""
TEXTS = (*ADDRESSES, NAME)
MESSAGE = "message"
AT_ONCE = 16_384
"""Headers in a message."""
SCHEMA = pa.schema(
    [
        pa.field(TIME, pa.timestamp("us", "UTC"), False),
        pa.field(TIME_NS, pa.uint16(), False),
        pa.field(AHEAD, pa.int64(), False),
        *(pa.field(name, pa.dictionary(pa.int32(), pa.string()), False) for name in TEXTS),
        *(pa.field(name, pa.from_numpy_dtype(HEADER[name]), False) for name in NUMBERS),
        pa.field(MESSAGE, pa.binary()),
    ]
)
_BLOCK = 2_048
"""Rows that are filled at a time, column after column: they stay in the cache."""
_WIDE = np.dtype([("hi", "<u8"), ("lo", "<u8")])


def to_table(batch: HeaderBatch, clock: NDArray[np.int64]) -> Any:
    """A pyarrow.Table of SCHEMA. `clock`: int64[n], ns."""
    rows = batch.rows
    micros = rows["ts"] // 1_000
    columns = [
        pa.array(micros).cast(pa.timestamp("us", "UTC")),
        pa.array((rows["ts"] - micros * 1_000).astype(np.uint16)),
        pa.array(clock - rows["ts"]),
        *(_addresses(rows, side) for side in ADDRESSES),
        _names(batch),
        *(pa.array(np.ascontiguousarray(rows[name])) for name in NUMBERS),
        _messages(batch, clock),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _addresses(rows: NDArray[np.void], side: str) -> Any:
    """As text; a quoted address of zeros, which is none, as the empty text."""
    pairs = np.empty(len(rows), _WIDE)
    pairs["hi"], pairs["lo"] = rows[f"{side}_hi"], rows[f"{side}_lo"]
    coded = pa.Array.from_buffers(pa.binary(16), len(pairs), [None, pa.py_buffer(pairs)]).dictionary_encode()
    unique = np.frombuffer(coded.dictionary.buffers()[1], _WIDE, len(coded.dictionary), 0)
    lengths, data = address_texts(unique["hi"].copy(), unique["lo"].copy())
    ends = np.zeros(len(unique) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    texts = _texts(ends, data)
    if side.startswith("quoted"):
        none = pa.array((unique["hi"] == 0) & (unique["lo"] == 0))
        texts = pa.compute.if_else(none, pa.scalar(""), texts)
    return pa.DictionaryArray.from_arrays(coded.indices, texts)


def _names(batch: HeaderBatch) -> Any:
    own = compact(batch, np.arange(len(batch.rows)))
    ends = np.zeros(len(own.rows) + 1, np.int32)
    np.cumsum(own.rows["name_length"], out=ends[1:])
    return _texts(ends, own.names).dictionary_encode()


def _messages(batch: HeaderBatch, clock: NDArray[np.int64]) -> Any:
    values: list[bytes | None] = [None] * len(clock)
    for start in range(0, len(clock), AT_ONCE):
        here = slice(start, start + AT_ONCE)
        values[start] = encode_headers(batch._replace(rows=batch.rows[here]), clock[here])
    return pa.array(values, pa.binary())


def _texts(ends: NDArray[np.int32], data: NDArray[np.uint8]) -> Any:
    data = np.ascontiguousarray(data)
    return pa.Array.from_buffers(pa.string(), len(ends) - 1, [None, pa.py_buffer(ends), pa.py_buffer(data)])


class Group:
    """One row group of a file, read from its columns; `fill` makes header rows of it.

    A column that is the same in all rows says so in its statistics and is not read at all: most are, in most row groups.
    Raises ValueError for columns that are not ours.
    """

    def __init__(self, file: Any, number: int) -> None:
        """`file`: a pyarrow.parquet.ParquetFile that reads TEXTS as dictionaries."""
        about = file.metadata.row_group(number)
        self.rows: int = about.num_rows
        constant, wanted = {}, []
        for place, name in enumerate(file.schema_arrow.names):
            if name == MESSAGE:
                continue
            found = about.column(place).statistics
            if found is not None and found.has_min_max and found.min == found.max and not found.null_count:
                constant[name] = found.min
            else:
                wanted.append(name)
        table = file.read_row_group(number, columns=wanted, use_threads=False)
        missing = set(SCHEMA.names) - {MESSAGE} - set(constant) - set(wanted)
        if missing:
            raise ValueError(f"no column {sorted(missing)[0]}")
        self._template = np.zeros(1, HEADER)
        self.names: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._copied: list[tuple[str, NDArray[Any]]] = []
        self._looked_up: list[tuple[tuple[str, str], tuple[NDArray[Any], NDArray[Any]], NDArray[np.int32]]] = []
        for name in NUMBERS:
            if name in constant:
                self._template[name] = constant[name]
            else:
                self._copied.append((name, _numbers(table[name])))
        for side in TEXTS:
            fields = ("name_offset", "name_length") if side == NAME else (f"{side}_hi", f"{side}_lo")
            texts = pa.array([constant[side]], pa.string()) if side in constant else None
            indices = None
            if texts is None:
                coded = table[side].unify_dictionaries().combine_chunks()
                texts, indices = coded.dictionary, _numbers(coded.indices)
            found = self._offsets(texts) if side == NAME else _halves(texts)
            if indices is None:
                self._template[fields[0]], self._template[fields[1]] = found[0][0], found[1][0]
            else:
                self._looked_up.append((fields, found, indices))
        self.ts: NDArray[np.int64] = _column(table, constant, TIME, self.rows) * 1_000 + _column(
            table, constant, TIME_NS, self.rows
        )
        self.clock: NDArray[np.int64] = self.ts + _column(table, constant, AHEAD, self.rows)

    def fill(self, out: NDArray[np.void], start: int) -> None:
        """Write header rows from row `start` on into `out` (HEADER[n])."""
        for at in range(0, len(out), _BLOCK):
            block = out[at : at + _BLOCK]
            here = slice(start + at, start + at + len(block))
            block[:] = self._template
            block["ts"] = self.ts[here]
            for name, values in self._copied:
                block[name] = values[here]
            for fields, pair, indices in self._looked_up:
                which = indices[here]
                for field, value in zip(fields, pair, strict=True):
                    block[field] = value[which]

    def _offsets(self, texts: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Where each name is in `names`, which are put there, and how long it is; 0 for an empty one."""
        ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
        data = texts.buffers()[2]
        self.names = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].copy()
        lengths = np.diff(ends)
        return np.where(lengths > 0, ends[:-1] - ends[0], 0), lengths


def messages(file: Any, number: int) -> list[bytes]:
    """The messages of a row group, in order; none if the file is without them."""
    if MESSAGE not in file.schema_arrow.names:
        return []
    column = file.read_row_group(number, columns=[MESSAGE], use_threads=False)[MESSAGE]
    found: list[bytes] = column.drop_null().to_pylist()
    return found


def _halves(texts: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Addresses from their texts. Raises ValueError."""
    try:
        data = b"".join(map(_bytes, texts.to_pylist()))
    except OSError:
        raise ValueError("an address that is none") from None
    halves = np.frombuffer(data, ">u8").astype(np.uint64)
    return halves[0::2].copy(), halves[1::2].copy()


def _bytes(text: str) -> bytes:
    if ":" in text:
        return socket.inet_pton(socket.AF_INET6, text)
    return _MAPPED + socket.inet_pton(socket.AF_INET, text) if text else _NONE


_MAPPED, _NONE = bytes(10) + b"\xff\xff", bytes(16)


def _column(table: Any, constant: dict[str, Any], name: str, rows: int) -> NDArray[np.int64]:
    if name not in constant:
        column = table[name]
        return _numbers(column.cast(pa.int64()) if name == TIME else column).astype(np.int64)
    value = constant[name]
    if name == TIME:  # a datetime; whole microseconds
        value = pa.scalar(value, pa.timestamp("us", "UTC")).value
    return np.full(rows, value, np.int64)


def _numbers(column: Any) -> NDArray[Any]:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    values: NDArray[Any] = whole.to_numpy(zero_copy_only=False)
    return values
