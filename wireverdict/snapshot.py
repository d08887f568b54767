"""State as bytes: nested dictionaries and lists of arrays, bytes and JSON values, compressed. Not pickle: reading runs nothing.

Layout: the four bytes of MAGIC and one zstd frame (RFC 8878, with checksum and content size). In it a 32-bit length,
little-endian, and that many bytes of MessagePack: {"tree": the value with extension 1 (32-bit number) for each array,
"arrays": [type, shape] of each}; then the arrays, each from a multiple of 64 bytes on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import prod
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from wireverdict.memory import Scratch

MAGIC = b"WVS1"
LEVEL = 1
LARGEST = 1 << 34
"""Bytes that are unpacked at most: more than any state, so that a forged size asks for no more memory than that."""

_ALIGN = 64
_PIECE = 1 << 24
_ARRAY = 1
_DEPTH = 8
_REPEATED, _CHECKSUM = 1, 4
"""Of zstd: the type of a block of one byte that is repeated; the bit of a frame's descriptor."""


class Picked:
    """Some rows of a table of one or more dimensions, one after the other, where an array is meant: they are copied once, to
    where they are packed. What comes back is an array of one dimension."""

    __slots__ = ("rows", "table")

    def __init__(self, table: NDArray[Any], rows: NDArray[np.intp]) -> None:
        self.table, self.rows = table, rows


def pack(state: dict[str, Any]) -> bytes:
    """A dictionary of (nested dictionaries, lists, tuples of) arrays, bytes, str, int, float, bool and None as bytes.

    Equal values give equal bytes. Tuples come back as lists. Raises TypeError for other types.
    """
    return packing(state)()


def packing(state: dict[str, Any], scratch: Scratch | None = None) -> Callable[[], bytes]:
    """`pack` in two steps: everything is copied now, and compressed when what is given is called, once, in whatever thread.
    `scratch`: where the copy is; not to be used for anything else until then. Raises TypeError."""
    arrays: list[NDArray[Any] | Picked] = []

    def mark(value: Any) -> Any:
        if isinstance(value, np.ndarray | Picked):
            arrays.append(value)
            return msgspec.msgpack.Ext(_ARRAY, struct.pack("<I", len(arrays) - 1))
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"cannot pack {type(value).__name__}")

    tree = msgspec.msgpack.encode(state, enc_hook=mark)
    manifest = msgspec.msgpack.encode({"tree": msgspec.Raw(tree), "arrays": [_described(each) for each in arrays]})
    head = struct.pack("<I", len(manifest)) + manifest
    places, total = [], len(head)
    for each in arrays:
        places.append(total + -total % _ALIGN)
        total = places[-1] + _size(each)
    memory = np.empty(total, np.uint8) if scratch is None else scratch.room(total)
    end = len(head)
    memory[:end] = np.frombuffer(head, np.uint8)
    for place, each in zip(places, arrays, strict=True):
        memory[end:place] = 0
        end = place + _size(each)
        _copy(each, memory[place:end])

    def compress() -> bytes:
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj(size=total)
        pieces = (memory[start : start + _PIECE].data for start in range(0, total, _PIECE))
        return b"".join([MAGIC, *(compressor.compress(piece) for piece in pieces), compressor.flush()])

    return compress


def _described(given: NDArray[Any] | Picked) -> list[Any]:
    if isinstance(given, Picked):
        return [_describe(given.table.dtype), [len(given.rows) * prod(given.table.shape[1:])]]
    return [_describe(given.dtype), list(given.shape)]


def _size(given: NDArray[Any] | Picked) -> int:
    """Bytes."""
    if isinstance(given, Picked):
        return len(given.rows) * prod(given.table.shape[1:]) * given.table.itemsize
    return given.nbytes


def _copy(given: NDArray[Any] | Picked, to: NDArray[np.uint8]) -> None:
    if not len(to):
        return
    if isinstance(given, Picked):
        table = given.table
        shape = (len(given.rows), *table.shape[1:])
        np.take(
            table, given.rows, axis=0, out=to.view(table.dtype).reshape(shape), mode="clip"
        )  # "raise" would copy twice
    else:
        to[:] = np.ascontiguousarray(given).reshape(-1).view(np.uint8)


