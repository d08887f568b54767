"""A header batch as one Arrow record batch in an IPC stream, compressed inside (layout.py says what is in it)."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.bus import BadMessage
from wireverdict.codec import ipc
from wireverdict.codec.layout import CHANGE, COLUMNS, ENDS, FAR, FLOW, KIND, MOST, QUESTION, QUOTE
from wireverdict.codec.packer import ENTRIES, Packer
from wireverdict.codec.predict import FIELDS
from wireverdict.codec.unpack import set_changes, set_times, unpack
from wireverdict.headers import HEADER, HeaderBatch

LEAST = 1 << 10
"""Headers for which there is room, at least."""
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
    """A workspace for each thread, for what does not leave this module, and a packer."""

    def __init__(self) -> None:
        self.space = Workspace()
        self.packer: Packer | None = None


_threads = _Threads()


def encode_headers(batch: HeaderBatch, clock: NDArray[np.int64] | None = None) -> bytes:
    """An Arrow IPC stream. `clock`: int64[n], ns, how far the sensor's time was with each header, at least its `ts` (which it
    is if not given). Raises ValueError for more than MOST rows, a clock behind its packet, or a name outside `names`."""
    rows = np.ascontiguousarray(batch.rows)
    count = len(rows)
    if count > MOST:
        raise ValueError(f"{count} headers in a batch; {MOST} are the most")
    clocks = np.ascontiguousarray(rows["ts"] if clock is None else clock, np.int64)
    if len(clocks) != count:
        raise ValueError(f"{len(clocks)} clocks for {count} headers; one for each header is needed")
    packer = _threads.packer
    if packer is None or packer.most < count:
        packer = _threads.packer = Packer(max(LEAST, 1 << max(count - 1, 0).bit_length()))
    for _ in packer.add(rows, np.ascontiguousarray(batch.names), np.arange(count), np.array([count]), clocks):
        break  # full, and that was all
    return packer.finish()


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
    ends = columns.get("flows")
    old = isinstance(ends, ipc.Table) and "seq" in ends.fields
    for place, name in enumerate(COLUMNS if old else COLUMNS[:2]):
        matrix[place] = _numbers(columns, name, count)
    if not old:
        lists = (_fields(columns, name, dtype, ENTRIES * count) for name, dtype in (("changes", CHANGE), ("far", FAR)))
        if not set_changes(*(*(values for fields in lists for values in fields.values()), matrix)):
            raise BadMessage("a change of a packet or field that is not there")
    flows = _table(columns, "flows", FLOW, count, () if old else ENDS)
    kinds, quotes = (_table(columns, name, dtype, count) for name, dtype in (("kinds", KIND), ("quotes", QUOTE)))
    questions = _table(columns, "questions", QUESTION, count)
    table = columns.get("questions")
    asked = table.fields.get("name") if isinstance(table, ipc.Table) else _NO_NAMES
    if not isinstance(asked, ipc.Texts) or int(np.diff(asked.ends).max(initial=0)) > LONGEST_NAME:
        raise BadMessage("question names that are missing or too long")
    given = workspace or Workspace()
    rows = given.take("rows", count, HEADER)
    state = own.take("state", 2 * len(flows) * FIELDS, np.uint32).reshape(2 * len(flows), FIELDS)
    seen, lengths = np.zeros(len(flows), np.uint8), np.zeros(0 if old else len(kinds), np.uint32)
    if unpack(matrix, flows, kinds, questions, asked.ends, quotes, state, seen, lengths, rows) != count:
        raise BadMessage("a header points to a flow, kind, question or quote that is not there")
    clock = given.take("clock", count, np.int64)
    behind = _numbers(columns, "behind", count, wide=True).astype(np.int64)
    set_times(rows, steps.astype(np.int64), behind, start, unit, clock)
    return HeaderBatch(rows, asked.data), clock


def _numbers(columns: dict[str, ipc.Column], name: str, count: int, wide: bool = False) -> NDArray[Any]:
    column = columns.get(name, _ZEROS[:count])
    if not isinstance(column, np.ndarray) or len(column) != count or (column.dtype.itemsize > 4 and not wide):
        raise BadMessage(f"the column {name} is no list of one number for each header")
    return column


def _fields(
    columns: dict[str, ipc.Column],
    name: str,
    dtype: np.dtype[np.void],
    most: int,
    wanted: tuple[str, ...] = (),
) -> dict[str, NDArray[Any]]:
    """The fields of a table, those of `dtype` or `wanted` of them; without items if it was left out. Raises BadMessage."""
    table = columns.get(name)
    names = wanted or tuple(field for field in dtype.names or () if field != "pad")
    if table is None:
        return {field: np.zeros(0, dtype[field]) for field in names}
    if not isinstance(table, ipc.Table):
        raise BadMessage(f"{name} is no table")
    fields = {field: table.fields.get(field) for field in names}
    if any(not isinstance(values, np.ndarray) or values.dtype != dtype[field] for field, values in fields.items()):
        raise BadMessage(f"the table {name} has other fields than expected")
    if len(next(iter(fields.values()))) > most:  # type: ignore[arg-type]
        raise BadMessage(f"{name}: a table with more entries than the headers can have")
    return fields  # type: ignore[return-value]


def _table(
    columns: dict[str, ipc.Column],
    name: str,
    dtype: np.dtype[np.void],
    most: int,
    wanted: tuple[str, ...] = (),
) -> NDArray[np.void]:
    """The same as rows; fields that are not `wanted` have any values."""
    fields = _fields(columns, name, dtype, most, wanted)
    found = np.empty(len(next(iter(fields.values()))), dtype)
    for field, values in fields.items():
        found[field] = values
    return found
