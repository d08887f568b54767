"""The tables of paths as a snapshot, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.paths import layout, pools
from wireverdict.paths.events import EVENT
from wireverdict.paths.layout import BINS, CHUNK
from wireverdict.paths.observe import I8, PAIRS, U4
from wireverdict.snapshot import Picked, array

if TYPE_CHECKING:
    from wireverdict.paths.paths import Paths


def dump(paths: Paths, rows: int) -> dict[str, Any]:
    """See `Paths.dump`. Of logs and loads only those that belong to somebody."""
    c = paths.counters
    top = int(c[layout.TOP_CHUNK])
    chunks = _chunks(paths.links, int(c[layout.FREE_CHUNK]) - 1, top)
    rings = paths.rings[: int(c[layout.TOP_RING])]
    followed = np.flatnonzero(rings["member"] >= 0)
    return {
        "counters": c,
        "slots": paths.slots[:rows],
        "members": paths.members[: int(c[layout.TOP_MEMBER])],
        "pairs": paths.pairs[: int(c[layout.TOP_PAIR])],
        "links": paths.links[:top],
        "chunks": chunks,
        "logs": Picked(paths.logs, chunks),
        "rings": rings,
        "loads": Picked(paths.loads, followed),
    }


def load(paths: Paths, state: dict[str, Any]) -> None:
    """See `Paths.load`."""
    counters = array(state, "counters", np.int64, layout.COUNTERS, exactly=True)
    for name, table, dtype, top in (
        ("members", paths.members, layout.MEMBER, layout.TOP_MEMBER),
        ("pairs", paths.pairs, layout.PAIR, layout.TOP_PAIR),
        ("rings", paths.rings, layout.RING, layout.TOP_RING),
        ("links", paths.links, np.int32, layout.TOP_CHUNK),
    ):
        rows = array(state, name, dtype, len(table))
        if len(rows) != counters[top]:
            raise ValueError(f"snapshot: {name} do not fit their number")
        table[: len(rows)] = rows
    slots = array(state, "slots", layout.SLOT, len(paths.slots))
    paths.slots[: len(slots)] = slots
    chunks = _places(state, "chunks", int(counters[layout.TOP_CHUNK]))
    logs = array(state, "logs", EVENT, CHUNK * len(chunks), exactly=True)
    paths.logs[chunks] = logs.reshape(-1, CHUNK)
    followed = np.flatnonzero(paths.rings["member"][: int(counters[layout.TOP_RING])] >= 0)
    loads = array(state, "loads", layout.LOAD, BINS * len(followed), exactly=True)
    paths.loads[followed] = loads.reshape(-1, BINS)
    seconds = loads["second"].reshape(-1, BINS)
    paths.oldest[followed] = np.where(seconds < 0, layout.NEVER, seconds).min(axis=1)
    paths.counters[:] = counters
    enter_pairs(paths.pairs, paths.table, paths.sieve, paths.counters)


@kernel(types.void(PAIRS, U4, U4, I8), borrow=True)
def enter_pairs(pairs: Any, table: Any, sieve: Any, counters: Any) -> None:
    """Enter all pairs into the empty table."""
    for row in range(counters[layout.TOP_PAIR]):
        p = pairs[row]
        if p.members >= 0:
            hashed = pools.hash_pair(p.low_hi, p.low_lo, p.high_hi, p.high_lo)
            _, place = pools.find_pair(table, pairs, hashed, p.low_hi, p.low_lo, p.high_hi, p.high_lo)
            pools.enter_pair(table, place, sieve, hashed, row)


def _places(state: dict[str, Any], name: str, most: int) -> NDArray[np.int64]:
    places = array(state, name, np.int64, most)
    if len(places) and not 0 <= places.min() <= places.max() < most:
        raise ValueError(f"snapshot: {name} beyond their table")
    return places


def _chunks(links: NDArray[np.int32], free: int, top: int) -> NDArray[np.int64]:
    """Chunks that are in some pair's log: all but those on the list that begins with `free`."""
    used = np.ones(top, np.bool_)
    while free >= 0:
        used[free] = False
        free = int(links[free])
    return np.flatnonzero(used)
