"""Header batches for the codec's tests: anything that the types allow, and those of real captures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from producers.timeline import open_timeline
from wireverdict import headers
from wireverdict.decode.decoder import Decoder
from wireverdict.headers import HEADER, HeaderBatch

FIELDS = [name for name in HEADER.names or () if name != "name_offset"]


def random_batch(seed: int, count: int, tame: float) -> tuple[HeaderBatch, NDArray[np.int64]]:
    """Rows of which each field is any number its type holds, or with likelihood `tame` a small one, so that flows and
    kinds repeat."""
    dice = np.random.default_rng(seed)
    rows = np.zeros(count, HEADER)
    for name in FIELDS:
        kind = HEADER[name]
        any_number = np.frombuffer(dice.bytes(count * kind.itemsize), kind)
        rows[name] = np.where(dice.random(count) < tame, dice.integers(0, 3, count), any_number)
    rows["ts"] >>= 2
    wanted = [0, headers.TCP_HEADER, headers.TIMESTAMPS | headers.TCP_HEADER, 0xFFFFFFFF]
    rows["present"] |= dice.choice(np.array(wanted, np.uint32), count)
    names = dice.integers(0, 256, 64, dtype=np.uint8)
    rows["name_offset"] = dice.integers(0, 32, count)
    rows["name_length"] = np.where(dice.random(count) < 0.5, 0, dice.integers(0, 32, count))
    clock = np.maximum.accumulate(rows["ts"]) if count else rows["ts"].copy()
    return HeaderBatch(rows, names), clock


def batches(path: Path, size: int = 8192) -> Iterator[HeaderBatch]:
    """The headers of a capture."""
    decoder = Decoder()
    for batch in open_timeline([path], batch=size):
        found = decoder.decode(batch)
        yield HeaderBatch(found.rows.copy(), found.names.copy())


def names_of(batch: HeaderBatch) -> list[bytes]:
    """The question name of each row."""
    where = zip(batch.rows["name_offset"].tolist(), batch.rows["name_length"].tolist(), strict=True)
    data = batch.names.tobytes()
    return [data[start : start + length] for start, length in where]


def assert_equal(one: HeaderBatch, other: HeaderBatch) -> None:
    """All fields and all names; where names stand in their buffer is not part of a row."""
    for name in FIELDS:
        np.testing.assert_array_equal(one.rows[name], other.rows[name], err_msg=name)
    assert names_of(one) == names_of(other)
