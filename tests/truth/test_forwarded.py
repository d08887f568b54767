"""A capture on all interfaces of a router, or of what comes into a switch and what goes out, has every packet twice: that is no
loss, and changes no verdict and no flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from producers.timeline import open_timeline
from wireverdict import compose
from wireverdict.frames import FrameBatch
from wireverdict.records import Flag
from wireverdict.settings import Settings
from wireverdict.verdicts import Verdict

CAPTURES = Path(__file__).parents[1] / "lab" / "captures"
TTL = {0x0800: 14 + 8, 0x86DD: 14 + 7}
"""Where it is in an Ethernet frame, by EtherType."""
ROUTER, SWITCH = 40_000, 15_000
"""ns from the packet on the way in to the one on the way out: others pass meanwhile."""


def doubled(batch: FrameBatch, hops: int) -> FrameBatch:
    """Every Ethernet frame again, a little later, with a TTL that is so much less."""
    data = np.concatenate((batch.data, batch.data))
    again = batch.frames.copy()
    again["offset"] += len(batch.data)
    again["ts"] += ROUTER if hops else SWITCH
    kind = data[again["offset"] + 12].astype(int) << 8 | data[again["offset"] + 13]
    for ethertype, place in TTL.items():
        data[again["offset"][kind == ethertype] + place] -= hops
    frames = np.concatenate((batch.frames, again))
    return FrameBatch(data, frames[np.argsort(frames["ts"], kind="stable")])


def judged(path: Path, hops: int | None = None) -> tuple[set[str], int]:
    """Detectors that fired, and how many connections have the flag of a storm; with `hops`, of the doubled capture."""
    pipeline = compose.pipeline(Settings())
    fired: set[str] = set()
    storms = 0
    for batch in open_timeline([path]):
        pipeline.feed(batch if hops is None else doubled(batch, hops))
    pipeline.finish()
    for out in pipeline.take():
        if isinstance(out, Verdict):
            fired.add(out.rule)
        elif isinstance(out, np.ndarray):
            storms += int(np.count_nonzero(out["flags_true"] & (1 << Flag.RETRANSMISSION_STORM)))
    return fired, storms


@pytest.mark.parametrize(
    "name",
    [
        "busy-mix",
        "bufferbloat-down",
        "dns-healthy",
        "heavy-loss",
        "policed-down-big-burst",
        "random-loss",
        "zero-window-client",
    ],
)
def test_packets_that_are_seen_on_both_sides_of_a_router_change_nothing(name: str) -> None:
    path = CAPTURES / f"{name}.client.pcap.xz"
    assert judged(path, hops=1) == judged(path)


@pytest.mark.parametrize("name", ["busy-mix", "heavy-loss", "policed-up-big-burst", "shaped"])
def test_packets_that_a_switch_shows_twice_change_nothing(name: str) -> None:
    path = CAPTURES / f"{name}.client.pcap.xz"
    assert judged(path, hops=0) == judged(path)
