"""From what two sensors saw of the same connections to where their segments were lost: `locate`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ACK, RST, SYN
from wireverdict.location import clocks, follow
from wireverdict.location.clocks import Clocks
from wireverdict.location.log import SEGMENT, Endpoints, Log, Pair, packet_ids
from wireverdict.location.unchanged import unchanged

MOST_MISSED = 0.001
"""Share of a connection's segments that a sensor's own capture may have missed; where it is more, what hangs on that capture
being whole is unknown."""
SAMPLE = 100_000
"""Packets of a pair of addresses, at most, by which clocks are compared: more say nothing new."""


class Place(IntEnum):
    """Where a segment was lost, seen from its sender."""

    BEFORE = 0  # before the first of the two sensors on its way
    BETWEEN = 1
    AFTER = 2  # after the second
    UNKNOWN = 3


LOSS = np.dtype(
    [
        ("ts", "<i8"),  # ns, of the clock of `first`, when it was sent (or jumped over) there
        ("segments", "<u4"),
        ("bytes", "<u4"),
        ("place", "u1"),
    ],
    align=True,
)
"""Segments lost of one transmission."""


class Direction(NamedTuple):
    """One direction of one connection. `first`, `second`: the sensors in the order in which its packets pass them.
    `sent`: data segments that the first one saw. `missed`: of all segments, those that the first and the second's capture
    missed, as far as the other and acknowledgements show it. `losses`: LOSS[n]."""

    source: tuple[int, int, int]
    destination: tuple[int, int, int]
    first: str
    second: str
    clocks: Clocks  # A is `first`
    sent: int
    missed: tuple[int, int]
    losses: NDArray[np.void]


@dataclass(slots=True)
class Located:
    """What could be told. `silent`: connections that both sensors saw and of which nothing is said, by reason. `whole`: of
    those that both saw, the ones in which nothing was lost or sent again, which have no `directions`; and their segments."""

    directions: list[Direction]
    silent: dict[str, int]
    seen_by_both: int = 0
    whole: int = 0
    whole_segments: int = 0


def locate(first: tuple[str, Log], second: tuple[str, Log], most_missed: float = MOST_MISSED) -> Located:
    """Where segments of connections that both sensors saw were lost. Names of the sensors, and their logs.

    `most_missed`: the share of a connection's segments that a sensor's own capture may have missed; where it is more,
    what hangs on that capture being whole is unknown.
    """
    logs = [first[1], second[1]]
    rows = [log.segments() for log in logs]
    made = Located([], {})
    both = sorted(set(logs[0].connections) & set(logs[1].connections))
    made.seen_by_both = len(both)
    quiet = unchanged(rows[0], rows[1])
    made.whole, made.whole_segments = len(quiet), sum(quiet.values())
    names = first[0], second[0]
    pairs = _by_pair({number: logs[0].connections[number] for number in both})
    known = frozenset(both)
    alone_at = [_by_pair({n: ends for n, ends in log.connections.items() if n not in known}) for log in logs]
    for pair, numbers in pairs.items():
        faulty = [number for number in numbers if number not in quiet]
        if not faulty and not any(pair in alone for alone in alone_at):
            continue
        mine = [_of(part, numbers) for part in rows]
        order = _order(mine)
        if order is None:
            made.silent["clocks"] = made.silent.get("clocks", 0) + len(faulty)
            continue
        of_pair: list[Direction] = []
        for number in faulty:
            ends = logs[0].connections[number]
            told: list[Direction] = []
            for alone in _uses([_of(part, [number]) for part in mine]):
                told += _directions(ends, alone, logs, names, order, most_missed)
            of_pair += told
            if not told:
                made.silent["no_match"] = made.silent.get("no_match", 0) + 1
        made.directions += of_pair
        for near in (0, 1):
            others = alone_at[near].get(pair, [])
            told_or_whole = of_pair or len(faulty) < len(numbers)
            sound = sum(one.missed[1] for one in of_pair) <= most_missed * sum(one.sent for one in of_pair)
            if others and told_or_whole and sound:
                made.directions += _unanswered(_of(rows[near], others), logs, near, names, order)
    return made


def _by_pair(connections: dict[int, Endpoints]) -> dict[Pair, list[int]]:
    """Connections by their addresses."""
    pairs: dict[Pair, list[int]] = {}
    for number, ends in sorted(connections.items()):
        pairs.setdefault(ends.pair, []).append(number)
    return pairs


def _unanswered(
    rows: NDArray[np.void], logs: list[Log], near: int, names: tuple[str, str], order: tuple[Clocks, int]
) -> Iterator[Direction]:
    """SYNs of connections that the far sensor has not seen at all, though it saw others between the same addresses: so it
    is no translation of addresses. Connections of which the near sensor saw anything else are left out."""
    span = logs[1 - near].span
    assert span is not None
    way = 0 if order[1] == near else 1
    clock = order[0] if way == 0 else turned(order[0])
    for number in np.unique(rows["connection"]):
        mine = _of(rows, [int(number)])
        if not ((mine["from_high"] == way) & (mine["flags"] & (SYN | ACK | RST) == SYN) & (mine["length"] == 1)).all():
            continue
        ts = mine["ts"].astype(np.int64)
        due = clock.at_b(ts)
        lost = ts[(due >= span[0]) & (due <= span[1] - follow.MARGIN)]
        losses = np.zeros(len(lost), LOSS)
        losses["ts"], losses["segments"], losses["bytes"], losses["place"] = lost, 1, 1, Place.BETWEEN
        ends = logs[near].connections[int(number)]
        source, destination = (ends.low, ends.high) if way == 0 else (ends.high, ends.low)
        yield Direction(source, destination, names[near], names[1 - near], clock, len(mine), (0, 0), losses)


def _of(rows: NDArray[np.void], numbers: list[int]) -> NDArray[np.void]:
    """The rows of some connections; `rows` are sorted by connection, `numbers` by number."""
    wanted = np.array(numbers, np.uint64)
    starts = np.searchsorted(rows["connection"], wanted, "left")
    ends = np.searchsorted(rows["connection"], wanted, "right")
    return np.concatenate([rows[start:end] for start, end in zip(starts, ends, strict=True)] or [np.zeros(0, SEGMENT)])


def _order(rows: list[NDArray[np.void]]) -> tuple[Clocks, int] | None:
    """The clocks of both sensors (A is the one that packets from the lower endpoints pass first), and which is A; None if
    that cannot be told."""
    ids = [packet_ids(part) for part in rows]
    single = []
    for part, names in zip(rows, ids, strict=True):
        values, place, many = np.unique(names, return_index=True, return_counts=True)
        once = many == 1  # a packet that was seen twice may be another
        single.append((values[once], place[once], part))
    common, at_a, at_b = np.intersect1d(single[0][0], single[1][0], assume_unique=True, return_indices=True)
    if not len(common):
        return None
    a, b = single[0][2][single[0][1][at_a]], single[1][2][single[1][1][at_b]]
    up = a["from_high"] == 0
    at = a["ts"].astype(np.int64), b["ts"].astype(np.int64)
    for which in (0, 1):  # the first sensor is nearer to the lower endpoint, or the second
        here, other = at if which == 0 else at[::-1]
        found = clocks.compare((here[up][:SAMPLE], other[up][:SAMPLE]), (here[~up][:SAMPLE], other[~up][:SAMPLE]))
        if found is not None:
            return found, which
    return None


def _uses(rows: list[NDArray[np.void]]) -> list[list[NDArray[np.void]]]:
    """The rows of one pair of endpoints by the connections that they made one after the other: numbers mean something
    else in each.

    A connection begins with the first SYN of a number. Those that one sensor alone saw begin are left out with what came
    before the first.
    """
    starts: list[dict[int, int]] = []
    for part in rows:
        opening = np.flatnonzero(part["flags"] & (SYN | ACK) == SYN)
        numbers, at = np.unique(part["seq"][opening], return_index=True)
        starts.append(dict(zip(numbers.tolist(), opening[at].tolist(), strict=True)))
    if max(map(len, starts)) < 2:
        return [rows]
    uses = []
    for number in starts[0].keys() & starts[1].keys():
        cut = []
        for part, known in zip(rows, starts, strict=True):
            end = min((place for place in known.values() if place > known[number]), default=len(part))
            cut.append(part[known[number] : end])
        uses.append(cut)
    return sorted(uses, key=lambda use: int(use[0]["ts"][0]))


def _directions(
    ends: Endpoints,
    rows: list[NDArray[np.void]],
    logs: list[Log],
    names: tuple[str, str],
    order: tuple[Clocks, int],
    most_missed: float,
) -> Iterator[Direction]:
    found, nearer = order
    for way in (0, 1):
        near = nearer if way == 0 else 1 - nearer
        far = 1 - near
        clock = found if way == 0 else turned(found)
        span = logs[far].span
        assert span is not None
        sender = [part[part["from_high"] == way] for part in rows]
        answers = [part[(part["from_high"] != way) & (part["flags"] & (ACK | RST) == ACK)] for part in rows]
        told = follow.follow(sender[near], sender[far], answers[far], clock, span, answers[near])
        if told is None:
            continue
        losses = np.zeros(len(told.ts), LOSS)
        losses["ts"], losses["bytes"], losses["place"] = told.ts, told.bytes, told.place
        losses["segments"] = -(-told.bytes // told.segment)
        if told.missed_near > most_missed * told.sent:
            losses["place"][losses["place"] == Place.BEFORE] = Place.UNKNOWN
        if told.missed_far > most_missed * told.sent:
            losses["place"][losses["place"] == Place.BETWEEN] = Place.UNKNOWN
        source, destination = (ends.low, ends.high) if way == 0 else (ends.high, ends.low)
        missed = told.missed_near, told.missed_far
        yield Direction(source, destination, names[near], names[far], clock, told.sent, missed, losses)


def turned(found: Clocks) -> Clocks:
    """The same with A and B exchanged."""
    skew = -found.skew / (1 + found.skew)
    return Clocks(found.origin + found.offset, -found.offset, skew, found.apart, found.packets)
