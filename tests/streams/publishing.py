"""Captures as messages of the headers topic, made without a broker so that tests can reorder, repeat and spoil them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from producers.batching import Batcher
from producers.timeline import open_timeline
from streams.messages import Incoming
from wireverdict.compose import pipeline
from wireverdict.headers import HeaderBatch
from wireverdict.partition import divided
from wireverdict.pipeline import Pipeline
from wireverdict.records import CONNECTION
from wireverdict.settings import Settings


@dataclass(frozen=True)
class Sent:
    """A message before it has an offset."""

    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]

    def incoming(self, offset: int) -> Incoming:
        return Incoming(self.partition, offset, 0, self.key, self.value, self.headers)


def header_batches(
    inputs: Sequence[Path], batch: int = 8192, settings: Settings | None = None
) -> Iterator[HeaderBatch]:
    """What a producer decodes of captures."""
    decoder = pipeline(settings or Settings()).decoder
    for frames in open_timeline([str(path) for path in inputs], batch=batch):
        decoded = decoder.decode(frames)
        yield HeaderBatch(decoded.rows.copy(), decoded.names.copy())  # the decoder uses its memory again


def publication(batches: Sequence[HeaderBatch], sensor: str, partitions: int, run: str = "run") -> list[Sent]:
    """All messages of a sensor's input, as ``wireverdict capture`` cuts them, in the order in which they are sent."""
    batcher = Batcher(sensor, run, partitions, divided)
    made = [message for batch in batches for message in batcher.add(batch)]
    made += batcher.end()
    return [Sent(message.partition, message.key, message.value, message.headers) for message in made]


def answer(batches: Sequence[HeaderBatch], settings: Settings | None = None) -> tuple[list[bytes], list[bytes]]:
    """What `analyze` says of the same: records and verdicts, each sorted."""
    made: Pipeline = pipeline(settings or Settings())
    for batch in batches:
        made.feed_headers(batch)
    made.finish()
    records, verdicts = made.take_connections(), made.take_verdicts()
    return split(records), sorted(orjson.dumps(verdict.to_json()) for verdict in verdicts)


def split(records: np.ndarray) -> list[bytes]:
    """The bytes of each record, sorted."""
    assert records.dtype == CONNECTION
    return sorted(bytes(record) for record in np.ascontiguousarray(records).view(f"V{CONNECTION.itemsize}"))
