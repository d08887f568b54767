"""The memory of windows as a snapshot, and back: what is used is kept, indexes are made anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.snapshot import array
from wireverdict.windows import state
from wireverdict.windows.dns_state import CELLS, KEY_USED, NAME, NAME_INDEX, NAMES, PAIR_INDEX, PAIRS, WAITING
from wireverdict.windows.fields import DNS_KEY, SERVICE_KEY
from wireverdict.windows.state import aligned
from wireverdict.windows.tables import hash_pair, hash_service, mix

row_of = types.from_dtype
PLACES, KEYS, PAIR_ROWS, NAME_ROWS, WAITERS = (
    row_of(t)[::1] for t in (state.PLACE, SERVICE_KEY, DNS_KEY, NAME, WAITING)
)
I64, I32, U32 = types.int64[::1], types.int32[::1], types.uint32[::1]

_KEPT = [state.WIDTH, state.LATENESS, state.COUNT]
_OWN = [state.WIDTH, state.LATENESS, state.COUNT, state.RING, state.SERVICES, state.INDEX]
_OWN += [state.OLD_MS, state.STALL_LIMIT, state.ROOM, state.DNS_LISTED, state.BOOKED]

_Tables = tuple[NDArray[Any], ...]


@kernel(types.void(types.int64, I64, PLACES, KEYS, U32), borrow=True)
def index_services(r: Any, s: Any, ring: Any, keys: Any, index: Any) -> None:
    """Enter the service rows of the window in place `r` into its empty index."""
    mask = s[state.INDEX] - 1
    first, rows = r * s[state.INDEX], r * s[state.SERVICES]
    for row in range(1, ring[r].used):
        k = keys[rows + row]
        h = hash_service(
            k.low_hi, k.low_lo, k.high_hi, k.high_lo, np.int64(k.port), np.int64(k.protocol), np.int64(k.responder)
        )
        cell = np.int64(h) & mask
        while index[first + cell]:
            cell = (cell + 1) & mask
        index[first + cell] = (np.uint32(h >> np.uint64(32)) & np.uint32(0xFF000000)) | np.uint32(row)
        k.pad = np.uint32(cell)


@kernel(types.void(PLACES, I64, PAIR_ROWS, I32, I32, NAME_ROWS, I32), borrow=True)
def index_answers(ring: Any, d: Any, pairs: Any, index: Any, place: Any, kept: Any, name_index: Any) -> None:
    """Enter the rows of clients + resolvers and of names of all open windows into their empty indexes."""
    for r in range(len(ring)):
        if ring[r].open == 0:
            continue
        first, rows, mask = r * d[PAIR_INDEX], r * d[PAIRS], d[PAIR_INDEX] - 1
        for row in range(1, ring[r].dns_used):
            k = pairs[rows + row]
            cell = np.int64(hash_pair(k.client_hi, k.client_lo, k.server_hi, k.server_lo, 53)) & mask
            while index[first + cell]:
                cell = (cell + 1) & mask
            index[first + cell] = row
            place[rows + row] = cell
        first, rows, mask = r * d[NAME_INDEX], r * d[NAMES], d[NAME_INDEX] - 1
        for row in range(1, ring[r].names_used):
            name = kept[rows + row]
            cell = np.int64(mix(np.uint64(name.qtype), name.qhash)) & mask
            while name_index[first + cell]:
                cell = (cell + 1) & mask
            name_index[first + cell] = row
            name.place = cell


@kernel(types.void(I64, WAITERS, I32, I32, I32), borrow=True)
def index_waiting(d: Any, waiting: Any, last: Any, cells: Any, recent: Any) -> None:
    """Enter the keys of waiting attempts into their empty index, and those that were asked `last` into that of these."""
    mask = d[CELLS] - 1
    for which in range(1, d[KEY_USED]):
        if waiting[which].head == 0:
            continue
        cell = np.int64(waiting[which].hash) & mask
        while cells[cell]:
            cell = (cell + 1) & mask
        cells[cell] = which
    for i in range(len(last)):
        cell = np.int64(waiting[last[i]].near) & mask
        while recent[cell]:
            cell = (cell + 1) & mask
        recent[cell] = last[i]


def dump(tables: _Tables, s: NDArray[np.int64], slots: NDArray[np.void], stalls: NDArray[np.void]) -> dict[str, Any]:
    """See `Windows.dump`."""
    ring = tables[0]
    words = state.SLOT.itemsize // 8
    known = np.flatnonzero(slots.view(np.uint64))
    return {
        "scalars": s,
        "ring": ring,
        "slots": slots[: int(known[-1]) // words + 1 if len(known) else 0],
        "stalls": stalls[: int(s[state.STALL_USED])],
        "places": [
            {name: memory[first:stop] for name, memory, first, stop in _used(place, s, tables)}
            for place in np.flatnonzero(ring["open"]).tolist()
        ],
    }


def load(told: dict[str, Any], tables: _Tables, s: NDArray[np.int64], stalls: NDArray[np.void]) -> NDArray[np.void]:
    """Fill the empty `tables` and `stalls`; the slots. Raises ValueError."""
    ring, keys, index = tables[:3]
    scalars = array(told, "scalars", np.int64, state.S_SIZE, exactly=True)
    if (scalars[_KEPT] != s[_KEPT]).any():
        raise ValueError("snapshot: windows.width, windows.lateness or windows.packets was another")
    own = s[_OWN].copy()
    s[:] = scalars
    s[_OWN] = own
    kept = array(told, "ring", state.PLACE, len(ring), exactly=True)
    ring[:] = kept
    stalled = array(told, "stalls", state.STALL, len(stalls))
    if len(stalled) != s[state.STALL_USED]:
        raise ValueError("snapshot: closed receive windows do not fit their number")
    stalls[: len(stalled)] = stalled
    places = np.flatnonzero(ring["open"]).tolist()
    if len(told["places"]) != len(places):
        raise ValueError("snapshot: other windows than those that are open")
    for place, memories in zip(places, told["places"], strict=True):
        for name, memory, first, stop in _used(place, s, tables):
            memory[first:stop] = array(memories, name, memory.dtype, stop - first, exactly=True)
        index_services(place, s, ring, keys, index)
    known = array(told, "slots", state.SLOT, 1 << 24)
    slots = aligned(max(1024, len(known)), state.SLOT)
    slots[: len(known)] = known
    return slots


def _used(place: int, s: NDArray[np.int64], tables: _Tables) -> list[tuple[str, NDArray[Any], int, int]]:
    """What a ring place uses of each table: name, table, first entry, entry after the last. Raises ValueError."""
    ring, keys, _, sent, flows, trouble_of, troubles = tables
    room, used, many = int(s[state.SERVICES]), int(ring[place]["used"]), int(ring[place]["troubles"])
    if not 1 <= used <= room or not 0 <= many <= room:
        raise ValueError(f"snapshot: {used:,} services in a window, and there is room for {room:,}")
    first = place * room
    return [
        ("keys", keys, first, first + used),
        ("sent", sent, 2 * first, 2 * (first + used)),
        ("flows", flows, 2 * first, 2 * (first + used)),
        ("trouble_of", trouble_of, first, first + used),
        ("troubles", troubles, 2 * first, 2 * (first + many)),
    ]
