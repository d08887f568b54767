"""A small network with TCP senders, to make the paths that the judges are tested on. Slow, and not under test itself.

Every connection is a bulk transfer with SACK recovery (RFC 6675 in outline), a multiplicative decrease of 0.7 and
linear or slow-start growth; all connections share the elements of one path. What two captures would see, one at each
end, comes out as HEADER rows.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import ACK, DSACK, HEADER, PORTS, SACK1, SACK2, SYN, TCP, TCP_HEADER, TIMESTAMPS

SEGMENT = 1448
HEADERS_LENGTH = 52  # IPv4 and TCP with timestamps
LINK = 18
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

Element = Callable[[float, int], float | None]
"""(time in s, bytes on the wire) -> when the packet leaves the element, None if it is dropped there."""


class Policer:
    """A token bucket that drops what finds it too empty. `rate` bit/s, `burst` bytes."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.level, self.last = rate / 8, burst, burst, 0.0

    def __call__(self, now: float, size: int) -> float | None:
        self.level = min(self.burst, self.level + (now - self.last) * self.rate)
        self.last = now
        if self.level < size:
            return None
        self.level -= size
        return now


class Queue:
    """A drop-tail queue before a link. `rate` bit/s, `limit` bytes."""

    def __init__(self, rate: float, limit: float) -> None:
        self.rate, self.limit, self.free = rate / 8, limit, 0.0

    def __call__(self, now: float, size: int) -> float | None:
        if max(self.free - now, 0.0) * self.rate + size > self.limit:
            return None
        self.free = max(self.free, now) + size / self.rate
        return self.free


class TokenBucketFilter:
    """A shaper as Linux's tbf: a token bucket with a drop-tail queue of `limit` bytes. With next to none it polices."""

    def __init__(self, rate: float, burst: float, limit: float) -> None:
        self.rate, self.burst, self.limit = rate / 8, burst, limit
        self.level, self.last, self.waiting = burst, 0.0, list[tuple[float, int]]()

    def __call__(self, now: float, size: int) -> float | None:
        self.waiting = [(leaves, held) for leaves, held in self.waiting if leaves > now]
        if self.waiting and sum(held for _, held in self.waiting) + size > self.limit:
            return None
        begins = max(now, self.last)
        level = min(self.burst, self.level + (begins - self.last) * self.rate)
        leaves = begins + max(size - level, 0.0) / self.rate
        self.level, self.last = max(level - size, 0.0), leaves
        self.waiting.append((leaves, size))
        return leaves


class Random:
    """Independent loss with probability `share`."""

    def __init__(self, share: float, seed: int) -> None:
        self.share, self.random = share, random.Random(seed)

    def __call__(self, now: float, size: int) -> float | None:
        return None if self.random.random() < self.share else now


class Gilbert:
    """Loss in bursts: a bad state of `burst` packets on average in which half are lost, `share` of packets in all."""

    def __init__(self, share: float, burst: float, seed: int) -> None:
        self.leave, self.random, self.bad = 1 / burst, random.Random(seed), False
        self.enter = 2 * share * self.leave

    def __call__(self, now: float, size: int) -> float | None:
        self.bad = self.random.random() >= self.leave if self.bad else self.random.random() < self.enter
        return None if self.bad and self.random.random() < 0.5 else now


class Outages:
    """Everything is lost for `length` s, every `every` s on average."""

    def __init__(self, every: float, length: float, seed: int) -> None:
        self.every, self.length, self.random = every, length, random.Random(seed)
        self.next = self.random.expovariate(1 / every)

    def __call__(self, now: float, size: int) -> float | None:
        while now >= self.next + self.length:
            self.next += self.length + self.random.expovariate(1 / self.every)
        return None if now >= self.next else now


@dataclass
class Connection:
    """One sender's state; sequence numbers count segments."""

    number: int
    begin: float
    window: int = 1 << 30  # segments the receiver takes
    written: int = 0  # segments, by the application
    pace: float = 0.0  # bit/s that the application writes; 0: as fast as it goes
    next: int = 0
    acked: int = 0
    cwnd: float = 10.0
    threshold: float = 1e9
    recover: int = 0
    sent: dict[int, tuple[float, int]] = field(default_factory=dict)  # segment: last time, copies
    sacked: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    rtt: float = 0.2
    progress: float = 0.0
    received: set[int] = field(default_factory=set)  # at the receiver, above `expected`
    expected: int = 0
    pending: int = 0
    echo: int = 0


