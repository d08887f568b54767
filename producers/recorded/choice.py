"""Which headers of a source are wanted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import HeaderBatch
from wireverdict.windows.home import HomeNetworks

FAR = 1 << 62


@dataclass(frozen=True)
class Choice:
    """A range of the sensors' clocks (ns; None: without a bound), names of sensors, networks; empty: all."""

    begin: int | None = None
    end: int | None = None
    sensors: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    _networks: HomeNetworks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.begin is not None and self.end is not None and self.end <= self.begin:
            raise ValueError("the end of the time range is not after its beginning")
        try:
            networks = HomeNetworks(self.addresses)
        except ValueError as error:
            raise ValueError(str(error).replace("home network", "--address", 1)) from None
        object.__setattr__(self, "_networks", networks)

    @property
    def first(self) -> int:
        """ns, the first moment of the range."""
        return -FAR if self.begin is None else self.begin

    @property
    def limit(self) -> int:
        """ns, the first moment after the range."""
        return FAR if self.end is None else self.end

    def wants(self, sensor: str) -> bool:
        """Whether a sensor is among those that are wanted."""
        return not self.sensors or sensor in self.sensors

    def part(self, batch: HeaderBatch, clock: NDArray[np.int64]) -> tuple[HeaderBatch, NDArray[np.int64]]:
        """What is wanted of some headers. The clock grows, so the range is one slice of them."""
        rows = batch.rows
        if self.begin is not None or self.end is not None:
            start, stop = np.searchsorted(clock, [self.first, self.limit])
            rows, clock = rows[start:stop], clock[start:stop]
        if self._networks and len(rows):
            mask = self.about(rows)
            if not mask.all():
                rows, clock = rows[mask], clock[mask]
        return (batch if rows is batch.rows else batch._replace(rows=rows)), clock

    def about(self, rows: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which headers (HEADER[n]) come from, go to or quote a packet of one of the networks."""
        sides: Sequence[str] = ("src", "dst", "quoted_src", "quoted_dst")
        inside = [self._networks.contains(rows[f"{side}_hi"], rows[f"{side}_lo"]) for side in sides]
        found: NDArray[np.bool_] = np.logical_or.reduce(inside)
        return found
