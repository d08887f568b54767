"""Paths: what is remembered of busy and losing connections, and when the judges are asked.

One window's judgement is a function of the pair's packets before the window's end; one record's flags are a function of
the pair's packets up to the connection's last one. Neither hangs on batches, on when windows close or on other pairs,
except where a bound on memory or time is reached, which is counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import address
from wireverdict.paths import layout
from wireverdict.paths.events import EVENT, HIGH, REPEAT
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.layout import AGAIN, BINS, CHUNK, DEPARTED, FALSE, TRUE
from wireverdict.paths.observe import FULL_PACKET, SECOND, observe
from wireverdict.paths.release import release
from wireverdict.paths.settings import PathSettings
from wireverdict.paths.view import LoadCase, PathView, PolicingCase, answer_of
from wireverdict.records import Flag, Reason

PERIOD = 10 * SECOND  # of the log's quota and of base round trips
FOLLOW = 6  # windows in which a pair is reported on after it was last found policed
TABLES = {
    "watched_connections_full": layout.FULL_MEMBERS,
    "watched_pairs_full": layout.FULL_PAIRS,
    "load_rings_full": layout.FULL_RINGS,
    "path_log_full": layout.FULL_LOG,
    "path_log_quota": layout.OVER_QUOTA,
}


class _Side(NamedTuple):
    """One direction of a pair's log: before the judgement."""

    pair: int
    direction: int
    log: NDArray[np.void]
    sent_again: int  # in the horizon
    repeats: int  # in the window
    packets: int