class Network:
    """Connections from 198.18.0.1 to 198.18.0.2 through elements in a row, and acknowledgements back."""

    def __init__(self, elements: list[Element], *, rtt: float = 0.05, jitter: float = 0.0003, seed: int = 1) -> None:
        self.elements, self.delay, self.jitter = elements, rtt / 2, jitter
        self.random = random.Random(seed)
        self.heap: list[tuple[float, int, Any]] = []
        self.tie = itertools.count()
        self.rows: tuple[list[dict[str, int]], list[dict[str, int]]] = ([], [])  # at the sender, at the receiver
        self.delivered = self.dropped = 0
        self.fates: list[tuple[int, bool]] = []  # (ns, whether it was dropped) of each transmission
        self.last_arrival = self.last_return = self.link_free = 0.0

    def run(self, connections: list[Connection], until: float) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Play `until` s; HEADER rows as seen at the sender and at the receiver."""
        for connection in connections:
            self._at(connection.begin, lambda now, c=connection: self._open(now, c))
        while self.heap and self.heap[0][0] < until:
            now, _, action = heapq.heappop(self.heap)
            action(now)
        return self._table(self.rows[0]), self._table(self.rows[1])

    def _at(self, when: float, action: Any) -> None:
        heapq.heappush(self.heap, (when, next(self.tie), action))

    def _row(self, side: int, now: float, c: Connection, from_sender: bool, **fields: int) -> None:
        ends = {"src_lo": 0xFFFFC6120001, "dst_lo": 0xFFFFC6120002, "sport": 40000 + c.number, "dport": 80}
        if not from_sender:
            ends = {"src_lo": ends["dst_lo"], "dst_lo": ends["src_lo"], "sport": 80, "dport": ends["sport"]}
        row = {"ts": START + round(now * 1e9), "present": PORTS | TCP_HEADER | TIMESTAMPS, "protocol": TCP} | ends
        row |= {"tcp_flags": ACK, "window": 65535, "ttl": 64, "ip_length": HEADERS_LENGTH} | fields
        row["ip_length"] += row.get("payload_length", 0)
        row["frame_length"] = row["ip_length"] + 14
        self.rows[side].append(row)

    def _table(self, rows: list[dict[str, int]]) -> NDArray[np.void]:
        table = np.zeros(len(rows), HEADER)
        for name in HEADER.names or ():
            table[name] = [row.get(name, 0) for row in rows]
        return table[np.argsort(table["ts"], kind="stable")]

    def _open(self, now: float, c: Connection) -> None:
        there, back = now + self.delay, now + 2 * self.delay
        self._row(0, now, c, True, tcp_flags=SYN, seq=999, tsval=clock(now))
        self._row(1, there, c, True, tcp_flags=SYN, seq=999, tsval=clock(now))
        for side, when in ((1, there), (0, back)):
            self._row(
                side, when, c, False, tcp_flags=SYN | ACK, seq=4999, ack=1000, tsval=clock(there), tsecr=clock(now)
            )
        for side, when in ((0, back), (1, back + self.delay)):
            self._row(side, when, c, True, seq=1000, ack=5000, tsval=clock(back), tsecr=clock(there))
        c.echo, c.progress = clock(there), back
        self._at(back, lambda at: self._send(at, c))
        self._at(back + 1.0, lambda at: self._tick(at, c))
        if c.pace:
            self._at(back, lambda at: self._write(at, c))

    def _write(self, now: float, c: Connection) -> None:
        c.written += 4
        self._send(now, c)
        self._at(now + 4 * SEGMENT * 8 / c.pace, lambda at: self._write(at, c))

    def _flight(self, c: Connection) -> int:
        return c.next - c.acked - len(c.sacked) - len(c.lost)

    def _send(self, now: float, c: Connection) -> None:
        limit = c.written if c.pace else 1 << 60
        while self._flight(c) < int(c.cwnd):
            if c.lost:
                segment = min(c.lost)
                c.lost.discard(segment)
            elif c.next - c.acked < c.window and c.next < limit:
                segment = c.next
                c.next += 1
            else:
                break
            c.sent[segment] = (now, c.sent.get(segment, (0.0, 0))[1] + 1)
            self.link_free = max(self.link_free, now) + 0.000_02  # a sender's link of 0.6 Gbit/s
            self._transmit(self.link_free, c, segment)

    def _transmit(self, now: float, c: Connection, segment: int) -> None:
        stamp, echo = clock(now), c.echo
        fields = {
            "seq": 1000 + segment * SEGMENT,
            "ack": 5000,
            "payload_length": SEGMENT,
            "tsval": stamp,
            "tsecr": echo,
        }
        self._row(0, now, c, True, **fields)
        when = now
        for element in self.elements:
            leaves = element(when, SEGMENT + HEADERS_LENGTH + LINK)
            if leaves is None:
                self.dropped += 1
                self.fates.append((START + round(now * 1e9), True))
                return
            when = leaves
        self.delivered += 1
        self.fates.append((START + round(now * 1e9), False))
        arrival = max(when + self.delay + self.random.random() * self.jitter, self.last_arrival)
        self.last_arrival = arrival
        self._at(arrival, lambda at: self._receive(at, c, segment, stamp, fields))

    def _receive(self, now: float, c: Connection, segment: int, stamp: int, fields: dict[str, int]) -> None:
        self._row(1, now, c, True, **fields)
        repeated = segment < c.expected or segment in c.received
        in_order = segment == c.expected
        if segment >= c.expected:
            c.received.add(segment)
        while c.expected in c.received:
            c.received.discard(c.expected)
            c.expected += 1
        c.pending += 1
        if in_order and not c.received and c.pending < 2:
            self._at(now + 0.04, lambda at: self._acknowledge(at, c, segment, stamp) if c.pending else None)
        else:
            self._acknowledge(now, c, segment, stamp, repeated)

    def _acknowledge(self, now: float, c: Connection, segment: int, stamp: int, repeated: bool = False) -> None:
        c.pending = 0
        blocks: list[tuple[int, int]] = []
        for number in sorted(c.received):
            if blocks and blocks[-1][1] == number:
                blocks[-1] = (blocks[-1][0], number + 1)
            else:
                blocks.append((number, number + 1))
        blocks.sort(key=lambda block: (not block[0] <= segment < block[1], -block[0]))
        fields = {"seq": 5000, "ack": 1000 + c.expected * SEGMENT, "tsval": clock(now), "tsecr": stamp}
        present = PORTS | TCP_HEADER | TIMESTAMPS
        if repeated:
            blocks.insert(0, (segment, segment + 1))
            present |= DSACK
        for k, (left, right) in enumerate(blocks[:2], 1):
            fields |= {f"sack{k}_left": 1000 + left * SEGMENT, f"sack{k}_right": 1000 + right * SEGMENT}
            present |= (SACK1, SACK2)[k - 1]
        fields["present"] = present
        self._row(1, now, c, False, **fields)
        expected, held = c.expected, set(c.received)
        self.last_return = max(self.last_return, now + self.delay + self.random.random() * self.jitter)
        self._at(self.last_return, lambda at: self._acked(at, c, expected, held, fields))

    def _acked(self, now: float, c: Connection, expected: int, held: set[int], fields: dict[str, int]) -> None:
        self._row(0, now, c, False, **fields)
        c.echo = max(c.echo, fields["tsval"])
        newly = 0
        if expected > c.acked:
            newly = expected - c.acked
            when, copies = c.sent.get(expected - 1, (now, 2))
            if copies == 1:
                c.rtt += (now - when - c.rtt) / 8
            for segment in range(c.acked, expected):
                c.sacked.discard(segment)
                c.lost.discard(segment)
            c.acked = expected
            c.progress = now
        fresh = {segment for segment in held if segment >= c.acked} - c.sacked
        c.sacked |= fresh
        c.lost -= fresh
        if c.sacked:
            top = max(c.sacked)
            for segment in range(c.acked, top - 2):
                when = c.sent[segment][0]
                late = now - when > 1.25 * c.rtt + 0.01
                if segment not in c.sacked and segment not in c.lost and (late or c.sent[segment][1] == 1):
                    c.lost.add(segment)
            if c.lost and c.acked >= c.recover:
                c.recover = c.next
                c.threshold = c.cwnd = max(c.cwnd * 0.7, 2.0)
        if c.acked >= c.recover:
            c.cwnd += newly if c.cwnd < c.threshold else newly / c.cwnd
        self._send(now, c)

    def _tick(self, now: float, c: Connection) -> None:
        limit = max(3 * c.rtt, 0.3)
        if c.next > c.acked and now - c.progress > limit:  # retransmission time-out
            c.lost = set(range(c.acked, c.next)) - c.sacked
            c.threshold, c.cwnd, c.recover, c.progress = max(c.cwnd / 2, 2.0), 1.0, c.next, now
            self._send(now, c)
        self._at(now + limit / 2, lambda at: self._tick(at, c))


def clock(now: float) -> int:
    """TSval: ms."""
    return 1_000_000 + int(now * 1000)
