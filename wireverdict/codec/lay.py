"""The body of an encoded batch: arrays that lie in one piece of memory, narrowed and put one behind the other as buffers of
an Arrow message."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.codec import frames, ipc
from wireverdict.kernels import kernel, types

LEAST = 128
"""Bytes of a buffer that are worth a look whether zstd makes them fewer."""
SAMPLE = 512
"""Bytes of a buffer that are looked at for that, in pieces of PIECE all over it."""
PIECE = 64
MOST_BITS = 2.75
"""For each byte, by the entropy of a sample: what needs more is left as it is where that is in doubt. zstd's matches are few
then, and Huffman's codes cost a processor 4 to 5 ns for each byte that they save."""
LOGS = np.array([count * math.log2(count) if count else 0.0 for count in range(SAMPLE + 1)])
"""n log2 n."""
PREFIX = frames.PREFIX
ONE, TWO = 0, 1
"""Groups whose sizes are 1 and 2, always."""

Source = tuple[int, int, int]
"""Of a column: where its first item lies, bytes from one item to the next, and its group: what tells how many there are."""


class Plan(NamedTuple):
    """How messages of one schema are made of the arrays in one arena."""

    head: bytes  # the schema's message
    metadata: bytes  # of a record batch, to be patched
    found: frames.Batch
    nodes: NDArray[np.int64]  # group of each node
    program: NDArray[
        np.int64
    ]  # for each buffer: place, stride, item size (0 for a buffer without bytes), group, whether compression is in doubt
    squeezed: list[int]  # buffers to be compressed
    text: bool  # the last buffer has a text's bytes, which lie elsewhere


class Views(NamedTuple):
    """The same memory in pieces of 1, 2, 4 and 8 bytes."""

    bytes: NDArray[np.uint8]
    halves: NDArray[np.uint16]
    words: NDArray[np.uint32]
    longs: NDArray[np.uint64]


def views(memory: NDArray[np.uint8]) -> Views:
    """Of contiguous memory that begins at a multiple of 8 and is one long."""
    return Views(memory, memory.view(np.uint16), memory.view(np.uint32), memory.view(np.uint64))


def plan(
    shape: Sequence[tuple[str, Any]],
    sources: Mapping[tuple[str, str], Source],
    bounds: int,
    plain: frozenset[str],
    doubtful: frozenset[str] = frozenset(),
) -> Plan:
    """`shape`: names and kinds of columns, as in `ipc`. `sources`: by column and field ("" for columns without). `bounds`:
    where for each group 0 and its size lie, two 32-bit numbers. `plain`: columns and fields that are not compressed;
    `doubtful`: those that are if it is worth it (MOST_BITS). A field of texts has to be the last of the last column."""
    head, metadata, found = ipc.template(tuple(shape))
    nodes: list[int] = []
    jobs: list[tuple[int, int, int, int, int]] = []
    squeezed: list[int] = []
    text = False
    nothing = (0, 0, 0, ONE, 0)

    def leaf(name: str, field: str, dtype: str) -> None:
        place, stride, group = sources[name, field]
        nodes.append(group)
        if field not in plain and name not in plain:
            squeezed.append(len(jobs) + 1)
        doubt = int(field in doubtful or name in doubtful)
        jobs.extend((nothing, (place, stride, np.dtype(dtype).itemsize, group, doubt)))

    for name, kind in shape:
        if kind == "number":
            leaf(name, "", "<i8")
            continue
        fields = [("", kind)] if isinstance(kind, str) else list(kind)
        group = sources[name, fields[0][0]][2]
        nodes.append(ONE)
        jobs.extend((nothing, (bounds + 8 * group, 4, 4, TWO, 0)))
        if not isinstance(kind, str):
            nodes.append(group)
            jobs.append(nothing)
        for field, of in fields:
            if of != "text":
                leaf(name, field, of)
                continue
            place, stride, ends = sources[name, field]
            nodes.append(group)
            jobs.extend((nothing, (place, stride, 4, ends, 0), nothing))
            text = True
    return Plan(head, metadata, found, np.array(nodes), np.array(jobs, np.int64), squeezed, text)


_U8, _U16, _U32, _U64 = types.uint8[::1], types.uint16[::1], types.uint32[::1], types.uint64[::1]


@kernel(inline=True, borrow=True)
def move(of: Any, place: Any, stride: Any, to: Any, at: Any, count: Any) -> None:
    """Items of one size from every `stride`-th place to places side by side, all counted in items."""
    if stride == 1:
        for i in range(count):
            to[at + i] = of[place + i]
        return
    for i in range(count):
        to[at + i] = of[place + i * stride]


