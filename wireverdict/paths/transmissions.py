"""The transmissions of one direction of a pair's log, all connections together, and what was lost of them."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.kernels import kernel, types
from wireverdict.paths.events import DELIVERED, EVENT, HIGH, LOST, TIMESTAMPS, TRANSMISSION, UNKNOWN
from wireverdict.paths.scoreboard import (
    FILLS,
    FULL_PAYLOAD,
    HOLE,
    LONG_HOLE,
    REPEATS,
    RTT_MIN,
    SEGMENT,
    TRANSMISSIONS,
    replay,
)

GROUP = np.dtype(
    [
        ("connection", "<i8"),  # its number within the pair
        ("first", "<i8"),  # place of its first event in the order; while counting: how many it has
        ("stop", "<i8"),
        ("largest", "<i8"),  # bytes of payload
        ("full", "<i8"),  # bytes of a full packet
        ("room", "<i8"),  # transmissions that it may have made
        ("lost", "<i8"),
    ],
    align=True,
)
"""A connection in a log."""

(
    GROUPS,  # connections in the log
    ROOM,  # rows that the work space needs; if it has less, nothing else is told
    ROWS,  # transmissions
    AT_RECEIVER,
    REPEATED,
    FILLED,
    BASE_RTT,  # ns
    LOSSES,
    EPISODES,
    FIRST_LOSS,  # ns
    LAST_LOSS,
    DURATION,  # ns between the first and the last loss
    DELIVERED_BYTES,  # between them
    FIGURES,
) = range(14)

row = types.from_dtype
EVENTS, TRANSMISSION_ROWS, GROUP_ROWS = row(EVENT)[::1], row(TRANSMISSION)[::1], row(GROUP)[::1]
SEGMENT_ROWS, I4, I8, F8, U1 = (
    row(SEGMENT)[::1],
    types.int32[::1],
    types.int64[::1],
    types.float64[::1],
    types.uint8[::1],
)


@kernel(borrow=True)
def divide(events: Any, direction: Any, table: Any, of: Any, order: Any, groups: Any) -> Any:
    """Tell the connections of a log apart; how many there are.

    Writes `groups`, for each event its group in `of`, and in `order` the events of each group, in their order. `table`
    is scratch: a power of two of places, at least twice as many as there are events.
    """
    count = np.int64(0)
    mask = np.int64(len(table) - 1)
    for k in range(len(table)):
        table[k] = 0
    g: Any = np.int64(-1)
    for j in range(len(events)):
        e = events[j]
        if g < 0 or groups[g].connection != e.connection:
            place = np.int64(e.connection) * np.int64(0x9E3779B1) & mask
            while table[place] and groups[table[place] - 1].connection != e.connection:
                place = (place + 1) & mask
            g = np.int64(table[place]) - 1
            if g < 0:
                g = count
                count += 1
                table[place] = np.int32(count)
                new = groups[g]
                new.connection, new.first, new.largest, new.lost = e.connection, 0, 0, 0
        of[j] = np.int32(g)
        groups[g].first += 1
        if (e.flags & HIGH) == direction:
            groups[g].largest = max(groups[g].largest, np.int64(e.payload))
    at = np.int64(0)
    for g in range(count):
        size = groups[g].first
        groups[g].first, groups[g].stop = at, at
        at += size
    for j in range(len(events)):
        group = groups[of[j]]
        order[group.stop] = np.int32(j)
        group.stop += 1
    return count


@kernel(borrow=True)
def measure(events: Any, direction: Any, order: Any, group: Any) -> None:
    """Set what a full packet of a connection is, and how many transmissions it may have made at most: all of it may have
    been split and sent again, and every hole in its sequence has pieces."""
    full = min(group.largest, np.int64(FULL_PAYLOAD))
    if group.largest > FULL_PAYLOAD and events[order[group.first]].flags & TIMESTAMPS:
        full -= 12  # the option's size with its padding
    group.full = full
    room = np.int64(64)
    began, high = np.uint32(0), np.int64(-1)
    for position in range(group.first, group.stop):
        e = events[order[position]]
        if (e.flags & HIGH) != direction or not e.payload:
            continue
        if high < 0:
            began, high = e.seq, np.int64(0)
        start = np.int64(np.int32(np.uint32(e.seq) - np.uint32(began)))
        if start > high:
            room += min((start - high) // full + 1, np.int64(LONG_HOLE))
        high = max(high, start + np.int64(e.payload))
        room += 2 * (np.int64(e.payload) // full + 2)
    group.room = room


@kernel(borrow=True)
def arrange(out: Any, many: Any, at_receiver: Any, places: Any, rows: Any) -> Any:
    """Write those transmissions whose fate is known to `rows`, in the order of their events; how many there are.

    `places` is scratch, one for every event and two more.
    """
    for k in range(len(places)):
        places[k] = 0
    for i in range(many):
        t = out[i]
        if at_receiver:
            if t.rtt != HOLE:
                t.fate = DELIVERED
        elif t.rtt == HOLE or t.fate == UNKNOWN:
            continue
        places[t.event + 2] += 1
    for k in range(2, len(places)):
        places[k] += places[k - 1]
    kept = np.int64(places[len(places) - 1])
    for i in range(many):
        t = out[i]
        if not at_receiver and (t.rtt == HOLE or t.fate == UNKNOWN):
            continue
        place = places[t.event + 1]
        places[t.event + 1] = place + 1
        rows[place] = t
    return kept


@kernel(borrow=True)
def sum_up(rows: Any, many: Any, of: Any, groups: Any, gaps: Any, sizes: Any, lost: Any, figures: Any) -> None:
    """What was lost of some transmissions, by connection and in all, and the columns that the judge needs of them."""
    losses, episodes = np.int64(0), np.int64(0)
    since, delivered = 0.0, 0.0  # bytes since the last loss, and between the first and the last
    for i in range(many):
        t = rows[i]
        gaps[i] = float(max(t.ts - rows[i - 1].ts, np.int64(0))) if i else 0.0
        sizes[i] = t.size
        lost[i] = t.fate == LOST
        if t.fate != LOST:
            since += t.size
            continue
        groups[of[t.event]].lost += 1
        if losses == 0:
            figures[FIRST_LOSS] = t.ts
        else:
            delivered += since
        if losses == 0 or t.ts - figures[LAST_LOSS] > figures[BASE_RTT]:
            episodes += 1
        since = 0.0
        losses += 1
        figures[LAST_LOSS] = t.ts
    figures[LOSSES], figures[EPISODES] = losses, episodes
    figures[DURATION] = figures[LAST_LOSS] - figures[FIRST_LOSS]
    figures[DELIVERED_BYTES] = np.int64(delivered)


@kernel(
    types.void(
        EVENTS,
        types.int64,
        types.int64,
        I4,
        I4,
        I4,
        GROUP_ROWS,
        SEGMENT_ROWS,
        TRANSMISSION_ROWS,
        TRANSMISSION_ROWS,
        I4,
        F8,
        F8,
        U1,
        I8,
        I8,
    ),
    borrow=True,
)
def account(
    events: Any, direction: Any, link_overhead: Any, table: Any, of: Any, order: Any, groups: Any, segments: Any,
    out: Any, rows: Any, previous: Any, gaps: Any, sizes: Any, lost: Any, counters: Any, figures: Any,
) -> None:  # fmt: skip
    """Replay all connections of a log in one direction, and say in `figures` what came out; all else is work space.

    `rows`: the transmissions; `gaps`, `sizes`, `lost`: columns of them, as `wireverdict.paths.bucket.scan` takes them.
    """
    for k in range(FIGURES):
        figures[k] = 0
    count = divide(events, direction, table, of, order, groups)
    figures[GROUPS] = count
    for g in range(count):
        group = groups[g]
        if group.largest:
            measure(events, direction, order, group)
            figures[ROOM] += group.room
    if figures[ROOM] > len(out):
        return
    counters[TRANSMISSIONS], counters[REPEATS], counters[FILLS] = 0, 0, 0
    for g in range(count):
        group = groups[g]
        if group.largest:
            replay(
                events, order, group.first, group.stop, direction, group.full, link_overhead, segments, out, previous,
                group.room, counters,
            )  # fmt: skip
            rtt = counters[RTT_MIN]
            if 0 < rtt < np.int64(1) << 60:
                figures[BASE_RTT] = min(figures[BASE_RTT], rtt) if figures[BASE_RTT] else rtt
    figures[REPEATED], figures[FILLED] = counters[REPEATS], counters[FILLS]
    at_receiver = counters[FILLS] > counters[REPEATS]
    figures[AT_RECEIVER] = at_receiver
    many = arrange(out, counters[TRANSMISSIONS], at_receiver, order, rows)
    figures[ROWS] = many
    sum_up(rows, many, of, groups, gaps, sizes, lost, figures)


class Replay(NamedTuple):
    """What a log says of one direction. Arrays are valid until the next log is replayed in the same thread.

    `rows`: TRANSMISSION[n] of known fate, in order of the log; `at_receiver`: the capture lies behind the point of
    loss, so that lost packets are holes; `repeats`, `fills`: data packets sent again, holes filled by retransmissions;
    `base_rtt`: ns, the smallest, 0 unknown. `gaps` (ns since the row before), `sizes` (bytes) and `lost` (0 or 1), all
    (n,), are what the judge needs of the rows. `losses`; `episodes` of loss, a base round trip apart; `first_loss`,
    `last_loss`: ns; `delivered`: bytes between them. `lost_by`: packets lost by number of the connection.
    """

    rows: NDArray[np.void]
    at_receiver: bool
    repeats: int
    fills: int
    base_rtt: int
    gaps: NDArray[np.float64]
    sizes: NDArray[np.float64]
    lost: NDArray[np.uint8]
    losses: int
    episodes: int
    first_loss: int
    last_loss: int
    delivered: int
    lost_by: dict[int, int]


class _Workspace(threading.local):
    """Rows for `account`, kept for the next log in a thread: fresh memory would cost more than what is done with it."""

    def __init__(self) -> None:
        self.counters, self.figures = np.zeros(6, np.int64), np.zeros(FIGURES, np.int64)
        self.events(1)
        self.transmissions(1)

    def events(self, size: int) -> None:
        """Make room for a log."""
        self.table = np.empty(4 << size.bit_length(), np.int32)
        self.of, self.order, self.groups = np.empty(size, np.int32), np.empty(size + 2, np.int32), np.empty(size, GROUP)

    def transmissions(self, size: int) -> None:
        """Make room for the transmissions of a log."""
        self.segments, self.previous = np.empty(size, SEGMENT), np.empty(size, np.int32)
        self.out, self.rows = np.empty(size, TRANSMISSION), np.empty(size, TRANSMISSION)
        self.gaps, self.sizes, self.lost = np.empty(size), np.empty(size), np.empty(size, np.uint8)


_WORKSPACE = _Workspace()


def transmissions(events: NDArray[np.void], direction: int, link_overhead: int) -> Replay:
    """Replay all connections of a pair (`events`: EVENT[n], in order) in one direction: 0 from the lower address."""
    w, size = _WORKSPACE, len(events)
    if len(w.of) < size:
        w.events(2 * size)
    table = w.table[: 2 << size.bit_length()]
    while True:
        account(
            events, direction, link_overhead, table, w.of, w.order[: size + 2], w.groups, w.segments, w.out, w.rows,
            w.previous, w.gaps, w.sizes, w.lost, w.counters, w.figures,
        )  # fmt: skip
        if w.figures[ROOM] <= len(w.out):
            break
        w.transmissions(2 * int(w.figures[ROOM]))
    (
        groups, _, n, at_receiver, repeats, fills, base_rtt, losses, episodes, first_loss, last_loss, _, delivered,
    ) = w.figures.tolist()  # fmt: skip
    lost_by: dict[int, int] = {}
    if losses:
        found = w.groups[:groups]
        found = found[found["lost"] > 0]
        lost_by = dict(sorted(zip(found["connection"].tolist(), found["lost"].tolist(), strict=True)))
    return Replay(
        w.rows[:n], bool(at_receiver), repeats, fills, base_rtt, w.gaps[:n], w.sizes[:n], w.lost[:n], losses, episodes,
        first_loss, last_loss, delivered, lost_by,
    )  # fmt: skip
