"""Paths: what is remembered of busy and losing connections, and when the judges are asked.

One window's judgement is a function of the pair's packets before the window's end; one record's flags are a function of
the pair's packets up to the connection's last one. Neither hangs on batches, on when windows close or on other pairs,
except where a bound on memory or time is reached, which is counted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wireverdict.headers import address
from wireverdict.memory import Memory
from wireverdict.paths import layout, restore
from wireverdict.paths.events import EVENT
from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.layout import BINS, CHUNK, FALSE, TRUE
from wireverdict.paths.observe import SECOND, observe
from wireverdict.paths.release import release
from wireverdict.paths.settings import PathSettings
from wireverdict.paths.view import LoadCase, PathView, PolicingCase, answer_of
from wireverdict.records import Reason

PERIOD = 10 * SECOND  # of the log's quota and of base round trips
NEWEST, FOREVER = 1 << 32, 1 << 62  # beyond all numbers of events, all times (ns)
TOLD = 1_024  # judgements that are kept in case they are asked for again
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
    packets: int  # in the window
    repeats: int  # in the window
    sent_again: int  # in the horizon


class Paths:
    """Evidence about paths, from headers and notes. Nothing here looks at a clock."""

    def __init__(self, settings: PathSettings | None = None, memory: Memory | None = None) -> None:
        memory = memory or Memory()
        s = self.settings = settings or PathSettings()
        self.slots = memory.zeros(s.max_slots, layout.SLOT)
        self.members = memory.zeros(s.max_members, layout.MEMBER)
        self.pairs = memory.zeros(s.max_pairs, layout.PAIR)
        self.table = memory.zeros(1 << (2 * s.max_pairs - 1).bit_length(), np.uint32)
        self.sieve = memory.zeros(1 << layout.SIEVE >> 5, np.uint32)
        self.logs = memory.zeros((s.max_chunks, CHUNK), EVENT)
        self.links = memory.zeros(s.max_chunks, np.int32)
        self.rings = memory.zeros(s.max_rings, layout.RING)
        self.loads = memory.zeros((s.max_rings, BINS), layout.LOAD)
        self.oldest = memory.zeros(s.max_rings, np.int64)  # first second of each ring
        self.counters = np.zeros(layout.COUNTERS, np.int64)
        self._events = np.empty(0, EVENT)
        self._marks = memory.zeros(s.max_members, np.int64), np.zeros(1, np.int64)
        self._told: dict[tuple[int, ...], tuple[Judgement, dict[int, int]]] = {}
        self._followed: dict[int, int] = {}  # end of the last window to be told of (ns), by row of the pair
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
            self.oldest,
            self.sieve,
            self.limits,
            self.counters,
        )

    def judge(self, start: int, end: int) -> PathView:
        """Judge a closed window (ns). Call it once for each, in order."""
        policing, unjudged = self._judge_losses(start, end)
        loads, calm = self._judge_loads(start, end)
        self.release(end)
        return PathView(start, end, policing, loads, calm, unjudged, self.full)

    def release(self, end: int) -> None:
        """Windows up to `end` (ns) have closed, also if this one was empty: what only they needed is given back."""
        if not self.counters[layout.TOP_PAIR]:
            return
        silent = end - self.forget
        release(end, silent, self.members, self.pairs, self.rings, self.table, self.sieve, self.links, self.counters)
        self._followed = {row: until for row, until in self._followed.items() if self.pairs["members"][row] >= 0}
        self._told = {key: told for key, told in self._told.items() if self.pairs["members"][key[0]] >= 0}

    def dump(self, rows: int) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`: what is used of it, to be packed before it changes. `rows` of the
        connection table are in use."""
        return restore.dump(self, rows) | {"followed": [[row, until] for row, until in self._followed.items()]}

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `dump` gave, in a fresh object. Raises ValueError."""
        restore.load(self, state)
        self._followed = {int(row): int(until) for row, until in state["followed"]}

    def apply_flags(self, slots: NDArray[np.int32], records: NDArray[np.void]) -> None:
        """Set `bufferbloat` and `policed` of ended connections: CONNECTION[n], from rows `slots` of their table."""
        if not self.counters[layout.TOP_MEMBER]:
            return
        from wireverdict.paths import ended  # compiled only where something is busy

        size = len(slots)
        held, rows, repeats = np.empty(size, np.int64), np.empty(size, np.int64), np.empty((size, 2), np.int64)
        answers = np.empty(size, np.uint8)
        many = ended.collect(slots, records, self.slots, self.members, held, rows, repeats, answers)
        if not many:
            return
        held, rows, repeats, answers = held[:many], rows[:many], repeats[:many], answers[:many]
        unsure = self._judge_repeats(rows, repeats, answers)
        clean = self.settings.policing.min_clean_bytes
        told = self._bloated(rows)
        ended.settle(slots, records, self.slots, self.members, held, rows, repeats, answers, unsure, clean, *told)

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
        suspects = self._suspects(end)
        if not suspects:
            return [], 0
        from wireverdict.paths import logs  # its kernels are compiled for those who lose packets only

        since = end - self.horizon
        counted = np.empty((2 * len(suspects), 3), np.int64)
        logs.survey(self.pairs, self.logs, self.links, np.array(suspects), since, start, end, counted)
        sides = [_Side(suspects[k // 2], k % 2, *counts) for k, counts in enumerate(counted.tolist()) if counts[0]]
        sides.sort(key=lambda side: (-side.sent_again, *self.ends(side.pair, side.direction)))
        cases, judged, unjudged = [], 0, 0
        for side in sides:
            judgement = Judgement(Cause.TOO_FEW, side.repeats, max(side.packets - side.repeats, 0))
            lost: dict[int, int] = {}
            suffices = side.repeats and side.sent_again >= self.settings.policing.min_lost
            if suffices and judged == self.settings.max_judged:
                unjudged += 1
                continue
            log = self._log(side.pair, since, end)
            if suffices:
                judged += 1
                judgement, lost = self._ask(side.pair, log, side.direction)
            numbers, rows = np.array(list(lost), np.int64), np.empty(len(lost), np.int64)
            answer = answer_of(judgement)
            logs.remember(log, side.pair, side.direction, answer, numbers, rows, *self._marks, self.members)
            if judgement.policed:
                self._followed[side.pair] = end + (FOLLOW - 1) * (end - start)
            cases.append(self._case(side, judgement, lost, rows.tolist()))
        cases.sort(key=lambda case: (case.sender, case.receiver))
        return cases, unjudged

    def _log(self, pair: int, since: int, end: int, last: int = NEWEST) -> NDArray[np.void]:
        """The log of a pair from `since` to before `end` (ns), up to event number `last`; valid until the next is asked
        for."""
        from wireverdict.paths.logs import gather

        room = int(self.pairs["chunks"][pair]) * CHUNK
        if len(self._events) < room:
            self._events = np.empty(2 * room, EVENT)
        return self._events[: gather(self.pairs, self.logs, self.links, pair, since, end, last, self._events)]

    def _ask(self, pair: int, log: NDArray[np.void], direction: int) -> tuple[Judgement, dict[int, int]]:
        """What the judge says of a direction of a pair's log, asked once only: a window often ends after the connection,
        whose record was asked about before. Events without gaps in their numbers are told by the first and the last."""
        from wireverdict.paths.policing import judge_log

        first, last = log[0], log[-1]
        key = pair, direction, int(first["number"]), int(last["number"]), int(first["ts"]), int(last["ts"])
        if key[3] - key[2] + 1 != len(log):
            return judge_log(log, direction, self.settings.policing)
        if key not in self._told:
            if len(self._told) >= TOLD:
                self._told.clear()
            self._told[key] = judge_log(log, direction, self.settings.policing)
        return self._told[key]

    def _suspects(self, end: int) -> list[int]:
        """Rows of pairs that lately sent enough packets again to be judged, and of those lately found policed."""
        top = int(self.counters[layout.TOP_PAIR])
        if not top:
            return []
        from wireverdict.paths.busy import losing_pairs  # compiled only where something is busy

        found = np.empty(top, np.int64)
        least = self.settings.policing.min_lost
        suspects = set(found[: losing_pairs(self.pairs, top, end, self.horizon, PERIOD, least, found)].tolist())
        since = end - self.horizon
        self._followed = {row: until for row, until in self._followed.items() if until >= end}
        for row in self._followed:
            loss = int(self.pairs["loss_ts"][row])
            if loss > 0 and loss >= since:
                suspects.add(row)
        return sorted(suspects)

    def _case(self, side: _Side, judgement: Judgement, lost: dict[int, int], rows: list[int]) -> PolicingCase:
        connections = []
        for row, (_, count) in sorted(
            zip(rows, lost.items(), strict=True), key=lambda found: (-found[1][1], found[1][0])
        ):
            if row >= 0:
                member = self.members[row]
                ports = int(member["low_port"]), int(member["high_port"])
                connections.append((ports[side.direction], ports[1 - side.direction], count))
        sender, receiver = self.ends(side.pair, side.direction)
        skipped = int(self.pairs["skipped"][side.pair])
        return PolicingCase(sender, receiver, judgement, connections, side.repeats, side.packets, skipped)

    def _judge_loads(self, start: int, end: int) -> tuple[list[LoadCase], set[tuple[bytes, bytes]]]:
        top = int(self.counters[layout.TOP_RING])
        if not top:
            return [], set()
        from wireverdict.paths.busy import rings_now
        from wireverdict.paths.load import answers

        first, until = start // SECOND, end // SECOND
        rows, bases = np.empty(top, np.int64), np.empty((top, 2), np.int64)
        many = rings_now(
            self.rings, self.loads, top, first, until, -(-end // PERIOD), self.members, self.pairs, rows, bases
        )
        if not many:
            return [], set()
        rows, bases = rows[:many], bases[:many]
        told = answers(self.loads, self.oldest, rows, np.full(many, until, np.int64), bases, self.settings.bufferbloat)
        self.rings["pending"][rows] = told.answer
        cases: list[tuple[LoadCase, int]] = []
        quiet = np.ones(len(rows), np.bool_)
        for i, part, bloat in told.found:
            # a queue that stood only before this window is over, for as long as there is load to show it
            if told.latest[i] < first or bloat.answer is False or bloat.last < first:
                continue
            quiet[i] = False
            direction, member = int(self.rings["direction"][rows[i]]), self.members[self.rings["member"][rows[i]]]
            ports = int(member["low_port"]), int(member["high_port"])
            sides = ports[direction], ports[1 - direction]
            case = LoadCase(*self.ends(int(member["pair"]), direction), *sides, part, bloat)
            cases.append((case, int(member["ordinal"])))
        cases.sort(key=lambda told: (*told[0][:5], told[1]))
        now = rows[quiet & (told.answer != 0) & (told.latest >= first)]
        pairs = self.members["pair"][self.rings["member"][now]].tolist()
        calm = {self.ends(*path) for path in set(zip(pairs, self.rings["direction"][now].tolist(), strict=True))}
        return [case for case, _ in cases], calm

    def _judge_repeats(
        self, rows: NDArray[np.int64], repeats: NDArray[np.int64], answer: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Judge those ended members that had to send enough again, and add to their `answer`; 1 where causes could not be
        told apart."""
        policing = self.settings.policing
        unsure = np.zeros(len(rows), np.uint8)
        for i, direction in np.argwhere(repeats >= policing.min_lost).tolist():
            member = self.members[rows[i]]
            last = int(member["last_event"])
            log = self._log(int(member["pair"]), int(member["last_ts"]) - self.horizon, FOREVER, last)
            if len(log) and log["number"][-1] == last:
                judgement, lost = self._ask(int(member["pair"]), log, direction)
                found = answer_of(judgement) if lost.get(int(member["ordinal"])) else 0
                answer[i] |= found << 2 * direction
                unsure[i] |= judgement.cause in (Cause.UNDECIDED, Cause.SHALLOW)
            else:  # its last window has closed and its log has been given back
                answer[i] |= member["pending"] & 3 << 2 * direction
        return unsure

    def _bloated(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Of ended members: TRUE, FALSE or 0, and the reason for 0."""
        from wireverdict.paths.busy import rings_of

        owners, rings, untils = np.empty((3, 2 * len(rows)), np.int64)
        bases = np.empty((2 * len(rows), 2), np.int64)
        many = rings_of(rows, self.members, self.rings, self.pairs, PERIOD, owners, rings, untils, bases)
        reason = np.full(len(rows), Reason.NO_LOAD, np.uint8)
        if not many:
            return np.zeros(len(rows), np.uint8), reason
        from wireverdict.paths.load import answers

        owners, rings = owners[:many], rings[:many]
        told = answers(self.loads, self.oldest, rings, untils[:many], bases[:many], self.settings.bufferbloat)
        answer = self.members["bloated"][rows]
        np.bitwise_or.at(answer, owners, told.answer)
        reason[owners] = told.reason
        reason[owners[told.reason == Reason.UNDECIDED]] = Reason.UNDECIDED
        true = (answer & TRUE) != 0
        false = ~true & (answer == FALSE) & (reason != Reason.UNDECIDED)
        if self.counters[layout.FULL_RINGS]:
            without = np.ones(len(rows), np.bool_)
            without[owners] = False
            reason[without] = Reason.NO_TABLE_ROOM
        return np.where(true, TRUE, np.where(false, FALSE, 0)).astype(np.uint8), reason
