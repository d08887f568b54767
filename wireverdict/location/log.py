"""What a sensor saw of TCP segments: one row each, small enough to keep until another sensor's are there to compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import COPY, DSACK, FIN, QUOTED_ONLY, SACK1, SACK2, SYN, TCP, TCP_HEADER, TIMESTAMPS

SEGMENT = np.dtype(
    [
        ("connection", "<u8"),  # hash of both endpoints
        ("ts", "<i8"),  # ns, of the sensor's clock
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("length", "<u4"),  # sequence numbers that it takes: payload, SYN and FIN
        ("tsval", "<u4"),  # 0: none
        ("tsecr", "<u4"),
        ("sack_left", "<u4", (2,)),
        ("sack_right", "<u4", (2,)),  # equal to the left: no block
        ("flags", "<u2"),
        ("from_high", "u1"),  # sent by the endpoint with the numerically higher address and port
        ("dsack", "u1"),  # the first block reports a duplicate (RFC 2883)
    ],
    align=True,
)
"""One segment; 56 bytes."""

_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))


Pair = tuple[tuple[int, int], tuple[int, int]]
"""Two addresses as HEADER holds them, that of the numerically lower endpoint first."""


class Endpoints(NamedTuple):
    """A connection: addresses as HEADER holds them, the numerically lower endpoint first."""

    low: tuple[int, int, int]  # most and least significant half of the address, port
    high: tuple[int, int, int]

    @property
    def pair(self) -> Pair:
        """Its addresses."""
        return self.low[:2], self.high[:2]


@dataclass(slots=True)
class Log:
    """Segments of one sensor, in the order in which they were captured. `most`: rows that are kept; of what comes after
    them only the number is, and the sensor counts as having seen nothing from then on."""

    most: int = 5_000_000
    left_out: int = 0
    connections: dict[int, Endpoints] = field(default_factory=dict)
    span: tuple[int, int] | None = None  # times of the first and last packet of the sensor, whatever it was; ns
    _rows: list[NDArray[np.void]] = field(default_factory=list)
    _many: int = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Take up headers (HEADER[n])."""
        if not len(rows) or self.left_out:
            self.left_out += len(rows)
            return
        first, last = int(rows["ts"].min()), int(rows["ts"].max())
        before = self.span or (first, first)
        self.span = min(first, before[0]), max(last, before[1])
        present = rows["present"]
        mine = (rows["protocol"] == TCP) & (present & TCP_HEADER != 0) & (present & (COPY | QUOTED_ONLY) == 0)
        chosen = np.flatnonzero(mine)
        room = self.most - self._many
        if len(chosen) > room:
            self.left_out += len(chosen) - room
            self.span = self.span[0], max(int(rows["ts"][chosen[room]]) - 1, self.span[0])
        if not len(chosen := chosen[:room]):
            return
        made, ends = _segments(rows[chosen])
        self._rows.append(made)
        self._many += len(made)
        numbers, at = np.unique(made["connection"], return_index=True)
        for number, place in zip(numbers.tolist(), at.tolist(), strict=True):
            if number not in self.connections:
                self.connections[number] = Endpoints(*(tuple(map(int, end[place])) for end in ends))  # type: ignore[arg-type]

    def until(self, ts: int) -> None:
        """The sensor has seen all that there was up to `ts` (ns) and, as far as is known, nothing of what was after."""
        if self.span is not None:
            self.span = self.span[0], max(min(self.span[1], ts), self.span[0])

    def _whole(self) -> NDArray[np.void]:
        rows = np.concatenate(self._rows) if self._rows else np.zeros(0, SEGMENT)
        self._rows = [rows]
        return rows

    def segments(self) -> NDArray[np.void]:
        """All rows (SEGMENT[n]), by connection and in order of time."""
        rows = self._whole()
        ordered: NDArray[np.void] = rows[np.lexsort((rows["ts"], rows["connection"]))]
        return ordered


def _segments(rows: NDArray[np.void]) -> tuple[NDArray[np.void], tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """The rows as SEGMENT, and their endpoints: uint64 (n, 3) each, the lower ones and the higher ones."""
    made = np.zeros(len(rows), SEGMENT)
    sender = np.stack([rows["src_hi"], rows["src_lo"], rows["sport"].astype(np.uint64)], axis=1)
    receiver = np.stack([rows["dst_hi"], rows["dst_lo"], rows["dport"].astype(np.uint64)], axis=1)
    differ = sender != receiver
    place = np.argmax(differ, axis=1)
    each = np.arange(len(rows))
    from_high = sender[each, place] > receiver[each, place]
    low = np.where(from_high[:, None], receiver, sender)
    high = np.where(from_high[:, None], sender, receiver)
    made["connection"] = _hash([*low.T, *high.T])
    made["from_high"] = from_high
    for name in ("ts", "seq", "ack"):
        made[name] = rows[name]
    flags, present = rows["tcp_flags"], rows["present"]
    made["flags"] = flags
    made["length"] = rows["payload_length"] + (flags & SYN != 0) + (flags & FIN != 0)
    timed = present & TIMESTAMPS != 0
    for name in ("tsval", "tsecr"):
        made[name] = np.where(timed, rows[name], 0)
    for number, bit in enumerate((SACK1, SACK2)):
        there = present & bit != 0
        made["sack_left"][:, number] = np.where(there, rows[f"sack{number + 1}_left"], 0)
        made["sack_right"][:, number] = np.where(there, rows[f"sack{number + 1}_right"], 0)
    made["dsack"] = present & DSACK != 0
    return made, (low, high)


def _hash(columns: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """A 64-bit hash of each row: rounds of the finaliser of MurmurHash3 (Appleby)."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        mixed = mixed ^ column
        for factor in _MIX:
            mixed = (mixed ^ (mixed >> np.uint64(33))) * factor
        mixed ^= mixed >> np.uint64(33)
    return mixed


def packet_ids(segments: NDArray[np.void]) -> NDArray[np.uint64]:
    """A hash of all by which one packet can be known again at another sensor: uint64 (n,)."""
    names = ("connection", "from_high", "seq", "ack", "length", "tsval", "tsecr", "flags")
    columns = [segments[name].astype(np.uint64) for name in names]
    return _hash(
        [*columns, segments["sack_left"][:, 0].astype(np.uint64), segments["sack_right"][:, 0].astype(np.uint64)]
    )
