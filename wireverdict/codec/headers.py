"""A header batch as one Arrow record batch in an IPC stream, compressed inside (layout.py says what is in it)."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.bus import BadMessage
from wireverdict.codec import ipc
from wireverdict.codec.layout import COLUMNS, FLOW, KIND, MOST, QUESTION, QUOTE
from wireverdict.codec.pack import gather_names, pack
from wireverdict.codec.predict import FIELDS
from wireverdict.codec.unpack import set_times, unpack
from wireverdict.headers import HEADER, HeaderBatch

MICROSECOND = 1_000
LONGEST_NAME = 0xFFFF
_ZEROS = np.zeros(MOST, np.int32)
_NO_NAMES = ipc.Texts(np.zeros(1, np.int32), np.zeros(0, np.uint8))


class Workspace:
    """Memory that is used again for batch after batch: asking the system for fresh pages costs as much as decoding."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def take(self, name: str, count: int, dtype: Any) -> NDArray[Any]:
        """An array of `count` items with anything in it; the same memory at each call with that name."""
        kept = self._kept.get(name)
        if kept is None or len(kept) < count:
            kept = self._kept[name] = np.empty(max(count, 1024), dtype)
        return kept[:count]


class _Threads(threading.local):
    """A workspace for each thread, for what does not leave this module."""

    def __init__(self) -> None:
        self.space = Workspace()


_threads = _Threads()


def encode_headers(batch: HeaderBatch, clock: NDArray[np.int64] | None = None) -> bytes:
    """An Arrow IPC stream. `clock`: int64[n], ns, how far the sensor's time was with each header, at least its `ts` (which it
    is if not given). Raises ValueError for more than MOST rows, a clock behind its packet, or a name outside `names`."""
    rows = np.ascontiguousarray(batch.rows)
    count = len(rows)
    if count > MOST:
        raise ValueError(f"{count} headers in a batch; {MOST} are the most")
    names = np.ascontiguousarray(batch.names)
    own, slots = _threads.space, 2 << max(count, 1).bit_length()
    matrix = own.take("matrix", len(COLUMNS) * count, np.int32).reshape(len(COLUMNS), count)
    flows, kinds = own.take("flows", count, FLOW), own.take("kinds", 4 * count, np.uint64).reshape(count, 4)
    asked, quotes = own.take("asked", count, np.int32), own.take("quotes", count, QUOTE)
    state = own.take("state", 2 * count * FIELDS, np.uint32).reshape(2 * count, FIELDS)
    indexes = own.take("indexes", 3 * slots, np.int32).reshape(3, slots)
    indexes[:] = 0
    used = pack(rows, names, matrix, flows, kinds, asked, quotes, state, indexes)
    if used[2] < 0:
        raise ValueError("a question name lies outside the batch's names")
    columns = _times(rows["ts"], clock)
    columns["flows"] = ipc.table(flows[: used[0]])
    columns["kinds"] = ipc.table(kinds[: used[1]].reshape(-1).view(KIND), leave_out=("pad",))
    for name, values in zip(COLUMNS, matrix, strict=True):
        if count and (name in ("flow", "kind") or values.any()):
            columns[name] = ipc.narrowed(values)
    if used[2]:
        columns["questions"] = _questions(rows, names, asked[: used[2]])
    if used[3]:
        columns["quotes"] = ipc.table(quotes[: used[3]])
    return ipc.write(columns)


