"""Run the decoder and the reference on the same frames, and say where they differ."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files.reader import Capture
from tests.captures import CAPTURES, capture_files
from tests.decode.reference import decode
from wireverdict.decode import Decoder, DecodeSettings
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.headers import COPY, HEADER, HeaderBatch


def batch_of(frames: Sequence[tuple[int, bytes]], guard: bytes = b"\xa5" * 32, cut: int = 1 << 30) -> FrameBatch:
    """A batch of (link type, frame) with `guard` before, between and after, each cut to `cut` bytes."""
    table = np.zeros(len(frames), FRAME)
    data = bytearray(guard)
    for i, (link, frame) in enumerate(frames):
        table[i] = (i, len(data), min(cut, len(frame)), len(frame), link, 0, 0, 0)
        data += frame[:cut] + guard
    return FrameBatch(np.frombuffer(bytes(data), np.uint8), table)


def as_dicts(batch: HeaderBatch) -> list[tuple[int, dict[str, int], bytes]]:
    """Each row's ts, its other fields (without name_offset, COPY and zeros), and its name: what its own frame says."""
    assert HEADER.names is not None
    found = []
    for row in batch.rows.tolist():
        values = dict(zip(HEADER.names, row, strict=True))
        ts, start = values.pop("ts"), values.pop("name_offset")
        values["present"] &= ~COPY
        name = batch.names[start : start + values["name_length"]].tobytes()
        found.append((ts, {k: v for k, v in values.items() if v}, name))
    return found


def one(frame: bytes, link: int = 1, cut: int = 1 << 30, **settings: Any) -> tuple[dict[str, int], str, Decoder]:
    """Decode a single frame: its row (empty for none), its name, and the decoder with its counts."""
    decoder = Decoder(DecodeSettings(**settings))
    batch = decoder.decode(batch_of([(link, frame)], cut=cut))
    row, name = as_dicts(batch)[0][1:] if len(batch.rows) else ({}, b"")
    return row, name.decode(), decoder


def differences(batch: FrameBatch, tunnels: Any = "inner") -> list[str]:
    """What the decoder says otherwise than the reference, in words; empty if they agree."""
    decoder = Decoder(DecodeSettings(tunnels=tunnels))
    got = as_dicts(decoder.decode(batch))
    skipped: Counter[str] = Counter()
    flaws: Counter[str] = Counter()
    found: list[str] = []
    rows = iter(got)
    count = 0
    for i, (ts, start, captured, length, link, direction, *_) in enumerate(batch.frames.tolist()):
        raw = batch.data[start : start + captured].tobytes()
        want = decode(raw, link, length, direction, tunnels)
        if want.skipped:
            skipped[want.skipped] += 1
            continue
        count += 1
        flaws.update(want.flaws)
        expected = {k: v for k, v in want.row.items() if v}
        when, row, name = next(rows, (ts, {}, b""))
        if row != expected or name != want.name or when != ts:
            wrong = {k: (row.get(k, 0), expected.get(k, 0)) for k in row | expected if row.get(k) != expected.get(k)}
            found.append(f"frame {i} link {link}: {wrong} {name!r} {want.name!r} {raw[:120].hex()}")
    if count != len(got):
        found.append(f"{len(got)} rows, {count} expected")
    if dict(skipped) != decoder.skipped:
        found.append(f"skipped {decoder.skipped}, {dict(skipped)} expected")
    if dict(flaws) != decoder.flaws:
        found.append(f"flaws {decoder.flaws}, {dict(flaws)} expected")
    return found


def pieces() -> Iterator[tuple[str, FrameBatch]]:
    """Every open capture, piece by piece, with its path in the collection."""
    for path in capture_files():
        for piece in Capture(str(path)):
            yield str(path.relative_to(CAPTURES)), FrameBatch(piece.data, piece.frames)


@functools.cache
def joined() -> tuple[FrameBatch, list[str]]:
    """The frames of all captures in one batch, and which file each came from."""
    parts: list[bytes] = []
    tables: list[NDArray[np.void]] = []
    origin: list[str] = []
    size = 0
    for name, piece in pieces():
        table = piece.frames.copy()
        for row in table:
            start, length = int(row["offset"]), int(row["captured"])
            parts.append(piece.data[start : start + length].tobytes())
            row["offset"] = size
            size += length
        tables.append(table)
        origin += [name] * len(table)
    return FrameBatch(np.frombuffer(b"".join(parts), np.uint8), np.concatenate(tables)), origin
