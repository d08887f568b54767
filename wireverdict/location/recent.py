"""Losses located while sensors capture: of each the segments of the last windows, compared as those windows close.

A partition of the headers topic has all sensors' packets of its address pairs. What is told of a window is a function of
the messages before the one that closed it, so that it is the same however often they are read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.location.clocks import Clocks
from wireverdict.location.locate import LOSS, MOST_MISSED, Direction, Located, Place, locate
from wireverdict.location.log import Log

LEAD = 20_000_000_000
"""ns that are kept from before the windows that are open: what one sensor sent earlier, and what others lag behind."""
MOST_FOUND = 200
"""Directions told of a window, those that lost most: a message has to hold them."""


class Found(msgspec.Struct, frozen=True, array_like=True):
    """What one direction of one connection lost in one window. `clocks`: see Clocks. `losses`: by place the time of the last
    (ns, clock of `first`), segments, place."""

    source: tuple[int, int, int]
    destination: tuple[int, int, int]
    first: str
    second: str
    clocks: tuple[int, int, float, float, int]
    losses: list[tuple[int, int, int]]

    def direction(self) -> Direction:
        """As `locate` would tell it."""
        losses = np.zeros(len(self.losses), LOSS)
        for at, (ts, segments, place) in enumerate(self.losses):
            losses[at] = (ts, segments, 0, place)
        return Direction(
            self.source, self.destination, self.first, self.second, Clocks(*self.clocks), 0, (0, 0), losses
        )


_decoder = msgspec.msgpack.Decoder(list[Found])


class Recent:
    """What all sensors saw lately of some address pairs. `most`: segments kept of each; beyond, the oldest half goes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.logs: dict[str, Log] = {}

    def add(self, sensor: str, rows: NDArray[np.void] | None, clock: int) -> None:
        """Take up headers (HEADER[n]) of a sensor, whose clock has come to `clock` (ns): it has seen all until then."""
        log = self.logs.setdefault(sensor, Log())
        if rows is not None:
            log.most = self.most + len(rows)
            log.add(rows)
        if log.span is not None:
            log.span = log.span[0], max(log.span[1], clock)
        log.keep(self.most)

    def forget(self, sensor: str, before: int | None = None) -> None:
        """Drop what a sensor saw before a time (ns), or all."""
        if before is None:
            self.logs.pop(sensor, None)
        elif sensor in self.logs:
            self.logs[sensor].forget(before)

    def located(self, sensor: str, start: int, end: int, gaps: Collection[str] = ()) -> list[Found]:
        """Losses of segments that passed a sensor from `start` to `end` (ns of its clock), or should have, as far as the others
        tell with it. `gaps`: sensors of which messages are missing: then no segment that a sensor missed is borne with."""
        found = []
        for other in sorted(self.logs.keys() - {sensor}):
            if (
                sensor not in self.logs
                or not self.logs[sensor].connections.keys() & self.logs[other].connections.keys()
            ):
                continue
            one, two = sorted((sensor, other))
            missed = 0.0 if sensor in gaps or other in gaps else MOST_MISSED
            told = locate((one, self.logs[one]), (two, self.logs[two]), missed)
            found += [mine for each in told.directions if (mine := _within(each, sensor, start, end)) is not None]
        return sorted(found, key=lambda each: -sum(many for _, many, _ in each.losses))[:MOST_FOUND]

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        return {sensor: log.dump() for sensor, log in self.logs.items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave."""
        for sensor, values in state.items():
            self.logs.setdefault(sensor, Log()).load(values)


def _within(one: Direction, sensor: str, start: int, end: int) -> Found | None:
    """What a direction lost in a stretch of a sensor's time."""
    ts = one.losses["ts"].astype(np.int64)
    at = ts if sensor == one.first else one.clocks.at_b(ts)
    losses = one.losses[(at >= start) & (at < end)]
    if not len(losses):
        return None
    told = [
        (int(mine["ts"].max()), int(mine["segments"].sum()), int(place))
        for place in Place
        if len(mine := losses[losses["place"] == place])
    ]
    clocks = one.clocks
    known = clocks.origin, clocks.offset, clocks.skew, clocks.apart, clocks.packets
    return Found(one.source, one.destination, one.first, one.second, known, told)


def packed(found: list[Found]) -> tuple[bytes, ...]:
    """For WindowPart.located."""
    return (msgspec.msgpack.encode(found),) if found else ()


def unpacked(values: Iterable[bytes]) -> list[Found]:
    """What `packed` gave, of all parts of a window. Raises ValueError."""
    return [each for value in values for each in _decoder.decode(value)]


def as_located(found: Iterable[Found]) -> Located:
    """For `wireverdict.location.evidence`."""
    return Located([each.direction() for each in found], {})
