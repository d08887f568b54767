"""Losses located while sensors capture: what several sensors see of the same pairs, compared as it comes in.

A partition of the headers topic has all sensors' packets of its address pairs. What is told of a window is a function of
the messages before the one that closed it, so that it is the same however often they are read again.

Each packet is compared once, as a rule: where both sensors saw the same data once and in order, what has been acknowledged at
both is settled, and so it is with data that had to be followed. What is open is looked at again, with what has come since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from wireverdict.location import gate, scan
from wireverdict.location.clocks import Clocks
from wireverdict.location.locate import LOSS, MOST_MISSED, Direction, Located, Place, turned
from wireverdict.location.order import ORDER, find_orders
from wireverdict.location.table import Table
from wireverdict.location.trace import LOST, NARROW, TRACED, WIDE, trace

LEAD = 20_000_000_000
"""ns that are kept from before the windows that are open: what one sensor sent earlier, and what others lag behind."""
MOST_FOUND = 200
"""Directions told of a window, those that lost most: a message has to hold them."""
NEWS = 4_096
"""Packets that are waited for, at least, until they are compared; a window that closes does not wait."""

LARGEST = 1 << 21
"""Copies of pieces of one direction's data that are followed at once; where there are more, nothing is said."""


class Found(msgspec.Struct, frozen=True, array_like=True):
    """What one direction of one connection lost in one window. `clocks`: see Clocks. `losses`: by place the time of the last
    (ns, clock of `first`), segments, place."""

    source: tuple[int, int, int]
    destination: tuple[int, int, int]
    first: str
    second: str
    clocks: tuple[int, int, float, float, int]
    losses: list[tuple[int, int, int]]

    def direction(self) -> Direction:
        """As `locate` would tell it."""
        losses = np.zeros(len(self.losses), LOSS)
        for at, (ts, segments, place) in enumerate(self.losses):
            losses[at] = (ts, segments, 0, place)
        return Direction(
            self.source, self.destination, self.first, self.second, Clocks(*self.clocks), 0, (0, 0), losses
        )


_decoder = msgspec.msgpack.Decoder(list[Found])


@dataclass(slots=True)
class Lost:
    """What was lost in one direction of one connection (its row in CONN). `counts`:
    segments that are not counted in CONN yet: sent, missed by the near and by the far capture."""

    conn: int
    way: int
    sensors: tuple[int, int]  # numbers of the near one and of the far one
    clock: Clocks  # A is the near sensor
    losses: NDArray[np.void]
    counts: tuple[int, int, int] = (0, 0, 0)
    span: tuple[tuple[int, int], tuple[int, int]] = (
        (0, 0),
        (0, 0),
    )  # ns, of the losses, by the near and by the far clock

    def __post_init__(self) -> None:
        ends = np.array([self.losses["ts"].min(), self.losses["ts"].max()], np.int64)
        self.span = tuple(ends.tolist()), tuple(self.clock.at_b(ends).tolist())


