"""DNS transactions of a run: the tables of `dns`, and what they say of a window."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.memory import Memory
from wireverdict.snapshot import array
from wireverdict.windows import dns, dns_state, restore
from wireverdict.windows import state as window_state
from wireverdict.windows.answers import Questions
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, NEVER, Dns
from wireverdict.windows.part import AnswerRows
from wireverdict.windows.settings import WindowSettings

_SECOND = 1_000_000_000


FIRST_CELLS = 1 << 13
"""Cells of the indexes of waiting keys until there are more than a quarter of that: most shards have few at once."""


class Transactions:
    """Owns the arrays; `ring_places` is how many windows may be open at one time."""

    def __init__(self, settings: WindowSettings, ring_places: int, memory: Memory) -> None:
        pairs, names, pending = settings.max_dns_pairs, settings.max_names, settings.max_pending
        self._d = d = np.zeros(dns_state.D_SIZE, np.int64)
        d[dns_state.PAIRS], d[dns_state.NAMES] = pairs, names
        d[dns_state.PAIR_INDEX] = 1 << (2 * pairs - 1).bit_length()
        d[dns_state.NAME_INDEX] = 1 << (2 * names - 1).bit_length()
        self._most_cells = 1 << (2 * pending + 1).bit_length()
        d[dns_state.CELLS] = min(FIRST_CELLS, self._most_cells)
        d[dns_state.TIMEOUT] = round(settings.dns_timeout * _SECOND)
        d[dns_state.LATE_LIMIT] = round(settings.dns_late * _SECOND)
        d[dns_state.KEY_USED] = d[dns_state.ATTEMPT_USED] = 1
        self._pairs = memory.zeros(ring_places * pairs, DNS_KEY)
        self._counts = memory.zeros(ring_places * pairs * dns_state.ROW, np.uint32)
        self._latency = memory.zeros(ring_places * pairs * LATENCY_BUCKETS, np.uint32)
        self._index = memory.zeros(ring_places * int(d[dns_state.PAIR_INDEX]), np.int32)
        self._place = memory.zeros(ring_places * pairs, np.int32)
        self._kept = memory.zeros(ring_places * names, dns_state.NAME)
        self._name_index = memory.zeros(ring_places * int(d[dns_state.NAME_INDEX]), np.int32)
        self._waiting = memory.zeros(pending + 1, dns_state.WAITING)
        self._attempts = memory.zeros(pending + 1, dns_state.ATTEMPT)
        self._cells, self._recent = np.zeros((2, int(d[dns_state.CELLS])), np.int32)
        self._hashes = np.zeros(3 * dns.BLOCK, np.uint64)

    def take_up(
        self,
        rows: NDArray[np.void],
        notes: NDArray[np.void],
        names: NDArray[np.uint8],
        many: int,
        listed: NDArray[np.int32],
        s: NDArray[np.int64],
        ring: NDArray[np.void],
    ) -> None:
        """See `dns.transactions`."""
        counts = (self._counts, self._latency, self._index, self._place, self._kept, self._name_index)
        start = 0
        while start < many:
            part = min(many - start, self._room())
            waiting = (self._waiting, self._attempts, self._cells, self._recent, self._hashes)
            here = listed[2 * start :]
            dns.transactions(rows, notes, names, part, here, s, ring, self._d, self._pairs, *counts, *waiting)
            start += part

    def _room(self) -> int:
        """How many new keys the indexes take before they are half full; they grow if these would be few."""
        cells, used = int(self._d[dns_state.CELLS]), int(self._d[dns_state.KEY_USED])
        if cells < self._most_cells and 4 * used > cells:
            self._rebuild_indexes(self._recent[self._recent > 0])
            cells = len(self._cells)
        return cells if cells == self._most_cells else cells // 2 - used

    def _rebuild_indexes(self, recent: NDArray[np.int32]) -> None:
        """Make the indexes of waiting keys anew, large enough for them. `recent`: what the second one holds."""
        cells, used = int(self._d[dns_state.CELLS]), int(self._d[dns_state.KEY_USED])
        while cells < self._most_cells and 4 * used > cells:
            cells *= 2
        self._d[dns_state.CELLS] = cells
        self._cells, self._recent = np.zeros((2, cells), np.int32)
        restore.index_waiting(self._d, self._waiting, recent, self._cells, self._recent)

    def totals(self, s: NDArray[np.int64]) -> dict[str, int]:
        """See `Windows.dns_totals`."""
        d = self._d
        attempts, answered, late = (
            int(d[name]) for name in (dns_state.T_ATTEMPTS, dns_state.T_ANSWERED, dns_state.T_LATE)
        )
        waits = self._attempts[1 : int(d[dns_state.ATTEMPT_USED])]
        young = waits["ts"] + d[dns_state.TIMEOUT] > s[window_state.WATERMARK]
        pending = int(np.count_nonzero(young & (waits["flags"] & dns_state.IN_USE != 0)))
        return {
            "attempts": attempts,
            "answered": answered,
            "late": late,
            "unanswered": attempts - answered - late - pending,
            "orphans": int(d[dns_state.T_ORPHANS]),
            "pending": pending,
            "untracked": int(d[dns_state.T_UNTRACKED]),
        }

    def forget(self, now: int) -> None:
        """Forget attempts that are too old at `now` (ns) even for a late answer."""
        limit = now - int(self._d[dns_state.LATE_LIMIT])
        dns.forget(limit, self._d, self._waiting, self._attempts, self._cells, self._recent)

    def take_out(self, place: int, s: NDArray[np.int64], ring: NDArray[np.void]) -> tuple[AnswerRows, int]:
        """What is known of the window in a ring place, which is emptied; and its query packets beyond the bound."""
        d, used, pairs = self._d, int(ring[place]["dns_used"]), int(self._d[dns_state.PAIRS])
        here = slice(place * pairs, place * pairs + used)
        memory = self._counts.reshape(-1, dns_state.ROW)[here]
        all_counts = memory[:, :DNS_COUNTS]
        since = np.full(used, NEVER)
        found = np.empty(int(d[dns_state.ATTEMPT_USED]), np.int64)
        answered = all_counts[:, [Dns.ANSWERED, Dns.LATE]].sum(dtype=np.int64)
        booked = np.empty((int(min(answered, used * LATENCY_BUCKETS)), 2), np.uint32)
        many = dns.conclude(
            place,
            int(ring[place]["number"]),
            s,
            ring,
            d,
            self._counts,
            self._latency,
            self._index,
            self._place,
            self._kept,
            self._name_index,
            self._attempts,
            since,
            found,
            booked.reshape(-1),
        )
        filled = int(s[window_state.BOOKED])
        counts = all_counts.copy()
        memory[:] = 0
        which, often = np.unique(found[:many], return_counts=True)
        row, name = which >> 32, which & 0xFFFFFFFF
        asked = self._kept[place * int(d[dns_state.NAMES]) + name]
        questions = Questions(row, asked, name != 0, often)
        answers = AnswerRows(self._pairs[here].copy(), counts, booked[:filled], since, questions)
        return answers, int(counts[:, Dns.UNTRACKED].sum())

    def dump(self, ring: NDArray[np.void]) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`: what is used of it, to be packed before it changes."""
        d = self._d
        keys, attempts = int(d[dns_state.KEY_USED]), int(d[dns_state.ATTEMPT_USED])
        return {
            "scalars": d,
            "waiting": self._waiting[:keys],
            "attempts": self._attempts[:attempts],
            "recent": self._recent[self._recent > 0],
            "places": [
                {name: memory[first:stop] for name, memory, first, stop in self._used(place, ring)}
                for place in np.flatnonzero(ring["open"]).tolist()
            ],
        }

    def load(self, told: dict[str, Any], ring: NDArray[np.void]) -> None:
        """Take up what `dump` gave, in a fresh object; `ring` has been restored. Raises ValueError."""
        d = self._d
        scalars = array(told, "scalars", np.int64, dns_state.D_SIZE, exactly=True)
        kept = [dns_state.TIMEOUT, dns_state.LATE_LIMIT]
        if (scalars[kept] != d[kept]).any():
            raise ValueError("snapshot: windows.dns_timeout or windows.dns_late was another")
        d[dns_state.KEY_FREE :] = scalars[dns_state.KEY_FREE :]
        for name, memory, used in (
            ("waiting", self._waiting, int(d[dns_state.KEY_USED])),
            ("attempts", self._attempts, int(d[dns_state.ATTEMPT_USED])),
        ):
            if not 1 <= used <= len(memory):
                raise ValueError(f"snapshot: {used:,} rows of {name}, and there is room for {len(memory):,}")
            memory[:used] = array(told, name, memory.dtype, used, exactly=True)
        recent = array(told, "recent", np.int32, int(d[dns_state.KEY_USED]))
        if len(recent) and not 0 < recent.min() <= recent.max() < d[dns_state.KEY_USED]:
            raise ValueError("snapshot: recent questions that nobody waits for")
        places = np.flatnonzero(ring["open"]).tolist()
        if len(told["places"]) != len(places):
            raise ValueError("snapshot: DNS of other windows than those that are open")
        for place, memories in zip(places, told["places"], strict=True):
            for name, memory, first, stop in self._used(place, ring):
                memory[first:stop] = array(memories, name, memory.dtype, stop - first, exactly=True)
        restore.index_answers(ring, d, self._pairs, self._index, self._place, self._kept, self._name_index)
        self._rebuild_indexes(recent)

    def _used(self, place: int, ring: NDArray[np.void]) -> list[tuple[str, NDArray[Any], int, int]]:
        """What a ring place uses of each table: name, table, first entry, entry after the last. Raises ValueError."""
        told, d = ring[place], self._d
        tables = (
            ("pairs", self._pairs, d[dns_state.PAIRS], told["dns_used"], 1),
            ("counts", self._counts, d[dns_state.PAIRS], told["dns_used"], dns_state.ROW),
            ("latency", self._latency, d[dns_state.PAIRS], told["histograms"], LATENCY_BUCKETS),
            ("kept", self._kept, d[dns_state.NAMES], told["names_used"], 1),
        )
        used = []
        for name, memory, rows, many, size in tables:
            if not 0 <= many <= rows:
                raise ValueError(f"snapshot: {many:,} rows of DNS {name}, and there is room for {rows:,}")
            first = place * int(rows) * size
            used.append((name, memory, first, first + int(many) * size))
        return used