def unpack(data: bytes) -> dict[str, Any]:
    """What `pack` was given; the arrays are new and may be written to. Raises ValueError for anything else."""
    memory = _decompress(data)
    try:
        (length,) = struct.unpack_from("<I", memory.data)
        if 4 + length > len(memory):
            raise ValueError("cut short")
        manifest = msgspec.msgpack.decode(memory[4 : 4 + length].data, type=_Manifest)
        arrays = _arrays(memory, 4 + length, manifest.arrays)

        def place(code: int, number: memoryview) -> Any:
            if code != _ARRAY or len(number) != 4:
                raise ValueError(f"extension {code}")
            (index,) = struct.unpack("<I", number)
            return arrays[index]

        tree = msgspec.msgpack.decode(manifest.tree, ext_hook=place)
    except (struct.error, msgspec.MsgspecError, IndexError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no snapshot: {error}") from None
    if not isinstance(tree, dict):
        raise ValueError("no snapshot: not a dictionary")
    return tree


def array(state: dict[str, Any], name: str, dtype: Any, most: int, *, exactly: bool = False) -> NDArray[Any]:
    """The array `name` of unpacked state if it is of this type, one-dimensional and at most (or exactly) `most` long.

    Rows that an older version wrote may lack fields: those are zero then. Raises ValueError.
    """
    found = state.get(name)
    dtype = np.dtype(dtype)
    if not isinstance(found, np.ndarray) or found.ndim != 1 or not _is_part(found.dtype, dtype):
        raise ValueError(f"snapshot: {name} is not an array of the type that is kept today")
    if len(found) > most or (exactly and len(found) != most):
        raise ValueError(f"snapshot: {name} has {len(found):,} rows, and there is room for {most:,}")
    if found.dtype == dtype:
        return found
    whole = np.zeros(len(found), dtype)
    for field in found.dtype.names or ():
        whole[field] = found[field]
    return whole


def _is_part(older: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Whether all that `older` holds has its place in `dtype`: it is the same, or of rows with some of its fields."""
    if older == dtype or not older.names or not dtype.names:
        return bool(older == dtype)
    return all(field in dtype.names and older[field] == dtype[field] for field in older.names)


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    tree: msgspec.Raw
    arrays: list[tuple[Any, list[int]]]


def _decompress(data: bytes) -> NDArray[np.uint8]:
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("no snapshot: it begins with something else")
    frame = memoryview(data)[len(MAGIC) :]
    try:
        size = zstandard.frame_content_size(frame)
        if not 4 <= size <= LARGEST:
            raise ValueError(f"no snapshot: {size} bytes")
        if _end(frame) != len(frame):
            raise ValueError("no snapshot: cut short, or something follows")
        memory = np.empty(size, np.uint8)
        with zstandard.ZstdDecompressor().stream_reader(
            frame
        ) as reader:  # writes where the arrays will be, and nowhere else
            if reader.readinto(memory.data) != size or reader.read(1):
                raise ValueError("no snapshot: another size than it says")
    except (zstandard.ZstdError, MemoryError, struct.error) as error:
        raise ValueError(f"no snapshot: {error}") from None
    return memory


def _end(frame: memoryview) -> int:
    """Where a zstd frame ends (RFC 8878, 3.1.1): blocks that tell their sizes follow the header, and then a checksum. Raises
    struct.error where it is cut short."""
    at, last = zstandard.frame_header_size(frame), 0
    while not last:
        low, high = struct.unpack_from("<HB", frame, at)
        last, kind, size = low & 1, low >> 1 & 3, (high << 16 | low) >> 3
        at += 3 + (1 if kind == _REPEATED else size)
    return at + (4 if frame[4] & _CHECKSUM else 0)


def _arrays(memory: NDArray[np.uint8], at: int, described: list[tuple[Any, list[int]]]) -> list[NDArray[Any]]:
    arrays: list[NDArray[Any]] = []
    for kind, shape in described:
        dtype = _dtype(kind, 0)
        if len(shape) > 4 or any(not 0 <= side <= LARGEST for side in shape):
            raise ValueError("no snapshot: impossible shape")
        size = dtype.itemsize
        for side in shape:
            size *= side
        at += -at % _ALIGN
        if at + size > len(memory):
            raise ValueError("no snapshot: an array is cut short")
        arrays.append(memory[at : at + size].view(dtype).reshape(shape) if size else np.zeros(shape, dtype))
        at += size
    if at != len(memory):
        raise ValueError("no snapshot: something follows the arrays")
    return arrays


def _describe(dtype: np.dtype[Any]) -> Any:
    """A type as JSON values: '<i8'; [base, shape]; {"size": bytes, "fields": [[name, type, offset], …]}."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_describe(base), list(shape)]
    if dtype.fields is not None:
        fields = [[name, _describe(dtype.fields[name][0]), dtype.fields[name][1]] for name in dtype.names or ()]
        return {"size": dtype.itemsize, "fields": fields}
    if dtype.kind not in "biuf":
        raise TypeError(f"cannot pack arrays of {dtype}")
    return dtype.str


def _dtype(described: Any, depth: int) -> np.dtype[Any]:
    if depth > _DEPTH:
        raise ValueError("no snapshot: type too deep")
    if isinstance(described, str):
        dtype = np.dtype(described)
        if dtype.kind not in "biuf" or dtype.str != described:
            raise ValueError(f"no snapshot: type {described!r}")
        return dtype
    if isinstance(described, list):
        base, shape = described
        if not all(isinstance(side, int) and 0 < side <= 1 << 16 for side in shape):
            raise ValueError("no snapshot: impossible type")
        return np.dtype((_dtype(base, depth + 1), tuple(shape)))
    if not isinstance(described, dict) or described.keys() != {"size", "fields"}:
        raise ValueError("no snapshot: impossible type")
    names = [name for name, _, _ in described["fields"]]
    formats = [_dtype(kind, depth + 1) for _, kind, _ in described["fields"]]
    offsets = [offset for _, _, offset in described["fields"]]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": described["size"]})
