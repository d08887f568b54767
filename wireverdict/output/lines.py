"""Connection rows to lines of text, in a kernel that runs a small programme: one operation for each field.

A layout (JSON, CSV) is made once from the table of fields: the text that stands before each value, and which columns
the value is made of. The kernel then does, for every row, "copy this text, write that number", with no Python object
per record. Texts are copied in steps of 32 bytes, which the compiler turns into one or two moves; what is copied too
much is overwritten next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections.community_id import LENGTH as COMMUNITY_ROOM
from wireverdict.connections.community_id import community_ids
from wireverdict.kernels import kernel, types
from wireverdict.output.copying import STEP, copy_step
from wireverdict.output.fields import FLAGS, REASONS, Field, Kind
from wireverdict.output.text import (
    ADDRESS_ROOM,
    INTEGER_ROOM,
    TIME_ROOM,
    is_ipv4,
    put_address,
    put_thousandths,
    put_time,
    put_unsigned,
)
from wireverdict.records import CONNECTION

CHUNK = 1024
"""Rows a buffer is made for: small enough to stay in the processor's cache."""

_ROOM = {
    Kind.TIME: TIME_ROOM,
    Kind.ADDRESS: ADDRESS_ROOM,
    Kind.HISTORY: 32,
    Kind.COMMUNITY_ID: COMMUNITY_ROOM,
    Kind.ID: STEP,
}
_INTEGER, _POSITIVE, _MILLIS, _MILLIS_NS = int(Kind.INTEGER), int(Kind.POSITIVE), int(Kind.MILLIS), int(Kind.MILLIS_NS)
_SUM, _TIME, _DURATION, _ADDRESS = int(Kind.SUM), int(Kind.TIME), int(Kind.DURATION), int(Kind.ADDRESS)
_NETWORK, _COMMUNITY, _HISTORY, _BOOLEAN = (
    int(Kind.NETWORK),
    int(Kind.COMMUNITY_ID),
    int(Kind.HISTORY),
    int(Kind.BOOLEAN),
)
_FLAG, _REASONS, _NAME, _ID = int(Kind.FLAG), int(Kind.REASONS), int(Kind.NAME), int(Kind.ID)
_FLAG_COUNT, _LAST_REASON = len(FLAGS), len(REASONS) - 1

_OPERATION = np.dtype(
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
    ],
    align=True,
)


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
    room: int


