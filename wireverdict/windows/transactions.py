"""DNS transactions of a run: the tables of `dns`, and what they say of a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wireverdict.windows import dns, state
from wireverdict.windows.fields import DNS_COUNTS, DNS_KEY, LATENCY_BUCKETS, NEVER, Dns
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.view import DnsTable, UnansweredName

_SECOND = 1_000_000_000
TOP = 5
"""Unanswered questions named for each client + resolver: as many as a person reads."""


class Transactions:
    """Owns the arrays; `ring_places` is how many windows may be open at one time."""

    def __init__(self, settings: WindowSettings, ring_places: int) -> None:
        pairs, names, pending = settings.max_dns_pairs, settings.max_names, settings.max_pending
        self._d = d = np.zeros(dns.D_SIZE, np.int64)
        d[dns.PAIRS], d[dns.NAMES] = pairs, names
        d[dns.PAIR_INDEX] = 1 << (2 * pairs - 1).bit_length()
        d[dns.NAME_INDEX] = 1 << (2 * names - 1).bit_length()
        d[dns.CELLS] = 1 << (2 * pending + 1).bit_length()
        d[dns.TIMEOUT], d[dns.LATE_LIMIT] = round(settings.dns_timeout * _SECOND), round(settings.dns_late * _SECOND)
        d[dns.KEY_USED] = d[dns.ATTEMPT_USED] = 1
        self._pairs = np.zeros(ring_places * pairs, DNS_KEY)
        self._counts = np.zeros(ring_places * pairs * DNS_COUNTS, np.int64)
        self._latency = np.zeros(ring_places * pairs * LATENCY_BUCKETS, np.int32)
        self._index = np.zeros(ring_places * int(d[dns.PAIR_INDEX]), np.int32)
        self._place = np.zeros(ring_places * pairs, np.int32)
        self._kept = np.zeros(ring_places * names, dns.NAME)
        self._name_index = np.zeros(ring_places * int(d[dns.NAME_INDEX]), np.int32)
        self._waiting = np.zeros(pending + 1, dns.WAITING)
        self._attempts = np.zeros(pending + 1, dns.ATTEMPT)
        self._cells = np.zeros(int(d[dns.CELLS]), np.int32)
        self._recent = np.zeros(dns.RECENT, np.int32)

    def take_up(
        self,
        rows: NDArray[np.void],
        notes: NDArray[np.void],
        names: NDArray[np.uint8],
        many: int,
        listed: NDArray[np.int32],
        s: NDArray[np.int64],
        ring: NDArray[np.int64],
    ) -> None:
        """See `dns.transactions`."""
        counts = (self._pairs, self._counts, self._latency, self._index, self._place, self._kept, self._name_index)
        waiting = (self._waiting, self._attempts, self._cells, self._recent)
        dns.transactions(rows, notes, names, many, listed, s, ring.reshape(-1), self._d, *counts, *waiting)

    def totals(self, s: NDArray[np.int64]) -> dict[str, int]:
        """See `Windows.dns_totals`."""
        d = self._d
        attempts, answered, late = (int(d[name]) for name in (dns.T_ATTEMPTS, dns.T_ANSWERED, dns.T_LATE))
        pending = int(np.count_nonzero(self._waits()["ts"] + d[dns.TIMEOUT] > s[state.WATERMARK]))
        return {
            "attempts": attempts,
            "answered": answered,
            "late": late,
            "unanswered": attempts - answered - late - pending,
            "orphans": int(d[dns.T_ORPHANS]),
            "pending": pending,
            "untracked": int(d[dns.T_UNTRACKED]),
        }

    def table(self, place: int, number: int, s: NDArray[np.int64], ring: NDArray[np.int64]) -> DnsTable:
        """What is known of the window `number` in a ring place."""
        d, used = self._d, int(ring[place, state.DNS_USED])
        pairs = int(d[dns.PAIRS])
        waits = self._waits()
        waits = waits[waits["window"] == number]
        decided = waits["ts"] + d[dns.TIMEOUT] <= s[state.WATERMARK]
        np.add.at(self._counts.reshape(-1, DNS_COUNTS)[place * pairs :, Dns.PENDING], waits["row"][~decided], 1)
        waits = waits[decided]
        since = np.full(used, NEVER)
        np.minimum.at(since, waits["row"], waits["ts"])
        found = waits["row"].astype(np.int64) << 32 | waits["name"]
        dns.purge(s, d, self._waiting, self._attempts, self._cells)
        keys = self._pairs[place * pairs :][:used]
        counts = self._counts.reshape(-1, DNS_COUNTS)[place * pairs :][:used]
        latency = self._latency.reshape(-1, LATENCY_BUCKETS)[place * pairs :][:used].astype(np.int64)
        names = self._names(place, found, used)
        first = 0 if counts[0].any() else 1
        order = (
            np.lexsort([keys[name][first:] for name in ("server_lo", "server_hi", "client_lo", "client_hi")]) + first
        )
        return DnsTable(keys[order], counts[order], latency[order], since[order], [names[row] for row in order])

    def clear(self, place: int, ring: NDArray[np.int64]) -> None:
        """Empty a ring place."""
        pairs, names = int(self._d[dns.PAIRS]), int(self._d[dns.NAMES])
        here = slice(place * pairs, place * pairs + int(ring[place, state.DNS_USED]))
        self._index[place * int(self._d[dns.PAIR_INDEX]) :][self._place[here][1:]] = 0
        self._pairs[here] = np.zeros((), DNS_KEY)
        self._counts.reshape(-1, DNS_COUNTS)[here] = 0
        self._latency.reshape(-1, LATENCY_BUCKETS)[here] = 0
        kept = self._kept["place"][place * names :][1 : int(ring[place, state.NAMES_USED])]
        self._name_index[place * int(self._d[dns.NAME_INDEX]) :][kept] = 0

    def _waits(self) -> NDArray[np.void]:
        """Attempts that have no answer and are not forgotten."""
        attempts = self._attempts[1 : int(self._d[dns.ATTEMPT_USED])]
        waits: NDArray[np.void] = attempts[attempts["flags"] & dns.IN_USE != 0]
        return waits

    def _names(self, place: int, found: NDArray[np.int64], used: int) -> list[list[UnansweredName]]:
        """The commonest unanswered questions by row; ties in the order of their text."""
        names: list[list[UnansweredName]] = [[] for _ in range(used)]
        if not len(found):
            return names
        kept = self._kept[place * int(self._d[dns.NAMES]) :]
        which, many = np.unique(found, return_counts=True)
        row, name = which >> 32, which & 0xFFFFFFFF
        # Most frequent first within a row; among equals a generous number is read as text and sorted by that.
        order = np.lexsort((kept["qhash"][name], -many, row))
        row, name, many = row[order], name[order], many[order]
        starts = np.searchsorted(row, np.arange(used))
        for index, start in enumerate(starts):
            stop = np.searchsorted(row, index, side="right")
            for at in range(start, min(stop, start + TOP)):
                question = kept[name[at]]
                text = bytes(question["text"][: question["length"]]).decode("ascii", "backslashreplace")
                label = (text or ".") if name[at] else "(not kept)"
                names[index].append(UnansweredName(label, int(question["qtype"]) if name[at] else 0, int(many[at])))
        return names