class Recent:
    """What all sensors saw lately of some address pairs. `most`: packets kept of those that several sensors see; beyond, the
    older half goes. `settled`: losses of which no more will be known; `open`: those of the last look that may turn out
    otherwise."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.table = Table()
        self.settled: list[Lost] = []
        self.open: list[Lost] = []

    def add(self, sensor: str, rows: NDArray[np.void] | None, clock: int) -> None:
        """Take up headers (HEADER[n]) of a sensor, whose clock has come to `clock` (ns): it has seen all until then."""
        table = self.table
        table.add(sensor, rows, clock)
        if table.many - table.kept >= max(NEWS, table.kept) or table.many > self.most:
            self._look()

    def forget(self, sensor: str, before: int | None = None) -> None:
        """Drop what a sensor saw before a time (ns), or all."""
        table = self.table
        if before is None:
            self._move(table.forget(sensor))
        elif sensor in table.sensors:
            number = table.sensors[sensor]
            table.before[number] = max(int(table.before[number]), before)

    def located(self, sensor: str, start: int, end: int, gaps: Collection[str] = ()) -> list[Found]:
        """Losses of segments that passed a sensor from `start` to `end` (ns of its clock), or should have, as far as the others
        tell with it. `gaps`: sensors of which messages are missing: then no segment that a sensor missed is borne with."""
        table = self.table
        if sensor not in table.sensors:
            return []
        if table.many > table.kept:
            self._look()
        number, names = table.sensors[sensor], list(table.sensors)
        found: dict[tuple[int, int], list[tuple[Lost, NDArray[np.void]]]] = {}
        for one in (*self.settled, *self.open):
            if number not in one.sensors:
                continue
            first, last = one.span[one.sensors.index(number)]
            if last < start or first >= end:
                continue
            ts = one.losses["ts"].astype(np.int64)
            at = ts if number == one.sensors[0] else one.clock.at_b(ts)
            losses = one.losses[(at >= start) & (at < end)]
            if len(losses):
                found.setdefault((one.conn, one.way), []).append((one, losses))
        made = []
        most = sorted(found, key=lambda key: (-sum(int(part["segments"].sum()) for _, part in found[key]), key))
        for conn, way in most[:MOST_FOUND]:
            parts = found[conn, way]
            one = parts[-1][0]
            near, far = (names[each] for each in one.sensors)
            missed = 0.0 if near in gaps or far in gaps else MOST_MISSED
            ends = table.endpoints(conn)
            source, destination = (ends.low, ends.high) if way == 0 else (ends.high, ends.low)
            told = _by_place(np.concatenate([self._doubted(one, losses, missed) for one, losses in parts]))
            c = one.clock
            known = c.origin, c.offset, c.skew, c.apart, c.packets
            made.append(Found(source, destination, near, far, known, told))
        return made

    def _doubted(self, one: Lost, losses: NDArray[np.void], most_missed: float) -> NDArray[np.void]:
        """Losses, those unknown that hang on a capture which missed too much itself."""
        k = self.table.conns[one.conn]
        sent, near, far = (int(k[n][one.way]) + c for n, c in zip(_COUNTS, one.counts, strict=True))
        losses = losses.copy()
        if near > most_missed * sent:
            losses["place"][losses["place"] == Place.BEFORE] = Place.UNKNOWN
        if far > most_missed * sent:
            losses["place"][losses["place"] == Place.BETWEEN] = Place.UNKNOWN
        return losses

    def _look(self) -> None:
        """Compare what has come."""
        table = self.table
        table.arrange()
        ways = 2 * table.used
        state, has, reach = np.zeros(ways, np.uint8), np.zeros(ways, np.uint8), np.zeros(ways, np.uint32)
        scan.scan(table.rows, table.starts, table.used, table.conns, table.links, table.clocks, state, reach, has)
        self.open = []
        orders = np.zeros(int(table.counters[gate.LINKS]), ORDER)
        self._trace(np.flatnonzero(state == scan.FAULTY), reach, has, orders)
        alone = np.flatnonzero(state == scan.ALONE)
        links = table.conns["link"][alone // 2].astype(np.int64)
        alone, links = alone[table.links["whole"][links] != 0], links[table.links["whole"][links] != 0]
        find_orders(table.links, links, orders)
        for at in alone[orders["near"][links] >= 0].tolist():
            self._unanswered(at // 2, at % 2, orders)
        table.trim(self.most)
        self._prune()
        self._move(table.compact(np.array([one.conn for one in (*self.settled, *self.open)], np.int64)))

    def _trace(
        self, directions: NDArray[np.int64], reach: NDArray[np.uint32], has: NDArray[np.uint8], orders: NDArray[np.void]
    ) -> None:
        """Follow data, and settle what is acknowledged."""
        table = self.table
        began, conns = np.array(table.began, np.int64), directions // 2
        sizes = 4 * (table.starts[2 * conns + 2] - table.starts[2 * conns]) + 16
        directions, size = directions[sizes <= LARGEST], int(sizes.max(where=sizes <= LARGEST, initial=0))
        while len(directions) and size <= LARGEST:
            w, u, fate = np.empty(WIDE * size, np.int64), np.empty(NARROW * size, np.uint32), np.empty(size, np.uint8)
            out, traced = np.empty(5 * table.many, LOST), np.empty(len(directions), TRACED)
            trace(
                table.rows,
                table.starts,
                table.conns,
                table.links,
                table.clocks,
                began,
                directions,
                len(directions),
                reach,
                has,
                orders,
                np.zeros(1, ORDER),
                w,
                size,
                u,
                fate,
                out,
                traced,
            )
            for at in np.flatnonzero(traced["stop"] > traced["start"]).tolist():
                conn, way = divmod(int(directions[at]), 2)
                told, link = traced[at], int(table.conns["link"][conn])
                pair = table.links["sensors"][link].tolist()
                sensors = (pair[0], pair[1]) if told["near"] == 0 else (pair[1], pair[0])
                mine = out[told["start"] : told["stop"]]
                clock = _sides(orders[link], way)[1]
                losses = np.zeros(len(mine), LOSS)
                for name in ("ts", "segments", "bytes", "place"):
                    losses[name] = mine[name]
                done = mine["settled"] != 0
                if done.any():
                    self.settled.append(Lost(conn, way, sensors, clock, losses[done]))
                if not done.all():
                    counts = int(told["sent"]), int(told["missed_near"]), int(told["missed_far"])
                    self.open.append(Lost(conn, way, sensors, clock, losses[~done], counts))
            directions, size = directions[traced["done"] == 0], 4 * size

    def _unanswered(self, conn: int, way: int, orders: NDArray[np.void]) -> None:
        """SYNs of a connection that the far sensor has not seen at all, though it saw others between the same addresses: so it
        is no translation of addresses."""
        table = self.table
        link = table.links[table.conns[conn]["link"]]
        near, clock = _sides(orders[table.conns[conn]["link"]], way)
        start, middle, end = table.starts[2 * conn : 2 * conn + 3].tolist()
        if (near == 0) != (middle > start) or link["missed"] > MOST_MISSED * max(int(link["sent"]), 1):
            return
        ts = table.rows["ts"][start:end].astype(np.int64)
        far = link["sensors"][1 - near]
        begin = table.began[far]
        if link["cut"]:
            due = int(clock.at_b(link["began"][near : near + 1])[0]) + scan.MARGIN
            begin = max(int(link["began"][1 - near]), due)
        at_far = clock.at_b(ts)
        lost = ts[(at_far >= begin) & (at_far <= table.clocks[far] - scan.MARGIN)]
        if len(lost):
            losses = np.zeros(len(lost), LOSS)
            losses["ts"], losses["segments"], losses["bytes"], losses["place"] = lost, 1, 1, Place.BETWEEN
            sensors = int(link["sensors"][near]), int(far)
            self.open.append(Lost(conn, way, sensors, clock, losses, (len(ts), 0, 0)))

    def _prune(self) -> None:
        """Forget losses that no window will tell of any more."""
        before = self.table.before.tolist()
        self.settled = [one for one in self.settled if any(one.span[k][1] >= before[one.sensors[k]] for k in (0, 1))]

    def _move(self, places: NDArray[np.int64] | None) -> None:
        """Connections have new rows."""
        if places is not None:
            for losses in (self.settled, self.open):
                for one in losses:
                    one.conn = int(places[one.conn])
                losses[:] = [one for one in losses if one.conn >= 0]

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`."""
        lost = [
            [[one.conn, one.way, list(one.sensors), list(one.clock), list(one.counts), one.losses] for one in losses]
            for losses in (self.settled, self.open)
        ]
        return {"table": self.table.dump(), "lost": lost}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave; what an earlier version gave is left."""
        if "table" not in state:
            return
        self.table.load(state["table"])
        self.settled, self.open = (
            [
                Lost(c, way, tuple(at), Clocks(*clock), losses, tuple(counts))
                for c, way, at, clock, counts, losses in each
            ]
            for each in state["lost"]
        )


_COUNTS = ("sent", "missed_near", "missed_far")


def _sides(order: np.void, way: int) -> tuple[int, Clocks]:
    """The side near to the sender of a direction, and the clocks from there, of an ORDER that is known."""
    clock = Clocks(*(order[name].item() for name in Clocks._fields))
    return (int(order["near"]), clock) if way == 0 else (1 - int(order["near"]), turned(clock))


def _by_place(losses: NDArray[np.void]) -> list[tuple[int, int, int]]:
    """As `Found` has them."""
    made: dict[int, tuple[int, int]] = {}
    for ts, segments, _, place in losses.tolist():
        last, many = made.get(place, (ts, 0))
        made[place] = max(last, ts), many + segments
    return [(last, many, place) for place, (last, many) in sorted(made.items())]


def packed(found: list[Found]) -> tuple[bytes, ...]:
    """For WindowPart.located."""
    return (msgspec.msgpack.encode(found),) if found else ()


def unpacked(values: Iterable[bytes]) -> list[Found]:
    """What `packed` gave, of all parts of a window. Raises ValueError."""
    return [each for value in values for each in _decoder.decode(value)]


def as_located(found: Iterable[Found]) -> Located:
    """For `wireverdict.location.evidence`."""
    return Located([each.direction() for each in found], {})
