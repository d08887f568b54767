"""A TCP sender and receiver with two sensors on the way, and the truth of what was lost where. Small, and obvious on
purpose."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tests.detectors.views import halves
from wireverdict.headers import ACK, DSACK, HEADER, PORTS, SACK1, SACK2, SYN, TCP, TCP_HEADER, TIMESTAMPS
from wireverdict.location.log import Log

MS = 1_000_000
START = 1_700_000_000_000_000_000
MSS = 1_000
SENDER, RECEIVER = ("192.0.2.1", 40_000), ("198.51.100.7", 443)
Fate = Literal["", "before", "between", "after", "twice", "late between", "late after"]
FATES: tuple[Fate, ...] = ("before", "between", "after", "twice", "late between", "late after")


@dataclass
class Clock:
    """What a sensor's clock shows: ns."""

    offset: int = 0
    skew: float = 0.0

    def __call__(self, now: int) -> int:
        return START + now + self.offset + round(self.skew * now)


@dataclass
class Network:
    """``Network(...).run()``, then `logs` and `truth`.

    The n-th data segment that is sent (0 is the SYN) has the fate ``data[n]``, the n-th acknowledgement ``acks[n]``
    ("after": lost before the sensor near the receiver, seen from the data's side). `unseen`: packets that a sensor's
    capture misses, by sensor and number of its packet.
    """

    segments: int = 40
    data: Mapping[int, Fate] = field(default_factory=dict)
    acks: Mapping[int, Fate] = field(default_factory=dict)
    unseen: Mapping[tuple[str, int], bool] = field(default_factory=dict)
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    timestamps: bool = True
    sack: bool = True
    isn: int = 4_294_960_000
    delays: tuple[int, int, int] = (1 * MS, 10 * MS, 2 * MS)
    jitter: Callable[[int], int] = lambda number: (number * 7919) % 97 * 1_000

    def __post_init__(self) -> None:
        self.rows: dict[str, list[Any]] = {"a": [], "b": []}
        self.truth: list[tuple[str, int, int]] = []  # what became of each data segment: fate, time at sensor a, bytes
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()
        self._sent = self._acked = 0  # counters of transmissions
        self._packets = {"a": 0, "b": 0}
        self._last: dict[tuple[str, int], int] = {}
        self._cum = 0  # receiver: segments in order (0: the SYN is missing)
        self._have: list[int] = []
        self._recent: list[int] = []
        self._una = 0  # sender
        self._sacked: set[int] = set()
        self._next = 0
        self._when: dict[int, int] = {}
        self._echo = 0

    def run(self) -> Network:
        """Until everything is acknowledged, or 30 s."""
        self._send(0, 0)
        self._at(10 * MS, self._tick)
        while self._events and self._una <= self.segments:
            now, _, what = heapq.heappop(self._events)
            if now > 30_000 * MS:
                break
            what(now)
        while self._events:  # what is on its way still arrives
            now, _, what = heapq.heappop(self._events)
            if what != self._tick and now < 31_000 * MS:
                what(now)
        return self

    @property
    def logs(self) -> dict[str, Log]:
        """Of both sensors."""
        made = {}
        for name in self.rows:
            made[name] = Log()
            made[name].add(self.headers(name))
        return made

    def headers(self, name: str) -> NDArray[np.void]:
        """What a sensor captured (HEADER[n]). It ran before and went on for some seconds: its first and last row are of
        others."""
        clock, rows = self.clocks.get(name, Clock()), self.rows[name]
        array = np.zeros(len(rows) + 2, HEADER)
        for key in dict.fromkeys(key for fields in rows for key in fields):
            array[key][1:-1] = [fields.get(key, 0) for fields in rows]
        array["ts"] = [clock(when) for when in (-1_000 * MS, *(fields["ts"] for fields in rows), 40_000 * MS)]
        ordered: NDArray[np.void] = array[np.argsort(array["ts"], kind="stable")]
        return ordered

    def count(self, fate: str) -> int:
        """Data segments, SYNs included, that ended so."""
        return sum(one == fate for one, _, _ in self.truth)

    def _at(self, when: int, what: Callable[[int], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), what))

    def _hop(self, now: int, hop: int, back: bool, late: int = 0) -> int:
        """When a packet has gone a hop; in order, unless it is late."""
        when = now + self.delays[hop] + self.jitter(next(self._order)) + late
        key = ("back" if back else "there", hop)
        if not late:
            when = self._last[key] = max(when, self._last.get(key, 0) + 1_000)
        return when

    def _see(self, sensor: str, now: int, fields: dict[str, Any]) -> None:
        number = self._packets[sensor]
        self._packets[sensor] += 1
        if not self.unseen.get((sensor, number)):
            self.rows[sensor].append(fields | {"ts": now})

    def _tick(self, now: int) -> None:
        """The sender's clock: new data, and data that nobody has acknowledged for 300 ms."""
        if self._una > self.segments:
            return
        if self._una == 0:
            if now - self._when[0] >= 300 * MS:
                self._send(0, now)
        else:
            if now - self._when.get(self._una, now) >= 300 * MS:
                self._send(self._una, now)
            while self._next <= self.segments and self._next < self._una + 20:
                self._send(self._next, now)
        self._at(now + 10 * MS, self._tick)

    def _send(self, number: int, now: int) -> None:
        """Segment 0 is the SYN, the others are data."""
        fate = self.data.get(self._sent, "")
        self._sent += 1
        self._when[number] = now
        self._next = max(self._next, number + 1)
        fields = self._fields(SENDER, RECEIVER, SYN if number == 0 else ACK, now)
        fields["seq"] = (self.isn + (1 + (number - 1) * MSS if number else 0)) % 2**32
        fields["payload_length"] = MSS if number else 0
        fields["ack"] = 1_001 if number else 0
        fields["tsecr"] = self._echo if self.timestamps and number else 0
        size = MSS if number else 1
        if fate == "before":
            self.truth.append(("before", 0, size))
            return
        at_a = self._hop(now, 0, False)

        def pass_b(when: int) -> None:
            self._see("b", when, fields)
            if fate != "after":
                stamp = fields.get("tsval", 0)
                last = self._hop(when, 2, False, 25 * MS if fate == "late after" else 0)
                self._at(last, lambda then: self._receive(number, stamp, then))

        def pass_a(when: int) -> None:
            self.truth.append((fate, when, size))
            self._see("a", when, fields)
            if fate == "between":
                return
            self._at(self._hop(when, 1, False, 25 * MS if fate == "late between" else 0), pass_b)
            if fate == "twice":
                self._at(self._hop(when, 1, False, 3 * MS), pass_b)

        self._at(at_a, pass_a)

    def _receive(self, number: int, stamp: int, now: int) -> None:
        again = number < self._cum or number in self._have
        if not again:
            self._have.append(number)
            self._recent = [number, *self._recent]
        if number == self._cum:
            self._echoed = stamp
        while self._cum in self._have:
            self._have.remove(self._cum)
            self._cum += 1
        if self._cum:
            self._answer(now, number, again)

    def _answer(self, now: int, number: int, again: bool) -> None:
        fate = self.acks.get(self._acked, "") if number else ""
        self._acked += 1
        cum = self._cum
        fields = self._fields(RECEIVER, SENDER, SYN | ACK if number == 0 else ACK, now)
        fields["seq"] = 1_000 if fields["tcp_flags"] & SYN else 1_001
        fields["ack"] = self._left(cum)
        fields["tsecr"] = self._echoed if self.timestamps else 0
        blocks = self._blocks()
        if again and number:
            blocks = [(self._left(number), self._left(number + 1)), *blocks]
            fields["present"] |= DSACK if self.sack else 0
        for place, (left, right) in enumerate(blocks[:2] if self.sack else []):
            fields["present"] |= (SACK1, SACK2)[place]
            fields[f"sack{place + 1}_left"], fields[f"sack{place + 1}_right"] = left, right
        sacked = set(self._have)
        stamp = fields.get("tsval", 0)
        if fate == "after":
            return

        def pass_a(when: int) -> None:
            self._see("a", when, fields)
            if fate != "before":
                self._at(self._hop(when, 0, True), lambda then: self._hear(cum, sacked, stamp, then))

        def pass_b(when: int) -> None:
            self._see("b", when, fields)
            if fate != "between":
                self._at(self._hop(when, 1, True), pass_a)

        self._at(self._hop(now, 2, True), pass_b)

    def _blocks(self) -> list[tuple[int, int]]:
        """What came out of order, as ranges, the latest first."""
        found: list[tuple[int, int]] = []
        have = set(self._have)
        for number in self._recent:
            if number in have and not any(low <= number < high for low, high in found):
                low = high = number
                while low - 1 in have:
                    low -= 1
                while high in have:
                    high += 1
                found.append((low, high))
        return [(self._left(low), self._left(high)) for low, high in found]

    def _left(self, number: int) -> int:
        return (self.isn + (1 + (number - 1) * MSS if number else 0)) % 2**32

    def _hear(self, cum: int, sacked: set[int], stamp: int, now: int) -> None:
        self._una = max(self._una, cum)
        self._echo = stamp
        self._sacked |= sacked
        if self.sack:
            for number in range(self._una, max(self._sacked, default=0)):
                above = sum(other > number for other in self._sacked)
                if number not in self._sacked and above >= 3 and now - self._when.get(number, now) >= 20 * MS:
                    self._send(number, now)

    def _fields(self, source: tuple[str, int], destination: tuple[str, int], flags: int, now: int) -> dict[str, Any]:
        (src_hi, src_lo), (dst_hi, dst_lo) = halves(source[0]), halves(destination[0])
        made: dict[str, Any] = {"src_hi": src_hi, "src_lo": src_lo, "dst_hi": dst_hi, "dst_lo": dst_lo}
        made |= {
            "sport": source[1],
            "dport": destination[1],
            "protocol": TCP,
            "tcp_flags": flags,
            "present": PORTS | TCP_HEADER,
        }
        if self.timestamps:
            made["present"] |= TIMESTAMPS
            made["tsval"] = 77_000 + now // MS
        return made


def losses(found: NDArray[np.void], place: int) -> int:
    """Segments lost at a place."""
    return int(found["segments"][found["place"] == place].sum())