def decode_headers(data: bytes, workspace: Workspace | None = None) -> tuple[HeaderBatch, NDArray[np.int64]]:
    """The batch and its clock, as they were encoded; names stand in `names` once each. Raises BadMessage.

    With a `workspace`, what is given is valid until it is used for the next batch.
    """
    columns = ipc.read(data)
    start, unit, steps = columns.get("start"), columns.get("unit"), columns.get("step")
    if not isinstance(start, int) or not isinstance(unit, int) or not isinstance(steps, np.ndarray):
        raise BadMessage("an Arrow batch without times")
    count = len(steps)
    if count > MOST:
        raise BadMessage(f"{count} headers in a batch; {MOST} are the most")
    own = _threads.space
    matrix = own.take("matrix", len(COLUMNS) * count, np.int32).reshape(len(COLUMNS), count)
    for place, name in enumerate(COLUMNS):
        matrix[place] = _numbers(columns, name, count)
    flows, kinds, quotes = (
        _rows(columns, name, dtype, count) for name, dtype in (("flows", FLOW), ("kinds", KIND), ("quotes", QUOTE))
    )
    questions = _rows(columns, "questions", QUESTION, count)
    table = columns.get("questions")
    asked = table.fields.get("name") if isinstance(table, ipc.Table) else _NO_NAMES
    if not isinstance(asked, ipc.Texts) or int(np.diff(asked.ends).max(initial=0)) > LONGEST_NAME:
        raise BadMessage("question names that are missing or too long")
    given = workspace or Workspace()
    rows = given.take("rows", count, HEADER)
    state = own.take("state", 2 * len(flows) * FIELDS, np.uint32).reshape(2 * len(flows), FIELDS)
    seen = np.zeros(len(flows), np.uint8)
    if unpack(matrix, flows, kinds, questions, asked.ends, quotes, state, seen, rows) != count:
        raise BadMessage("a header points to a flow, kind, question or quote that is not there")
    clock = given.take("clock", count, np.int64)
    behind = _numbers(columns, "behind", count, wide=True).astype(np.int64)
    set_times(rows, steps.astype(np.int64), behind, start, unit, clock)
    return HeaderBatch(rows, asked.data), clock


def _times(ts: NDArray[np.int64], clock: NDArray[np.int64] | None) -> dict[str, Any]:
    ts = np.ascontiguousarray(ts)
    count = len(ts)
    if clock is not None and len(clock) != count:
        raise ValueError(f"{len(clock)} clocks for {count} headers; one for each header is needed")
    behind = np.zeros(count, np.int64) if clock is None else clock - ts
    if int(behind.min(initial=0)) < 0:
        raise ValueError("a clock must be at least as late as its header")
    start = int(ts[0]) if count else 0
    steps = np.zeros(count, np.int64)
    np.subtract(ts[1:], ts[:-1], out=steps[1:])
    ahead = bool(behind.any())
    unit = MICROSECOND if _whole(steps) and (not ahead or _whole(behind)) else 1
    columns: dict[str, Any] = {"start": start, "unit": unit, "step": ipc.narrowed(steps // unit if unit > 1 else steps)}
    if ahead:
        columns["behind"] = ipc.narrowed(behind // unit)
    return columns


def _whole(values: NDArray[np.int64]) -> bool:
    """Whether all are whole microseconds; most batches that are not show it early."""
    return not (values[:64] % MICROSECOND).any() and not (values % MICROSECOND).any()


def _questions(rows: NDArray[np.void], names: NDArray[np.uint8], asked: NDArray[np.int32]) -> ipc.Table:
    table = np.empty(len(asked), QUESTION)
    table["hash"], table["type"] = rows["dns_qhash"][asked], rows["dns_qtype"][asked]
    ends = np.empty(len(asked) + 1, np.int32)
    out = np.empty(int(rows["name_length"][asked].sum(dtype=np.int64)), np.uint8)
    gather_names(rows, names, asked, ends, out)
    return ipc.table(table, name=ipc.Texts(ends, out))


def _numbers(columns: dict[str, ipc.Column], name: str, count: int, wide: bool = False) -> NDArray[Any]:
    column = columns.get(name, _ZEROS[:count])
    if not isinstance(column, np.ndarray) or len(column) != count or (column.dtype.itemsize > 4 and not wide):
        raise BadMessage(f"the column {name} is no list of one number for each header")
    return column


def _rows(columns: dict[str, ipc.Column], name: str, dtype: np.dtype[np.void], count: int) -> NDArray[np.void]:
    table = columns.get(name)
    if table is None:
        return np.zeros(0, dtype)
    if not isinstance(table, ipc.Table):
        raise BadMessage(f"{name} is no table")
    assert dtype.names is not None
    fields = {field: table.fields.get(field) for field in dtype.names if field != "pad"}
    if any(not isinstance(field, np.ndarray) or field.dtype != dtype[name] for name, field in fields.items()):
        raise BadMessage(f"the table {name} has other fields than expected")
    length = len(next(iter(fields.values())))  # type: ignore[arg-type]
    if length > count:
        raise BadMessage("a table with more entries than there are headers")
    found = np.empty(length, dtype)
    for field, values in fields.items():
        found[field] = values
    return found
