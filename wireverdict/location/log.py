"""What a sensor saw of TCP segments: one row each, small enough to keep until another sensor's are there to compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    cut: bool = False  # what was before that has been forgotten
    tops: dict[tuple[int, int], int] = field(default_factory=dict)  # of what was: see `_tops`
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

    def keep(self, most: int) -> None:
        """Forget the oldest, if there are more than so many: half of them stay."""
        if self._many > most:
            ts = np.sort(self._whole()["ts"])
            self.forget(int(ts[len(ts) - most // 2]))

    def forget(self, before: int) -> None:
        """Drop segments from before a time (ns): the sensor counts as having seen nothing until then."""
        if self.span is None or before <= self.span[0]:
            return
        rows = self._whole()
        gone, rows = rows[rows["ts"] < before], rows[rows["ts"] >= before]
        self._rows, self._many = [rows], len(rows)
        self.connections = {number: self.connections[number] for number in np.unique(rows["connection"]).tolist()}
        for key, top in _tops(gone).items():
            known = self.tops.get(key, top)
            self.tops[key] = top if (top - known) & 0x80000000 == 0 else known
        self.tops = {key: top for key, top in self.tops.items() if key[0] in self.connections}
        self.span, self.cut = (before, max(self.span[1], before)), True

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        ends = [(number, *each.low, *each.high) for number, each in self.connections.items()]
        return {
            "rows": self._whole().view(np.uint8),
            "ends": np.array(ends, np.uint64).reshape(-1, 7),
            "tops": np.array([(*key, top) for key, top in self.tops.items()], np.uint64).reshape(-1, 3),
            "span": None if self.span is None else list(self.span),
            "cut": self.cut,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh log."""
        rows = np.array(state["rows"], np.uint8).view(SEGMENT)
        self._rows, self._many, self.cut = [rows], len(rows), bool(state["cut"])
        for number, *ends in state["ends"].tolist():
            self.connections[number] = Endpoints(tuple(ends[:3]), tuple(ends[3:]))
        self.tops = {(number, way): top for number, way, top in state["tops"].tolist()}
        self.span = None if state["span"] is None else (int(state["span"][0]), int(state["span"][1]))

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


def _tops(rows: NDArray[np.void]) -> dict[tuple[int, int], int]:
    """The sequence number behind the highest data, by connection and direction (1: from the higher endpoint)."""
    rows = rows[rows["length"] > 0]
    if not len(rows):
        return {}
    rows = rows[np.lexsort((rows["from_high"], rows["connection"]))]  # stable: in order of time
    new = np.ones(len(rows), bool)
    new[1:] = (rows["connection"][1:] != rows["connection"][:-1]) | (rows["from_high"][1:] != rows["from_high"][:-1])
    starts = np.flatnonzero(new)
    base = np.repeat(rows["seq"][starts], np.diff(np.append(starts, len(rows))))
    ends = (rows["seq"] + rows["length"] - base).astype(np.int32)
    tops = (rows["seq"][starts] + np.maximum.reduceat(ends, starts).astype(np.uint32)).tolist()
    names = zip(rows["connection"][starts].tolist(), rows["from_high"][starts].tolist(), strict=True)
    return dict(zip(names, tops, strict=True))


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
