"""What a source gives, kept, and cut off where a test wants it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from producers.recorded.source import HeaderSource, Recorded
from wireverdict.headers import HEADER, HeaderBatch

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "demo" / "dns-outage.pcap.gz"
LAB = ROOT / "tests" / "lab" / "captures"
PADDING = HEADER.itemsize - sum(HEADER[name].itemsize for name in HEADER.names or ())
WITH_QUOTES = LAB / "flow-table-full.server.pcap.xz"


def kept(recorded: Recorded) -> Recorded:
    """A copy: sources use their memory again."""
    batch = recorded.batch._replace(rows=recorded.batch.rows.copy(), names=recorded.batch.names.copy())
    return Recorded(
        recorded.sensor, recorded.partition, recorded.partitions, batch, recorded.clock.copy(), recorded.end
    )


def everything(source: HeaderSource) -> list[Recorded]:
    try:
        return [kept(recorded) for recorded in source]
    finally:
        source.close()


def names(batch: HeaderBatch) -> list[bytes]:
    """The question name of each row."""
    data = batch.names.tobytes()
    offsets, lengths = batch.rows["name_offset"].tolist(), batch.rows["name_length"].tolist()
    return [data[start : start + length] for start, length in zip(offsets, lengths, strict=True)]


class Story(NamedTuple):
    """A digest, because the difference of two long lists takes minutes to print."""

    rows: int
    sha256: str


def story(found: Iterable[Recorded]) -> dict[tuple[str, int], Story]:
    """What each sensor and partition is told, however it was cut: rows without where their names are, names, clocks, ends."""
    digests: dict[tuple[str, int], tuple[list[int], Any]] = {}
    for recorded in found:
        counted, digest = digests.setdefault((recorded.sensor, recorded.partition), ([0], hashlib.sha256()))
        counted[0] += len(recorded.batch.rows)
        for row in _rows(recorded):
            digest.update(repr(row).encode())
        if recorded.end:
            digest.update(repr(("end", recorded.clock.tolist())).encode())
    return {key: Story(counted[0], digest.hexdigest()) for key, (counted, digest) in digests.items()}


def _rows(recorded: Recorded) -> Iterator[object]:
    if not len(recorded.batch.rows):
        return
    rows = recorded.batch.rows.copy()
    rows["name_offset"] = 0
    assert len(rows) == len(recorded.clock)
    assert np.all(np.diff(recorded.clock) >= 0)
    data, size = rows.tobytes(), rows.dtype.itemsize  # of which the last PADDING bytes are nobody's
    for i, (name, clock) in enumerate(zip(names(recorded.batch), recorded.clock.tolist(), strict=True)):
        yield data[i * size : (i + 1) * size - PADDING], name, clock
