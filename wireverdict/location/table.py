"""Packets of pairs of addresses that several sensors see, from the gate to the tables in which they are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict import snapshot
from wireverdict.location import arrange, gate, scan
from wireverdict.location.layout import CELL, CONN, GROUP, LINK, MOST_SENSORS, ROW
from wireverdict.location.log import Endpoints

CELLS = 1 << 16
"""Pairs of addresses that are known at once."""
RING = 1 << 15
"""Packets of pairs that one sensor alone has seen so far."""
PAIRS = 1 << 15
"""Pairs that several sensors see."""
SENSORS = 1 << 16
"""That have numbers; more are not heard."""
_ARRAYS: dict[str, Any] = {
    "groups": GROUP,
    "links": LINK,
    "rows": ROW,
    "ring": ROW,
    "conns": CONN,
    "cells": CELL,
    "filled": "<i8",
}


class Table:
    """State of one partition. `sensors`: numbers by name. `clocks`, `before` ns: by number, how far a sensor has come, and from
    when on its packets may still count. `rows`: the first `kept` of `many` are arranged."""

    def __init__(self) -> None:
        self.sensors: dict[str, int] = {}
        self.began: list[int] = []
        self.clocks, self.before = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self.cells, self.ring = np.zeros(CELLS, CELL), np.zeros(RING, ROW)
        self.groups, self.links = np.zeros(PAIRS, GROUP), np.zeros(PAIRS, LINK)
        self.counters = np.zeros(gate.COUNTERS, np.int64)
        self.rows, self.many, self.kept = np.zeros(0, ROW), 0, 0
        self.conns, self.used = np.zeros(0, CONN), 0
        self.index = np.zeros(0, np.int32)
        self.starts = np.zeros(1, np.int64)
        self.message = 0
        self._other, self._work = np.zeros(0, ROW), np.zeros(0, np.int64)  # memory that is used again and again
        self._early, self._keys = np.zeros(RING, ROW), np.zeros(gate.BLOCK, np.uint64)

    def add(self, sensor: str, rows: NDArray[np.void] | None, clock: int) -> None:
        """See `recent.Recent.add`."""
        number = self.sensors.get(sensor, -1)
        if number < 0:
            if len(self.sensors) == SENSORS - 1 or rows is None or not len(rows):
                return
            number = self.sensors[sensor] = len(self.sensors)
            self.began.append(int(rows["ts"].min()))
            self.clocks = np.append(self.clocks, self.began[-1])
            self.before = np.append(self.before, gate.ALWAYS)
        elif self.began[number] == gate.NEVER and rows is not None and len(rows):
            self.began[number] = self.clocks[number] = int(rows["ts"].min())
        if rows is not None and len(rows):
            self.message = self.message % 0xFFFFFFFF + 1
            self._reserve((MOST_SENSORS - 1) * len(rows))
            self.many += gate.take(
                np.ascontiguousarray(rows),
                number,
                self.message,
                self.cells,
                self.groups,
                self.links,
                self.ring,
                self.counters,
                self.rows[self.many :],
                self._early,
                self._keys,
            )
            if early := int(self.counters[gate.EARLY]):
                self._reserve(early)
                _plain(self.rows)[self.many : self.many + early] = _plain(self._early)[:early]
                self.many += early
        self.clocks[number] = max(self.clocks[number], clock)

    def _reserve(self, more: int) -> None:
        if self.many + more > len(self.rows):
            grown = np.zeros(2 * (self.many + more), ROW)
            _plain(grown)[: self.many] = _plain(self.rows)[: self.many]
            self.rows = grown

    def arrange(self) -> None:
        """Put rows in order; `starts` says where those of a connection are."""
        room = self.used + self.many - self.kept
        if len(self.conns) < room:
            grown = np.zeros(2 * room, CONN)
            grown[: self.used] = self.conns[: self.used]
            self.conns = grown
        if len(self.index) < 2 * room:
            self.index = np.zeros(1 << (4 * room - 1).bit_length(), np.int32)
            arrange.enter(self.conns, self.used, self.index)
        self.used = arrange.assign(self.rows, self.kept, self.many, self.conns, self.index, self.used)
        self._group()

    def _group(self) -> None:
        if len(self.starts) < 2 * self.used + 1:
            self.starts = np.zeros(4 * self.used + 1, np.int64)
        if len(self._other) < len(self.rows):
            self._other, self._work = np.zeros(len(self.rows), ROW), np.zeros(3 * len(self.rows), np.int64)
        work = self._work.reshape(3, -1)
        arrange.group(self.rows, self.many, self.used, self.starts, work[0], work[1], work[2], self._other)
        self.rows, self._other, self.kept = self._other, self.rows, self.many

    def trim(self, most: int) -> None:
        """Drop rows that cannot count any more; and the older ones, if there are more than `most`."""
        limits = self.before
        while True:
            self.many = self.kept = scan.trim(
                self.rows, self.starts, self.used, self.conns, self.links, self.clocks, limits, self._other
            )
            self.rows, self._other = self._other, self.rows
            if self.many <= most:
                return
            rows = self.rows[: self.many]
            ages = self.clocks[rows["sensor"]] - rows["ts"]
            limits = np.maximum(self.before, self.clocks - int(np.partition(ages, most // 2)[most // 2]))

    def compact(self, needed: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Forget connections that nothing refers to, if they are many; after `trim`. `needed`: those that others refer to.
        Gives their new places (int64[used before], -1 for those that are gone), None if nothing has changed."""
        alive = np.zeros(self.used, bool)
        scan.find_alive(self.starts, self.used, self.conns, self.links, self.before, alive.view(np.uint8))
        alive[needed] = True
        if self.used < 2 * int(alive.sum()) + 1_024:
            return None
        self._keep(alive)
        return np.where(alive, np.cumsum(alive) - 1, -1)

    def _keep(self, alive: NDArray[np.bool_]) -> None:
        places = np.where(alive, np.cumsum(alive) - 1, -1)
        previous = self.conns["previous"][: self.used].astype(np.int64)
        while len(dead := np.flatnonzero((previous >= 0) & ~alive[previous])):
            previous[dead] = previous[previous[dead]]
        conns = self.conns[: self.used][alive]
        conns["previous"] = np.where(previous >= 0, places[previous], -1)[alive]
        self.conns, self.used = conns, len(conns)
        rows = self.rows[: self.kept]
        rows["place"] = places[rows["place"].astype(np.int64)].astype(np.uint64)
        self.index = np.zeros(0, np.int32)
        if self.counters[gate.GROUPS] > PAIRS * 3 // 4 and not self.counters[gate.FREE_GROUP]:
            self._free_idle()

    def _free_idle(self) -> None:
        """Give back the rows of pairs of which nothing has come for longest: half of those that no connection belongs to."""
        groups, links = self.groups[: self.counters[gate.GROUPS]], self.links[: self.counters[gate.LINKS]]
        busy = np.zeros(len(groups), bool)
        busy[links["group"][self.conns["link"][: self.used]]] = True
        last = np.full(len(groups), gate.ALWAYS)
        there = links["group"] >= 0
        np.maximum.at(last, links["group"][there], links["last"][there])
        idle = np.flatnonzero(~busy & (groups["key"] != 0))
        self._free(idle[np.argsort(last[idle], kind="stable")[: len(idle) // 2 + 1]])

    def _free(self, places: NDArray[np.int64]) -> None:
        links = self.links[: self.counters[gate.LINKS]]
        for at in np.flatnonzero(np.isin(links["group"], places)).tolist():
            links[at]["group"], links[at]["last"] = -1, self.counters[gate.FREE_LINK]
            self.counters[gate.FREE_LINK] = at + 1
        for at in places.tolist():
            self.groups[at]["key"], self.groups[at]["low_hi"] = 0, self.counters[gate.FREE_GROUP]
            self.counters[gate.FREE_GROUP] = at + 1

    def forget(self, sensor: str) -> NDArray[np.int64] | None:
        """Drop all that a sensor saw. Gives what `compact` does."""
        number = self.sensors.get(sensor)
        if number is None:
            return None
        self.began[number], self.before[number] = gate.NEVER, gate.ALWAYS
        self.ring["place"][self.ring["sensor"] == number] = 0
        mine = (self.cells["who"] & (gate.NUMBER | gate.SHARED)) == number + 1
        self.cells[mine] = np.zeros(1, CELL)
        groups, links = self.groups[: self.counters[gate.GROUPS]], self.links[: self.counters[gate.LINKS]]
        held = (groups["sensors"] == number) & (np.arange(MOST_SENSORS) < groups["many"][:, None])
        gone = np.flatnonzero(held.any(axis=1) & (groups["key"] != 0))
        if not len(gone):
            return None
        self.arrange()
        dead = np.isin(links["group"], gone)
        alive = ~dead[self.conns["link"][: self.used]]
        rows = self.rows[: self.many][alive[self.rows["place"][: self.many].astype(np.int64)]]
        _plain(self.rows)[: len(rows)] = _plain(rows)
        self.many = self.kept = len(rows)
        places = np.where(alive, np.cumsum(alive) - 1, -1)
        self._keep(alive)
        self._free(gone)
        return places

    def endpoints(self, conn: int) -> Endpoints:
        """Of a connection."""
        k = self.conns[conn]
        g = self.groups[self.links["group"][k["link"]]]
        low = int(g["low_hi"]), int(g["low_lo"]), int(k["low_port"])
        return Endpoints(low, (int(g["high_hi"]), int(g["high_lo"]), int(k["high_port"])))

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`, to be packed before it changes."""
        filled = np.flatnonzero(self.cells["who"])
        return {
            "sensors": list(self.sensors),
            "began": list(self.began),
            "clocks": self.clocks,
            "before": self.before,
            "message": self.message,
            "counters": self.counters,
            "kept": self.kept,
            "filled": filled,
            "cells": snapshot.Picked(self.cells, filled),
            "ring": self.ring[: min(int(self.counters[gate.WRITTEN]), RING)],
            "groups": self.groups[: self.counters[gate.GROUPS]],
            "links": self.links[: self.counters[gate.LINKS]],
            "rows": self.rows[: self.many],
            "conns": self.conns[: self.used],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh table. Raises ValueError."""
        found = {name: snapshot.array(state, name, dtype, 1 << 30) for name, dtype in _ARRAYS.items()}
        self.sensors = {str(name): number for number, name in enumerate(state["sensors"])}
        self.began = [int(ts) for ts in state["began"]]
        self.clocks, self.before, self.counters = (
            np.array(state[n], np.int64) for n in ("clocks", "before", "counters")
        )
        self.message, self.kept = int(state["message"]), int(state["kept"])
        self.cells[found["filled"]] = found["cells"]
        for name in ("ring", "groups", "links"):
            getattr(self, name)[: len(found[name])] = found[name]
        self.rows, self.many = found["rows"].copy(), len(found["rows"])
        self.conns, self.used = found["conns"].copy(), len(found["conns"])


def _plain(rows: NDArray[np.void]) -> NDArray[np.void]:
    """The same memory: numpy copies structured rows field by field."""
    return rows.view(f"V{ROW.itemsize}")