@kernel(inline=True, borrow=True)
def bits(data: Any, at: Any, length: Any, counts: Any, logs: Any) -> Any:
    """The entropy of a sample of some bytes, bits each. `counts`: room for 256 numbers. `logs`: LOGS."""
    for value in range(256):
        counts[value] = 0
    pieces = min(SAMPLE // PIECE, length // PIECE)
    if pieces == 0:
        return 0.0
    apart = length // pieces
    for piece in range(pieces):
        for k in range(at + piece * apart, at + piece * apart + PIECE):
            counts[data[k]] += 1
    total = 0.0
    for value in range(256):
        total += logs[counts[value]]
    size = pieces * PIECE
    return (logs[size] - total) / size


@kernel(
    types.int64(
        *(types.int64[:, ::1], types.int64[::1], _U8, _U16, _U32, _U64, _U8, _U16, _U32, _U64, types.int64[:, ::1]),
        *(types.int64[::1], types.float64[::1]),
    ),
    borrow=True,
)
def lay(
    program: Any,
    sizes: Any,
    of1: Any,
    of2: Any,
    of4: Any,
    of8: Any,
    to1: Any,
    to2: Any,
    to4: Any,
    to8: Any,
    places: Any,
    counts: Any,
    logs: Any,
) -> Any:
    """Write all buffers, as ones that are not compressed, and into `places` where each begins, its length, and whether it may
    be worth compressing; gives the bytes used. `sizes`: of the groups. `of…` and `to…`: Views of source and target. Of wider
    items the low bytes are taken. `counts`, `logs`: see `bits`."""
    at = np.int64(0)
    for job in range(len(program)):
        place, stride, item, count = program[job, 0], program[job, 1], program[job, 2], sizes[program[job, 3]]
        places[job, 0], places[job, 1], places[job, 2] = at, 0, 0
        if item == 0 or count == 0:
            continue
        places[job, 1] = PREFIX + item * count
        to8[at >> 3] = np.uint64(0xFFFFFFFFFFFFFFFF)
        at += PREFIX
        end = at + item * count
        if item == 1:
            move(of1, place, stride, to1, at, count)
        elif item == 2:
            move(of2, place >> 1, stride >> 1, to2, at >> 1, count)
        elif item == 4:
            move(of4, place >> 2, stride >> 2, to4, at >> 2, count)
        else:
            move(of8, place >> 3, stride >> 3, to8, at >> 3, count)
        places[job, 2] = item * count >= LEAST and (
            program[job, 4] == 0 or bits(to1, at, item * count, counts, logs) < MOST_BITS
        )
        while end & 7:
            to1[end] = 0
            end += 1
        at = end
    return at


def message(made: Plan, sizes: NDArray[np.int64], arena: Views, last: memoryview, room: Callable[[int], Any]) -> bytes:
    """The whole stream. `sizes`: of the groups. `last`: bytes of the last buffer, if it is a text's. `room`: gives that many
    bytes of memory, a multiple of 8."""
    program = made.program
    need = int((sizes[program[:, 3]] * program[:, 2]).sum()) + 2 * PREFIX * len(program)
    out = views(room(need + (-need & 7)))
    places = np.empty((len(program), 3), np.int64)
    total = lay(program, sizes, *arena, *out, places, np.empty(256, np.int64), LOGS)
    body = out.bytes.data
    known = places.tolist()
    parts: list[Any] = [made.head, b""]
    at = 0
    for number in made.squeezed:
        begin, length, worth = known[number]
        if not worth:
            continue
        packed = frames.compressed(body[begin + PREFIX : begin + length], long=True)
        if len(packed) < length:
            parts += body[at:begin], packed, bytes(-len(packed) % 8)
            at = begin + length + -length % 8
            places[number, 1] = len(packed)
    parts.append(body[at:total])
    if made.text:
        packed = frames.compressed(last, long=True)
        parts += packed, bytes(-len(packed) % 8)
        places[-1, 1] = len(packed)
    parts.append(frames.END_OF_STREAM)
    ends = np.cumsum((places[:, 1] + 7) & ~7)
    places[0, 0], places[1:, 0] = 0, ends[:-1]
    nodes = np.zeros((len(made.nodes), 2), np.int64)
    nodes[:, 0] = sizes[made.nodes]
    parts[1] = frames.patched(made.metadata, made.found, nodes, places[:, :2], int(ends[-1]))
    return b"".join(parts)
