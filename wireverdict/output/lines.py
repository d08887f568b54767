"""Connection rows to lines of text, in a kernel that runs a small programme: one operation for each field.

A layout (JSON, CSV) is made once from the table of fields. The kernel then does, for every row, "copy this text, write that
number", with no Python object per record. Texts are copied in steps of 32 bytes, which the compiler turns into one or two
moves; what is copied too much is overwritten next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.connections.community_id import community_ids
from wireverdict.kernels import kernel, types
from wireverdict.output.copying import copy_step
from wireverdict.output.fields import FLAGS, REASONS, Kind
from wireverdict.output.layout import COLUMN, OPERATION, RUN, Layout
from wireverdict.output.repeats import find, memory, remember
from wireverdict.output.text import DAY, is_ipv4, put_address, put_clock, put_date, put_thousandths, put_unsigned
from wireverdict.records import CONNECTION

_NO_DAY = -(1 << 62)
"""A day that no time has."""
CHUNK = 1024
"""Rows a buffer is made for: small enough to stay in the processor's cache."""

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
    repeats = memory(made)
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
            made.runs,
            made.run_columns,
            *repeats,
            made.run_room,
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
    types.Array(types.from_dtype(OPERATION), 1, "C"),
    types.Array(types.uint8, 1, "C", readonly=True),
    types.uint8[::1],
    types.int64[::1],
    types.from_dtype(RUN)[::1],
    types.from_dtype(COLUMN)[::1],
    types.uint64[::1],
    types.int64[::1],
    types.uint8[::1],
    types.int64,
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
    runs: Any,
    columns: Any,
    keys: Any,
    sizes: Any,
    remembered: Any,
    run_room: Any,
    out: Any,
) -> int:
    """Every row by every operation; gives the number of bytes written. `octets` and `row_words` are the same rows."""
    at: Any = 0
    day: Any = np.int64(_NO_DAY)
    day_at: Any = 0
    for i in range(len(octets)):
        o: Any = 0
        begun: Any = 0
        run: Any = 0
        until: Any = -1
        place: Any = -1
        while o < len(operations):
            operation = operations[o]
            if operation.run >= 0:
                run = np.int64(operation.run)
                place, size = find(row_words, i, runs[run], run, columns, keys, sizes)
                if size:
                    for k in range(0, size, 32):
                        copy_step(out, at + k, remembered, place * run_room + k)
                    at += size
                    o = np.int64(runs[run].after)
                    continue
                begun = at
                until = np.int64(runs[run].after) if place >= 0 else -1
            o += 1
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
                days = np.int64(first) // DAY
                if days == day:
                    copy_step(out, at, out, day_at)
                else:
                    day = days
                    put_date(out, at, days)
                day_at = at
                at = put_clock(out, at + 11, np.int64(first) - days * DAY)
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
            if o == until:
                remember(row_words, i, runs[run], place, columns, keys, sizes, remembered, run_room, out, begun, at)
    return int(at)
