"""Headers through the tracker and Paths, with windows of ten seconds closed ten seconds after their end."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from producers.timeline import open_timeline
from tests.paths.network import (
    SECOND,
    Connection,
    Element,
    Gilbert,
    Network,
    Outages,
    Policer,
    Queue,
    Random,
    TokenBucketFilter,
)
from wireverdict.boundary import first_at_or_after
from wireverdict.connections.tracker import Settings, Tracker
from wireverdict.decode.decoder import Decoder, DecodeSettings
from wireverdict.paths import Paths, PathSettings
from wireverdict.paths.view import PathView

WIDTH = LATENESS = 10 * SECOND


class Driven(NamedTuple):
    """What came out."""

    views: list[PathView]
    records: NDArray[np.void]
    paths: Paths


def drive(rows: NDArray[np.void], settings: PathSettings | None = None, batch: int = 1 << 30) -> Driven:
    """Play HEADER rows in batches of `batch`; records of all connections at the end."""
    tracker, paths = Tracker(Settings(max_connections=1 << 12)), Paths(settings)
    views: list[PathView] = []
    end = (int(rows["ts"][0]) // WIDTH + 1) * WIDTH
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        tracker.track(part, 0, len(part))
        done = 0
        while done < len(part):
            stop = max(first_at_or_after(part, done, end + LATENESS), done)
            paths.observe(part, tracker.notes, done, stop)
            if stop < len(part):
                views.append(paths.judge(end - WIDTH, end))
                end += WIDTH
            done = stop
    while end - WIDTH <= int(rows["ts"][-1]):
        views.append(paths.judge(end - WIDTH, end))
        end += WIDTH
    tracker.finish()
    slots = tracker.ended_rows.copy()
    records = tracker.drain()
    paths.apply_flags(slots, records)
    return Driven(views, records, paths)


def elements(name: str) -> list[Element]:
    """The paths that tests know by name."""
    made: dict[str, list[Element]] = {
        "policer": [Policer(5e6, 50e3)],
        "policer with a large burst": [Policer(5e6, 500e3)],
        "policer that lets two packets wait": [TokenBucketFilter(2e6, 500e3, 3_100)],
        "shaper": [Queue(5e6, 60e3)],
        "short queue": [Queue(5e6, 20e3)],
        "bloated queue": [Queue(5e6, 600e3)],
        "random loss": [Random(0.01, 3)],
        "rare random loss": [Queue(8e6, 150e3), Random(0.002, 81)],
        "heavy random loss": [Random(0.05, 3)],
        "random loss behind a queue": [Queue(10e6, 60e3), Random(0.01, 3)],
        "short bursts of loss": [Queue(8e6, 200e3), Gilbert(0.02, 5, 3)],
        "long bursts of loss": [Queue(8e6, 200e3), Gilbert(0.02, 20, 3)],
        "tiny queue": [Queue(1.63e6, 3_500)],
        "fades": [Queue(20e6, 200e3), Gilbert(0.044, 20, 47)],
        "few fades": [Queue(20e6, 200e3), Gilbert(0.006, 20, 58)],
        "outages": [Queue(8e6, 200e3), Outages(1.5, 0.05, 3)],
        "clean": [Queue(8e6, 1e6)],
    }
    return made[name]


def read(path: Path) -> NDArray[np.void]:
    """The headers of a capture file."""
    decoder = Decoder(DecodeSettings())
    return np.concatenate([decoder.decode(batch).rows.copy() for batch in open_timeline([str(path)])])


class Played(NamedTuple):
    """A transfer as captured at both ends, and what the network did."""

    sender: NDArray[np.void]
    receiver: NDArray[np.void]
    network: Network


@functools.cache
def play(
    name: str,
    *,
    connections: int = 1,
    seconds: float = 16.0,
    window: int = 1 << 30,
    pace: float = 0.0,
    rtt: float = 0.05,
    seed: int = 1,
) -> Played:
    """Bulk transfers over a named path."""
    network = Network(elements(name), rtt=rtt, seed=seed)
    senders = [Connection(k, 0.1 + 0.37 * k, window=window, pace=pace, threshold=100.0) for k in range(connections)]
    sender, receiver = network.run(senders, seconds)
    return Played(sender, receiver, network)