def layout(parts: Sequence[tuple[str, Field | None]], dialect: Dialect) -> Layout:
    """Compile parts, each the text before a value and the value (None for the line's end)."""
    texts = bytearray()
    words: list[str] = []
    places: dict[tuple[str, ...], int] = {}
    operations = np.zeros(len(parts), _OPERATION)
    room = STEP

    def place(group: tuple[str, ...]) -> int:
        if group not in places:
            places[group] = len(words)
            words.extend(group)
        return places[group]

    quote = dialect.quote
    for operation, (text, field) in zip(operations, parts, strict=True):
        if field is not None and field.kind == Kind.CONSTANT:
            text, field = text + field.text, None
        raw = text.encode()
        operation["text"], operation["length"], operation["kind"] = len(texts), len(raw), Kind.CONSTANT
        texts += raw.ljust(-(-len(raw) // STEP) * STEP or STEP)
        room += len(raw)
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
        room += (
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
    return Layout(operations, np.frombuffer(bytes(texts), np.uint8), table, lengths, room)


def _column(name: str) -> tuple[int, int]:
    """Offset and size in bytes of a dotted column."""
    dtype, offset = CONNECTION, 0
    for part in name.split("."):
        assert dtype.fields is not None
        inner, inner_offset = dtype.fields[part][:2]
        dtype, offset = inner, offset + inner_offset
    return offset, dtype.itemsize


def lines(
    rows: NDArray[np.void], made: Layout, seed: int = 0, ids: NDArray[np.uint8] | None = None
) -> Iterator[memoryview]:
    """The rows as text, in pieces of whole lines. Each piece is valid until the next is asked for.

    `rows`: CONNECTION, shape (n,). `seed`: of the Community ID. `ids`: shape (n, 32), ASCII, for a layout with Kind.ID.
    """
    if ids is None:
        ids = np.zeros((len(rows), 0), np.uint8)
    rows = np.ascontiguousarray(rows)
    out = np.empty(made.room * min(CHUNK, len(rows)), np.uint8)
    for start in range(0, len(rows), CHUNK):
        piece = rows[start : start + CHUNK]
        data = piece.view(np.uint8).reshape(len(piece), CONNECTION.itemsize)
        end = _lines(
            data,
            data.view(np.uint64),
            community_ids(piece, seed),
            ids[start : start + CHUNK],
            made.operations,
            made.texts,
            made.words,
            made.lengths,
            out,
        )
        yield memoryview(out.data)[:end]


@kernel(inline=True, borrow=True)
def _word(out: Any, at: int, words: Any, lengths: Any, index: Any) -> int:
    copy_step(out, at, words, index * 32)
    return at + int(lengths[np.uint64(index)])


_ARGUMENTS = (
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.uint64, 2, "C", readonly=True),
    types.uint8[:, ::1],
    types.Array(types.uint8, 2, "C", readonly=True),
    types.Array(types.from_dtype(_OPERATION), 1, "C"),
    types.Array(types.uint8, 1, "C", readonly=True),
    types.uint8[::1],
    types.int64[::1],
    types.uint8[::1],
)


@kernel(types.int64(*_ARGUMENTS), borrow=True)
def _lines(
    octets: Any,
    row_words: Any,
    community: Any,
    ids: Any,
    operations: Any,
    texts: Any,
    words: Any,
    lengths: Any,
    out: Any,
) -> int:
    """Every row by every operation; gives the number of bytes written. `octets` and `row_words` are the same rows."""
    at: Any = 0
    for i in range(len(octets)):
        for o in range(len(operations)):
            operation = operations[o]
            start, length = np.int64(operation.text), np.int64(operation.length)
            for k in range(0, length, 32):
                copy_step(out, at + k, texts, start + k)
            at += length
            kind = operation.kind
            first = row_words[i, operation.word]
            second: Any = np.int64(operation.second)
            value = (first >> np.uint64(operation.shift)) & operation.mask
            choice: Any = np.int64(-1)
            number: Any = False
            thousandths = False
            if kind == _INTEGER:
                number = True
            elif kind == _MILLIS:
                if row_words[i, second >> 3] >> np.uint64(8 * (second & 7)) & np.uint64(0xFFFFFFFF):
                    thousandths = True
                else:
                    choice = 0
            elif kind == _FLAG:
                bit = np.uint64(operation.bit)
                known = row_words[i, second >> 3] >> np.uint64(8 * (second & 7)) >> bit & np.uint64(1)
                choice = np.int64(value >> bit & np.uint64(1)) if known else 2
            elif kind == _NAME:
                choice = min(np.int64(value), np.int64(operation.bit))
            elif kind == _POSITIVE:
                number = value != np.uint64(0)
                choice = -1 if number else 0
            elif kind == _TIME:
                at = put_time(out, at, np.int64(first))
            elif kind == _ADDRESS:
                at = put_address(out, at, first, row_words[i, second >> 3])
            elif kind == _SUM:
                value = first + row_words[i, second >> 3]
                number = True
            elif kind == _MILLIS_NS:
                if np.int64(first) >= 0:
                    value = first // np.uint64(1000)
                    thousandths = True
                else:
                    choice = 0
            elif kind == _DURATION:
                value = row_words[i, second >> 3] - first
                number = True
            elif kind == _COMMUNITY:
                for k in range(30):
                    out[at + k] = community[i, k]
                at += 30
            elif kind == _ID:
                for k in range(ids.shape[1]):
                    out[at + k] = ids[i, k]
                at += ids.shape[1]
            elif kind == _HISTORY:
                begin = 8 * np.int64(operation.word)
                letters: Any = min(np.int64(octets[i, second]), 32)
                for k in range(letters):
                    letter = octets[i, begin + k]
                    plain = (
                        32 < letter < 127 and letter != 34 and letter != 44 and letter != 92
                    )  # no quote, comma, backslash
                    out[at] = letter if plain else np.uint8(63)
                    at += 1
            elif kind == _BOOLEAN:
                choice = np.int64(value != np.uint64(0))
            elif kind == _NETWORK:
                choice = 0 if is_ipv4(first, row_words[i, second >> 3]) else 1
            elif kind == _REASONS:
                separator = 0
                for flag in range(_FLAG_COUNT):
                    if not value >> np.uint64(flag) & np.uint64(1):
                        at = _word(out, at, words, lengths, np.int64(operation.words) + flag + separator)
                        reason: Any = min(np.int64(octets[i, second + flag]), _LAST_REASON)
                        at = _word(out, at, words, lengths, np.int64(operation.words) + 2 * _FLAG_COUNT + reason)
                        separator = _FLAG_COUNT
            # These have several users each: one place for each keeps the kernel small.
            if thousandths:
                at = put_thousandths(out, at, value)
            if number:
                at = put_unsigned(out, at, value)
            if choice >= 0:
                at = _word(out, at, words, lengths, np.int64(operation.words) + choice)
    return int(at)
