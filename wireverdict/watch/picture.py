"""What is known at one moment, all that a screen or a line shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.output.panels import Incident
from wireverdict.watch.pairs import PairRows
from wireverdict.watch.resolvers import ResolverRows


@dataclass(frozen=True, slots=True)
class Losses:
    """Packets that were not seen, since the start. `fill`: share of the fullest ring in use; None where there is no ring."""

    dropped: int = 0
    freezes: int = 0
    sampled_out: int = 0
    fill: float | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Times in ns of packet time. `since`, `until`: what `pairs` and `resolvers` are about. `connections`: CONNECTION[n], open
    ones (most bytes first), then ended ones (last first). `raised`: flags of ended connections, counted from the start."""

    now: int
    first: int
    packets: int
    octets: int
    packet_rate: float
    bit_rate: float
    history: list[int]
    since: int
    until: int
    pairs: PairRows
    resolvers: ResolverRows
    incidents: list[Incident]
    connections: NDArray[np.void]
    open: int
    ended: int
    raised: list[tuple[str, int]]
    totals: dict[str, Any]
    windows: int  # judged so far
    losses: Losses = field(default_factory=Losses)
    over: bool = False

    @property
    def firing(self) -> list[Incident]:
        """Troubles that go on, gravest first."""
        return [incident for incident in self.incidents if not incident.over]
