"""What replay, backtest and archive read: header batches of the past, wherever they were kept.

A source gives each sensor's headers in order per partition, with the sensor's clock (see `wireverdict.shard.Shard`), so that
what comes out of them is the same whatever kind of source they came from. What is known to be missing is told in `gaps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HeaderBatch
from wireverdict.settings import Settings

ARCHIVE, TOPIC = "archive:", "topic:"


class SourceError(ValueError):
    """A source that cannot be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Some headers of one sensor in one of the `partitions` between which its pairs of addresses are divided.

    `clock`: int64, ns, one a header. Without headers this is a tick: `clock` has one item, how far the sensor is (none if
    that is not known). `end`: no more from this sensor and partition for now (what comes later begins anew); the batch is
    empty then. Arrays are valid until the next is asked for.
    """

    sensor: str
    partition: int
    partitions: int
    batch: HeaderBatch
    clock: NDArray[np.int64]
    end: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is known to be missing. `many`: how much of `unit`, 0 if that cannot be known."""

    kind: str  # retention, hole, offsets, schema, unreadable, damaged, not-read
    where: str
    many: int
    unit: str
    reason: str

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.many == 1 else self.unit
        count = f"{self.many:,} {unit}: " if self.many else ""
        return f"{self.where}: {count}{self.reason}"


class HeaderSource(Protocol):
    """Iterate once."""

    def __iter__(self) -> Iterator[Recorded]: ...

    @property
    def gaps(self) -> list[Gap]:
        """What is known to be missing so far; complete when the iteration ends."""
        ...

    @property
    def counts(self) -> dict[str, int]:
        """What was read and what was left out so far, by name, such as ``headers`` or ``out_of_range``."""
        ...

    @property
    def span(self) -> tuple[int, int] | None:
        """First and last time (ns), as far as it is known; None if it is not."""
        ...

    @property
    def progress(self) -> tuple[int, int | None]:
        """How much was read, and of how much (None: not known), in a unit of the source's own."""
        ...

    def position(self) -> dict[str, Any]:
        """JSON values; a source that is opened with them gives what this one has not given yet."""
        ...

    def close(self) -> None: ...


def open_source(
    spec: Sequence[str],
    settings: Settings,
    *,
    begin: int | None = None,
    end: int | None = None,
    sensors: Sequence[str] = (),
    addresses: Sequence[str] = (),
    sensor: str = "capture",
    partitions: int = 1,
    share: tuple[int, int] = (0, 1),
    position: Mapping[str, Any] | None = None,
    **more: Any,
) -> HeaderSource:
    """A source: captures or directories of them, or one of ``archive:DIRECTORY``, ``archive:s3://…``, ``topic:`` (that of the
    settings) and ``topic:PREFIX``.

    `begin`, `end`: ns; headers at which the clock is at or after the one and before the other. `sensors`: only these; by
    name. `addresses`: only headers from, to or about one of these networks. `sensor`: what captures are called, and
    `partitions`: between how many they are divided. `share` (i, n): only partitions of which the remainder by n is i.
    `more`: of the kind of source. Raises SourceError, and ValueError for addresses that are none.
    """
    from producers.recorded.choice import Choice

    choice = Choice(begin, end, tuple(sensors), tuple(addresses))
    kinds = [kind for kind in (ARCHIVE, TOPIC) if any(text.startswith(kind) for text in spec)]
    if not spec:
        raise SourceError("nothing to read: name captures, archive:DIRECTORY or topic:")
    if kinds and len(spec) > 1:
        raise SourceError(f"one {kinds[0]} at a time, and no captures beside it")
    if kinds == [ARCHIVE]:
        from producers.recorded.archive import ArchiveSource

        return ArchiveSource(spec[0].removeprefix(ARCHIVE), choice, share=share, position=position, **more)
    if kinds == [TOPIC]:
        from producers.recorded.topic import TopicSource

        prefix = spec[0].removeprefix(TOPIC)
        return TopicSource(settings, choice, prefix=prefix, share=share, position=position, **more)
    from producers.recorded.captures import CaptureSource

    return CaptureSource(
        spec, settings, choice, sensor=sensor, partitions=partitions, share=share, position=position, **more
    )
