"""Lists of fields, compiled for the kernel that writes lines: an operation for each field, and its texts.

An operation is the text that stands before a value, and which columns the value is made of. Fields of one run are often the
same as in a row before, or all zero: `lines` then copies what it wrote for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections.community_id import LENGTH as COMMUNITY_ROOM
from wireverdict.output.copying import STEP
from wireverdict.output.fields import FLAGS, LEARNT, REASONS, Field, Kind
from wireverdict.output.text import ADDRESS_ROOM, INTEGER_ROOM, TIME_ROOM
from wireverdict.records import CONNECTION

_ROOM = {
    Kind.TIME: TIME_ROOM,
    Kind.ADDRESS: ADDRESS_ROOM,
    Kind.HISTORY: 32,
    Kind.COMMUNITY_ID: COMMUNITY_ROOM,
    Kind.ID: STEP,
}
OPERATION = np.dtype(
    [
        ("mask", "<u8"),  # of the first column, in the word that holds it
        ("text", "<i4"),  # where the text before the value begins in `texts`
        ("length", "<i4"),  # of it
        ("kind", "<i4"),  # Kind; CONSTANT writes the text only
        ("word", "<i4"),  # the 64-bit word of the row that holds the first column
        ("shift", "<i4"),  # the column's lowest bit there
        ("second", "<i4"),  # byte of the row where the second column begins
        ("words", "<i4"),  # the first of this operation's words
        ("bit", "<i4"),
        ("run", "<i4"),  # number of the run that begins here, -1 for none
        ("pad", "<i4"),
    ],
    align=True,
)
RUN = np.dtype(
    [
        ("after", "<i4"),  # the operation that follows on its last one
        ("first", "<i4"),  # of its columns in `run_columns`
        ("count", "<i4"),  # of them
        ("learns", "<i4"),  # whether other texts than that for zeros are worth remembering
    ],
    align=True,
)
COLUMN = np.dtype([("mask", "<u8"), ("word", "<i8")], align=True)
"""The bits of a 64-bit word of the row that a run is made of."""
MOST_COLUMNS = 8
"""Words that a run may be made of."""


class Dialect(NamedTuple):
    """What differs between kinds of text."""

    null: str
    quote: str  # around names and reasons
    colon: str  # between a flag and its reason
    comma: str  # between two of those


class Layout(NamedTuple):
    """A compiled list of fields. `room`: the most bytes a line can take."""

    operations: NDArray[np.void]
    texts: NDArray[np.uint8]
    words: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    runs: NDArray[np.void]
    run_columns: NDArray[np.void]
    room: int
    run_room: int  # the most bytes a run can take


def layout(parts: Sequence[tuple[str, Field | None]], dialect: Dialect) -> Layout:
    """Compile parts, each the text before a value and the value (None for the line's end)."""
    texts = bytearray()
    words: list[str] = []
    places: dict[tuple[str, ...], int] = {}
    operations = np.zeros(len(parts), OPERATION)
    operations["run"] = -1
    rooms = np.zeros(len(parts), np.int64)

    def place(group: tuple[str, ...]) -> int:
        if group not in places:
            places[group] = len(words)
            words.extend(group)
        return places[group]

    quote = dialect.quote
    for number, (operation, (text, field)) in enumerate(zip(operations, parts, strict=True)):
        if field is not None and field.kind == Kind.CONSTANT:
            text, field = text + field.text, None
        raw = text.encode()
        operation["text"], operation["length"], operation["kind"] = len(texts), len(raw), Kind.CONSTANT
        texts += raw.ljust(-(-len(raw) // STEP) * STEP or STEP)
        rooms[number] = len(raw)
        if field is None:
            continue
        operation["kind"], operation["bit"] = field.kind, field.bit
        offsets = [_column(name) for name in field.columns]
        if offsets:
            offset, size = offsets[0]
            operation["word"], operation["shift"] = offset // 8, offset % 8 * 8
            operation["mask"] = (1 << 8 * min(size, 8)) - 1
            operation["second"] = offsets[-1][0]
        group: tuple[str, ...] = (dialect.null,)
        if field.kind == Kind.NAME:
            group = tuple(f"{quote}{name}{quote}" if name else dialect.null for name in field.names)
            operation["bit"] = len(group) - 1  # the largest code
        elif field.kind == Kind.NETWORK:
            group = (f"{quote}ipv4{quote}", f"{quote}ipv6{quote}")
        elif field.kind == Kind.FLAG or field.kind == Kind.BOOLEAN:
            group = ("false", "true", dialect.null)
        elif field.kind == Kind.REASONS:
            first = tuple(f"{quote}{name}{quote}{dialect.colon}" for name in FLAGS)
            group = (
                *first,
                *(f"{dialect.comma}{name}" for name in first),
                *(f"{quote}{word}{quote}" for word in REASONS),
            )
        operation["words"] = place(group)
        widest = max(len(word) for word in group)
        rooms[number] += (
            len(FLAGS) * 2 * widest
            if field.kind == Kind.REASONS
            else max(widest, _ROOM.get(field.kind, INTEGER_ROOM + 4))
        )
    table = np.zeros(len(words) * STEP, np.uint8)
    for row, word in zip(table.reshape(-1, STEP), words, strict=True):
        if len(word) > STEP:
            raise ValueError(f"{word!r} is longer than {STEP} bytes")
        row[: len(word)] = np.frombuffer(word.encode(), np.uint8)
    lengths = np.array([len(word) for word in words], np.int64)
    runs, columns, run_room = _runs([field for _, field in parts], operations, rooms)
    made = np.frombuffer(bytes(texts), np.uint8)
    return Layout(operations, made, table, lengths, runs, columns, STEP + int(rooms.sum()), run_room)


def _runs(
    fields: Sequence[Field | None], operations: NDArray[np.void], rooms: NDArray[np.int64]
) -> tuple[NDArray[np.void], NDArray[np.void], int]:
    """Runs, their columns, and the room that the longest one takes; marks where they begin in `operations`."""
    runs: list[tuple[int, int, int, bool]] = []
    columns: list[tuple[int, int]] = []
    run_room, start = STEP, 0
    for name, members in groupby(fields, lambda field: field.run if field else ""):
        stop = start + len(run := list(members))
        if name:
            masks: dict[int, int] = {}
            for offset, size in (_column(column) for field in run if field for column in field.columns):
                for octet in range(offset, offset + size):
                    masks[octet // 8] = masks.get(octet // 8, 0) | 0xFF << octet % 8 * 8
            if len(masks) > MOST_COLUMNS:
                raise ValueError(f"run {name!r} is made of {len(masks)} words, more than {MOST_COLUMNS}")
            operations["run"][start] = len(runs)
            runs.append((stop, len(columns), len(masks), name in LEARNT))
            columns += [(mask, word) for word, mask in sorted(masks.items())]
            run_room = max(run_room, int(rooms[start:stop].sum()) + STEP)
        start = stop
    return np.array(runs, RUN), np.array(columns, COLUMN), run_room


def _column(name: str) -> tuple[int, int]:
    """Offset and size in bytes of a dotted column."""
    dtype, offset = CONNECTION, 0
    for part in name.split("."):
        assert dtype.fields is not None
        inner, inner_offset = dtype.fields[part][:2]
        dtype, offset = inner, offset + inner_offset
    return offset, dtype.itemsize
