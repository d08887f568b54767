"""``wireverdict capture``'s work: captures through the decoder, cut into messages, to Kafka."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from producers.batching import Batcher
from producers.metrics import Metrics
from producers.publisher import Publisher
from wireverdict.decode.decoder import Decoder
from wireverdict.frames import FrameBatch

if TYPE_CHECKING:
    from wireverdict.privacy.veil import Veil
    from wireverdict.sampling import Sampler

MEASURED = 0.25
"""s between looks of the metrics at what was counted: they cost as much as hundreds of packets."""
SLICE = 100_000_000
"""ns of packet time that are sent at once when a capture is replayed at the rate at which it was taken."""


def run_id(sensor: str, paths: Iterable[str], *what: object) -> str:
    """The name of one pass over inputs. Files that have not changed, read in the same way (`what`), have the same; standard
    input and files that cannot be read have one of their own each time."""
    digest = hashlib.sha256(repr((sensor, what)).encode())
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            return secrets.token_hex(8)
        digest.update(repr((str(Path(path).resolve()), status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()[:16]


def paced(
    batches: Iterable[FrameBatch],
    now: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[FrameBatch]:
    """The same frames in slices of SLICE, each when its time has come, counted from the first frame."""
    offset: float | None = None
    for data, frames in batches:
        if not len(frames):
            continue
        clock = np.maximum.accumulate(frames["ts"])
        cells = clock // SLICE
        starts = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1)).tolist()
        for start, stop in zip(starts, [*starts[1:], len(frames)], strict=True):
            due = int(clock[start]) / 1e9
            if offset is None:
                offset = now() - due
            ahead = due + offset - now()
            if ahead > 0:
                wait(ahead)
            yield FrameBatch(data, frames[start:stop])


class Capture:
    """One pass: `feed` frames, then `end`. Headers go through `sampler` and `veil` before anything is made of them."""

    def __init__(
        self,
        decoder: Decoder,
        batcher: Batcher,
        publisher: Publisher,
        metrics: Metrics,
        veil: Veil | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self.decoder, self.batcher, self.publisher, self.metrics = decoder, batcher, publisher, metrics
        self.veil, self.sampler = veil, sampler
        self.frames = self.headers = 0
        self.filtered_out = 0
        self._told = 0, 0  # frames and headers
        self._measured = 0.0

    def feed(self, batch: FrameBatch) -> None:
        """Decode and send. Raises PublishError, SpoolError."""
        decoded = self.decoder.decode(batch)
        self.frames += len(batch.frames)
        self.headers += len(decoded.rows)
        if self.sampler is not None:
            decoded = self.sampler.apply(decoded)
        for message in self.batcher.add(decoded if self.veil is None else self.veil.apply(decoded)):
            self.publisher.send(message)
        self._measure()

    def begin(self, clock: int) -> None:
        """Say that packets are captured from `clock` (ns) on: what is lost later is lost since then. Raises PublishError,
        SpoolError."""
        self.batcher.clock = clock
        for message in self.batcher.tell():
            self.publisher.send(message)

    def idle(self, clock: int) -> None:
        """No packet older than `clock` (ns) will follow. Raises PublishError, SpoolError."""
        for message in self.batcher.tick(clock):
            self.publisher.send(message)
        self._measure()

    def end(self) -> None:
        """The input is over: send what waits, and say so. Raises PublishError, SpoolError."""
        for message in self.batcher.end():
            self.publisher.send(message)
        self._measure(final=True)

    def _measure(self, *, final: bool = False) -> None:
        """Bring the metrics up to date if it is time."""
        now = time.monotonic()
        if now - self._measured < MEASURED and not final:
            return
        self._measured = now
        self.metrics.frames.inc(self.frames - self._told[0])
        self.metrics.headers.inc(self.headers - self._told[1])
        self._told = self.frames, self.headers
        for reason, count in self.left_out.items():
            self.metrics.dropped.labels(reason).set(count)

    @property
    def left_out(self) -> Mapping[str, int]:
        """Frames without a header, and headers lost, by reason."""
        filtered = {"filter": self.filtered_out} if self.filtered_out else {}
        sampled = {"sampled": self.sampler.left_out} if self.sampler is not None and self.sampler.left_out else {}
        return {**self.decoder.skipped, **filtered, **sampled, **self.publisher.drops}