class Paths:
    """Evidence about paths, from headers and notes. Nothing here looks at a clock."""

    def __init__(self, settings: PathSettings | None = None) -> None:
        s = self.settings = settings or PathSettings()
        # reserved, not used: pages are given when they are touched
        self.slots = np.zeros(s.max_slots, layout.SLOT)
        self.members = np.zeros(s.max_members, layout.MEMBER)
        self.pairs = np.zeros(s.max_pairs, layout.PAIR)
        self.table = np.zeros(1 << (2 * s.max_pairs - 1).bit_length(), np.uint32)
        self.logs = np.zeros((s.max_chunks, CHUNK), EVENT)
        self.links = np.zeros(s.max_chunks, np.int32)
        self.rings = np.zeros(s.max_rings, layout.RING)
        self.loads = np.zeros((s.max_rings, BINS), layout.LOAD)
        self.counters = np.zeros(layout.COUNTERS, np.int64)
        self._followed: dict[int, int] = {}  # windows left, by row of the pair
        self.horizon = round(s.horizon * SECOND)
        keep = round((s.horizon + s.lateness) * SECOND)
        self.forget = round(s.forget * SECOND)
        self.limits = np.array([self.horizon, keep, self.forget, PERIOD, s.quota, s.bulk], np.int64)

    def observe(self, rows: NDArray[np.void], notes: NDArray[np.void], start: int, stop: int) -> None:
        """Take up rows[start:stop] (HEADER) with their notes (NOTE)."""
        observe(
            rows,
            notes,
            start,
            stop,
            self.slots,
            self.members,
            self.pairs,
            self.table,
            self.logs,
            self.links,
            self.rings,
            self.loads,
            self.limits,
            self.counters,
        )

    def judge(self, start: int, end: int) -> PathView:
        """Judge a closed window (ns). Call it once for each, in order."""
        policing, unjudged = self._judge_losses(start, end)
        loads, calm = self._judge_loads(start, end)
        silent = end - self.forget
        release(end, silent, self.members, self.pairs, self.rings, self.table, self.links, self.counters)
        return PathView(start, end, policing, loads, calm, unjudged, self.full)

    def apply_flags(self, slots: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Set `bufferbloat` and `policed` of ended connections: CONNECTION[n], from rows `slots` of their table."""
        held = np.flatnonzero(self.slots["member"][slots])
        if not len(held):
            return
        slots, rows = slots[held], self.slots["member"][slots[held]].astype(np.int64) - 1
        self._fold(rows)
        self._flag_policed(rows, held, records)
        self._flag_bloated(rows, held, records)
        self.slots["member"][slots] = 0
        self.members["slot"][rows] = -1
        self.members["bits"][rows] |= DEPARTED

    @property
    def full(self) -> dict[str, int]:
        """What found no room so far, by table; empty if everything did."""
        return {name: int(self.counters[place]) for name, place in TABLES.items() if self.counters[place]}

    def events(self, pair: int) -> NDArray[np.void]:
        """The log of a pair (row number): EVENT[n], a copy."""
        row = self.pairs[pair]
        chunks, chunk = [], int(row["head"])
        for _ in range(int(row["chunks"])):
            chunks.append(chunk)
            chunk = int(self.links[chunk])
        if not chunks:
            return np.empty(0, EVENT)
        return self.logs[chunks].reshape(-1)[: (len(chunks) - 1) * CHUNK + int(row["used"])]

    def ends(self, pair: int, direction: int) -> tuple[bytes, bytes]:
        """Addresses of the sender and the receiver of a pair's direction, 16 bytes each."""
        row = self.pairs[pair]
        low = address(int(row["low_hi"]), int(row["low_lo"]))
        high = address(int(row["high_hi"]), int(row["high_lo"]))
        return (high, low) if direction else (low, high)

    def _judge_losses(self, start: int, end: int) -> tuple[list[PolicingCase], int]:
        sides = []
        for pair in self._suspects(end):
            log = self.events(pair)
            log = log[(log["ts"] < end) & (log["ts"] >= end - self.horizon)]
            window = log[log["ts"] >= start]
            for direction in (0, 1):
                packets, repeats = count_data(window, direction)
                if packets:
                    sides.append(_Side(pair, direction, log, count_data(log, direction)[1], repeats, packets))
        if not sides:
            return [], 0
        from wireverdict.paths.policing import judge_log  # its kernels are compiled for those who lose packets only

        sides.sort(key=lambda side: (-side.sent_again, *self.ends(side.pair, side.direction)))
        cases, judged, unjudged = [], 0, 0
        for side in sides:
            judgement = Judgement(Cause.TOO_FEW, side.repeats, max(side.packets - side.repeats, 0))
            lost: dict[int, int] = {}
            if side.repeats and side.sent_again >= self.settings.policing.min_lost:
                if judged == self.settings.max_judged:
                    unjudged += 1
                    continue
                judged += 1
                judgement, lost = judge_log(side.log, side.direction, self.settings.policing)
            self._remember(side, judgement, lost)
            if judgement.policed:
                self._followed[side.pair] = FOLLOW
            cases.append(self._case(side, judgement, lost))
        cases.sort(key=lambda case: (case.sender, case.receiver))
        return cases, unjudged

    def _suspects(self, end: int) -> list[int]:
        """Rows of pairs that lately sent enough packets again to be judged, and of those lately found policed."""
        pairs = self.pairs[: int(self.counters[layout.TOP_PAIR])]
        latest = pairs["period"][:, None]
        numbers = latest - (latest - np.arange(AGAIN)) % AGAIN
        inside = (numbers * PERIOD < end) & ((numbers + 1) * PERIOD > end - self.horizon)
        if self.horizon > (AGAIN - 3) * PERIOD:
            inside[:] = True  # longer than packets sent again are counted for
        again = np.where(inside[:, None, :], pairs["again"], 0).sum(axis=2)
        many = (again >= self.settings.policing.min_lost).any(axis=1)
        losing = (pairs["members"] >= 0) & (pairs["loss_ts"] > 0) & (pairs["loss_ts"] >= end - self.horizon)
        self._followed = {row: left - 1 for row, left in self._followed.items() if left > 1 and losing[row]}
        many[list(self._followed)] = True
        return np.flatnonzero(losing & many).tolist()

    def _case(self, side: _Side, judgement: Judgement, lost: dict[int, int]) -> PolicingCase:
        numbers, first = np.unique(side.log["connection"], return_index=True)
        rows = dict(zip(numbers.tolist(), side.log["member"][first].tolist(), strict=True))
        connections = []
        for number, count in sorted(lost.items(), key=lambda item: (-item[1], item[0])):
            member = self.members[rows[number]]
            if member["pair"] == side.pair and member["ordinal"] == number:
                ports = int(member["low_port"]), int(member["high_port"])
                connections.append((ports[side.direction], ports[1 - side.direction], count))
        sender, receiver = self.ends(side.pair, side.direction)
        skipped = int(self.pairs["skipped"][side.pair])
        return PolicingCase(sender, receiver, judgement, connections, side.repeats, side.packets, skipped)

    def _remember(self, side: _Side, judgement: Judgement, lost: dict[int, int]) -> None:
        """Keep a window's answer for the flags of the connections that lost packets in it."""
        log = side.log[::-1]
        numbers, last = np.unique(log["connection"], return_index=True)
        rows = log["member"][last].astype(np.int64)
        same = (self.members["pair"][rows] == side.pair) & (self.members["ordinal"][rows] == numbers)
        rows, last, numbers = rows[same], last[same], numbers[same]
        self._fold(rows)
        fresh = rows[self.members["judged_event"][rows] != log["number"][last]]
        self.members["pending"][fresh] = 0
        self.members["judged_event"][rows] = log["number"][last]
        losers = rows[np.isin(numbers, list(lost))]
        self.members["pending"][losers] |= answer_of(judgement) << 2 * side.direction

    def _fold(self, rows: NDArray[np.int64]) -> None:
        """A closed window's answers count for those members that went on after it."""
        late = rows[self.members["last_event"][rows] > self.members["judged_event"][rows]]
        self.members["policed"][late] |= self.members["pending"][late]
        self.members["pending"][late] = 0

    def _judge_loads(self, start: int, end: int) -> tuple[list[LoadCase], set[tuple[bytes, bytes]]]:
        top = int(self.counters[layout.TOP_RING])
        first, until = start // SECOND, end // SECOND
        rows = np.flatnonzero((self.rings["member"][:top] >= 0) & (self.rings["newest"][:top] >= first))
        if not len(rows):
            return [], set()
        from wireverdict.paths.load import answers, base_rtts  # compiled only where something is busy

        rings = self.rings[rows]
        members = self.members[rings["member"]]
        untils = np.full(len(rows), until, np.int64)
        bases = base_rtts(self.pairs[members["pair"]], rings["direction"], np.full(len(rows), -(-end // PERIOD)))
        told = answers(self.loads, rows, untils, bases, self.settings.bufferbloat)
        self._fold_loads(rows)
        self.rings["pending"][rows] = told.answer
        self.rings["judged"][rows] = until - 1
        cases = []
        quiet = np.ones(len(rows), np.bool_)
        for i, part, bloat in told.found:
            # a queue that stood only before this window is over, for as long as there is load to show it
            if told.latest[i] < first or bloat.answer is False or bloat.last < first:
                continue
            quiet[i] = False
            direction, member = int(rings["direction"][i]), members[i]
            ports = int(member["low_port"]), int(member["high_port"])
            sides = ports[direction], ports[1 - direction]
            cases.append(LoadCase(*self.ends(int(member["pair"]), direction), *sides, part, bloat))
        cases.sort(key=lambda case: case[:5])
        now = np.flatnonzero(quiet & (told.answer != 0) & (told.latest >= first))
        calm = {self.ends(int(members["pair"][i]), int(rings["direction"][i])) for i in now}
        return cases, calm

    def _fold_loads(self, rows: NDArray[np.int64]) -> None:
        """The same for rings: a closed window's answer counts once there is load after it."""
        late = rows[self.rings["newest"][rows] > self.rings["judged"][rows]]
        np.bitwise_or.at(self.members["bloated"], self.rings["member"][late], self.rings["pending"][late])
        self.rings["pending"][late] = 0

    def _flag_policed(self, rows: NDArray[np.int64], held: NDArray[np.int64], records: NDArray[np.void]) -> None:
        policing = self.settings.policing
        members, of = self.members[rows], records[held]
        high = (members["bits"] & layout.ORIGINATOR_HIGH) != 0
        answer = members["policed"].copy()
        repeats = np.zeros((len(rows), 2), np.int64)  # by direction
        for side, name in enumerate(("source", "destination")):
            needed = of[name]["retransmissions"].astype(np.int64) - of[name]["spurious_retransmissions"]
            repeats[np.arange(len(rows)), np.where(high, 1 - side, side)] = np.maximum(needed, 0)
        unsure = np.zeros(len(rows), np.bool_)
        several = np.argwhere(repeats >= policing.min_lost).tolist()
        if several:
            from wireverdict.paths.policing import judge_log
        for i, direction in several:
            member = members[i]
            log = self.events(int(member["pair"]))
            log = log[(log["number"] <= member["last_event"]) & (log["ts"] >= member["last_ts"] - self.horizon)]
            if len(log) and log["number"][-1] == member["last_event"]:
                judgement, lost = judge_log(log, direction, policing)
                found = answer_of(judgement) if lost.get(int(member["ordinal"])) else 0
                answer[i] |= found << 2 * direction
                unsure[i] |= judgement.cause in (Cause.UNDECIDED, Cause.SHALLOW)
            else:  # its last window has closed and its log has been given back
                answer[i] |= member["pending"] & 3 << 2 * direction
        true = (answer & (TRUE | TRUE << 2)) != 0
        decided = np.stack([answer & FALSE, answer >> 2 & FALSE], axis=1) != 0
        carried = np.maximum(of["source"]["payload_bytes"], of["destination"]["payload_bytes"])
        clean = (repeats == 0).all(axis=1) & (carried >= policing.min_clean_bytes)
        false = ~true & (clean | (repeats > 0).any(axis=1) & (decided | (repeats == 0)).all(axis=1))
        _set(records, held, Flag.POLICED, true, false, np.where(unsure, Reason.UNDECIDED, Reason.TOO_FEW_SAMPLES))
        throttled = held[true]
        records["flags_true"][throttled] |= 1 << Flag.THROTTLED
        records["flags_known"][throttled] |= 1 << Flag.THROTTLED
        records["reasons"][throttled, Flag.THROTTLED] = Reason.NONE

    def _flag_bloated(self, rows: NDArray[np.int64], held: NDArray[np.int64], records: NDArray[np.void]) -> None:
        reason = np.full(len(rows), Reason.NO_LOAD, np.uint8)
        owner, way = np.nonzero(self.members["ring"][rows])
        rings = self.members["ring"][rows][owner, way].astype(np.int64) - 1
        self._fold_loads(rings)
        if not len(rings):
            _set(records, held, Flag.BUFFERBLOAT, reason == Reason.NONE, reason == Reason.NONE, reason)
            return
        from wireverdict.paths.load import answers, base_rtts

        until = self.rings["newest"][rings] + 1
        whole = until * SECOND // PERIOD
        bases = base_rtts(self.pairs[self.members["pair"][rows][owner]], self.rings["direction"][rings], whole)
        own = self.members["base"][rows][owner].astype(np.int64)
        own = np.stack([own[np.arange(len(own)), 1 - way], own[np.arange(len(own)), way]], axis=1)
        bases = np.where((bases == 0) | ((own > 0) & (own < bases)), own, bases)
        told = answers(self.loads, rings, until, bases, self.settings.bufferbloat)
        answer = self.members["bloated"][rows].copy()
        np.bitwise_or.at(answer, owner, told.answer)
        reason[owner] = told.reason
        reason[owner[told.reason == Reason.UNDECIDED]] = Reason.UNDECIDED
        true = (answer & TRUE) != 0
        false = ~true & (answer == FALSE) & (reason != Reason.UNDECIDED)
        if self.counters[layout.FULL_RINGS]:
            reason[(self.members["ring"][rows] == 0).all(axis=1)] = Reason.NO_TABLE_ROOM
        _set(records, held, Flag.BUFFERBLOAT, true, false, reason)


def count_data(log: NDArray[np.void], direction: int) -> tuple[int, int]:
    """Data packets of one direction of a log (super-packets split): all, and those sent again."""
    mine = (log["flags"] & HIGH == direction) & (log["payload"] > 0)
    packets = -(-log["payload"][mine].astype(np.int64) // FULL_PACKET)
    return int(packets.sum()), int(packets[(log["flags"][mine] & REPEAT) != 0].sum())


def _set(
    records: NDArray[np.void],
    at: NDArray[np.int64],
    flag: Flag,
    true: NDArray[np.bool_],
    false: NDArray[np.bool_],
    reason: NDArray[np.uint8],
) -> None:
    """Write a three-valued flag of records[at]; a reason only where the tracker has not given a better one."""
    records["flags_true"][at[true]] |= 1 << flag
    records["flags_known"][at[true | false]] |= 1 << flag
    records["reasons"][at[true | false], flag] = Reason.NONE
    unknown = at[~true & ~false]
    generic = records["reasons"][unknown, flag] == Reason.TOO_FEW_SAMPLES
    records["reasons"][unknown[generic], flag] = reason[~true & ~false][generic]
