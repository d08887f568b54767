"""Windows of event time over headers and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from wireverdict import headers
from wireverdict.headers import HEADER
from wireverdict.windows import aggregate, state
from wireverdict.windows.fields import COUNTS, NEVER, SERVICE_KEY, Count, Dns
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.transactions import Transactions
from wireverdict.windows.view import Capture, Table, WindowView

_SECOND = 1_000_000_000
_OPEN_BY_COUNT = 16
"""Windows by count that may wait for answers at one time; at higher packet rates they close with attempts undecided."""


class Windows:
    """Sums headers into windows and hands over each window once, when it is certain.

        start = 0
        while start < len(rows):
            start = windows.observe(rows, names, notes, start)
            for view in windows.close():
                ...
        for view in windows.finish():
            ...

    `observe` stops before the header that makes a window due, so that what comes out does not depend on batch sizes.
    """

    def __init__(self, settings: WindowSettings | None = None, home_networks: Iterable[str] = ()) -> None:
        self.settings = settings = settings or WindowSettings()
        self.home = HomeNetworks(home_networks)
        width, lateness = round(settings.width * _SECOND), round(settings.lateness * _SECOND)
        places = _OPEN_BY_COUNT if settings.packets else -(-lateness // width) + 2
        rows = settings.max_services
        if settings.packets:
            rows = min(rows, 64 + 4 * settings.packets)
        cells = _power_of_two(2 * rows)
        self._s = s = np.zeros(state.S_SIZE, np.int64)
        s[state.WATERMARK], s[state.DUE] = state.NO_WINDOW, NEVER
        s[state.WIDTH], s[state.LATENESS], s[state.COUNT] = width, lateness, settings.packets
        s[state.RING], s[state.SERVICES], s[state.INDEX] = places, rows, cells
        s[state.OLD_MS], s[state.STALL_LIMIT] = (
            round(settings.established * 1000),
            round(settings.stall_limit * _SECOND),
        )
        s[state.STALL_USED] = 1
        self._ring = np.zeros((places, state.R_SIZE), np.int64)
        self._ring[:, [state.USED, state.DNS_USED, state.NAMES_USED]] = 1
        # Zeroed memory costs nothing until it is written, so bounds may be generous.
        self._keys = np.zeros(places * rows, SERVICE_KEY)
        self._counts = np.zeros(places * rows * 2 * COUNTS, np.int64)
        self._index = np.zeros(places * cells, np.int32)
        self._place = np.zeros(places * rows, np.int32)
        self._slots = np.zeros(1024, state.SLOT)
        self._stalls = np.zeros(state.STALLS, state.STALL)
        self._previous = np.zeros(1, HEADER)
        self._listed = np.zeros(0, np.int32)
        self._dns = Transactions(settings, places)

    @property
    def dns_totals(self) -> dict[str, int]:
        """Of all packets so far: attempts = answered + late + unanswered + pending, and orphans, untracked.

        `pending` are attempts whose time-out has not passed on the watermark.
        """
        return self._dns.totals(self._s)

    @property
    def late_packets(self) -> int:
        """Packets left out of windows because theirs had closed. (Their DNS messages still count in `dns_totals`.)"""
        return int(self._s[state.LATE_TOTAL] + self._s[state.LATE])

    def observe(self, rows: NDArray[np.void], names: NDArray[np.uint8], notes: NDArray[np.void], start: int = 0) -> int:
        """Take up rows[start:] until a window is due; the index of the first row not taken up (len(rows): all done).

        `rows` HEADER[n], `names` uint8[m], `notes` NOTE[n].
        """
        s = self._s
        if len(self._listed) < 2 * len(rows):
            self._listed = np.empty(2 * len(rows), np.int32)
        tables = (self._keys, self._counts, self._index, self._place)
        while True:
            s[state.ROOM] = 0
            done = aggregate.observe(
                self._previous,
                rows,
                notes,
                start,
                s,
                self._ring.reshape(-1),
                *tables,
                self._slots,
                self._stalls,
                self._listed,
            )
            if s[state.DNS_LISTED]:
                self._dns.take_up(rows, notes, names, int(s[state.DNS_LISTED]), self._listed, s, self._ring)
            if not s[state.ROOM]:
                if done == len(rows) and done:
                    self._previous = rows[-1:].copy()
                return int(done)
            slots = np.zeros(max(int(s[state.ROOM]), 2 * len(self._slots)), state.SLOT)
            slots[: len(self._slots)] = self._slots
            self._slots, start = slots, done

    def close(self) -> Iterator[WindowView]:
        """Windows that are due, in order of time."""
        s = self._s
        if s[state.WATERMARK] < s[state.DUE] and not s[state.FORCE]:
            return
        force = bool(s[state.FORCE])
        s[state.FORCE] = 0
        for place in self._in_order():
            if force or self._due(place) <= s[state.WATERMARK]:
                yield self._view(place, final=False)
                force = False
        s[state.DUE] = min((self._due(place) for place in self._in_order()), default=NEVER)

    def finish(self) -> Iterator[WindowView]:
        """Everything still open, at the end of the input."""
        for place in self._in_order():
            yield self._view(place, final=True)
        self._s[state.DUE] = NEVER

    def _in_order(self) -> list[int]:
        """Open places by window number."""
        places = np.flatnonzero(self._ring[:, state.OPEN])
        return [int(place) for place in places[np.argsort(self._ring[places, state.NUMBER])]]

    def _due(self, place: int) -> int:
        """The watermark at which the window in a place closes."""
        number, last = int(self._ring[place, state.NUMBER]), int(self._ring[place, state.LAST])
        if not self.settings.packets:
            return (number + 1) * int(self._s[state.WIDTH]) + int(self._s[state.LATENESS])
        complete = (number + 1) * self.settings.packets <= int(self._s[state.ORDINAL])
        return last + int(self._s[state.LATENESS]) if complete else int(NEVER)

    def _view(self, place: int, *, final: bool) -> WindowView:
        """Take a window out."""
        s, ring = self._s, self._ring
        tables = (self._keys, self._counts, self._index, self._place)
        if s[state.STALL_OPEN] and not self.settings.packets:
            aggregate.seal(place, s, ring.reshape(-1), *tables, self._slots, self._stalls)
        if final:
            self._undecided_syns(place)
        number, first, last, packets, overflow = (
            int(ring[place, column])
            for column in (state.NUMBER, state.FIRST, state.LAST, state.PACKETS, state.OVERFLOW)
        )
        services = self._services(place)
        dns = self._dns.table(place, number, s, ring)
        capture = Capture(late=int(s[state.LATE]), overflow=overflow, final=final)
        s[state.LATE_TOTAL] += s[state.LATE]
        s[state.LATE] = 0
        capture.untracked_dns = int(dns.of(Dns.UNTRACKED).sum())
        _describe(capture, services)
        self._dns.clear(place, ring)
        self._clear(place)
        width = int(s[state.WIDTH])
        start, end = (first, last + 1) if self.settings.packets else (number * width, (number + 1) * width)
        return WindowView(number, start, end, end - start, packets, services, dns, capture, self.home)

    def _clear(self, place: int) -> None:
        """Empty a place, in time that depends on the rows used only."""
        used, rows, cells = (int(n) for n in (self._ring[place, state.USED], *self._s[[state.SERVICES, state.INDEX]]))
        here = slice(place * rows, place * rows + used)
        self._index[place * cells :][self._place[here][1:]] = 0
        self._keys[here] = np.zeros((), SERVICE_KEY)
        self._counts.reshape(-1, 2 * COUNTS)[here] = 0
        self._ring[place] = 0
        self._ring[place, [state.USED, state.DNS_USED, state.NAMES_USED]] = 1

    def _undecided_syns(self, place: int) -> None:
        """At the end of the capture: SYNs without any answer that are too young to be called unanswered."""
        low, bits = int(self._ring[place, state.NUMBER]) & 0xFFFFFFFF, self._slots["bits"]
        now = np.uint32(int(self._s[state.WATERMARK]) // 1_000_000 & 0xFFFFFFFF)
        young = now - self._slots["syn_ms"] < np.uint32(round(self.settings.syn_timeout * 1000))
        waits = self._slots[(bits & state.SYN_WAITS != 0) & (self._slots["syn_window"] == low) & young]
        counts = self._counts.reshape(-1, 2, COUNTS)[place * int(self._s[state.SERVICES]) :]
        side = (waits["bits"] & state.SYN_SIDE != 0).astype(np.intp)
        np.add.at(counts, (waits["syn_row"].astype(np.intp), side, int(Count.SYN_PENDING)), 1)

    def _services(self, place: int) -> Table:
        """The window's rows, sorted by key; row 0 (`other`) only if something is in it."""
        used, rows = int(self._ring[place, state.USED]), int(self._s[state.SERVICES])
        keys = self._keys[place * rows :][:used]
        counts = self._counts.reshape(-1, 2, COUNTS)[place * rows :][:used]
        first = 0 if counts[0].any() else 1
        keys, counts = keys[first:], counts[first:]
        names = ("responder", "protocol", "port", "high_lo", "high_hi", "low_lo", "low_hi")
        order = np.lexsort([keys[name] for name in names])
        return Table(keys[order], counts[order])


def _describe(capture: Capture, services: Table) -> None:
    """Fill in what the counts say of the capture."""
    counts = services.counts
    capture.data_packets = int(counts[:, :, Count.DATA_PACKETS].sum())
    capture.missed_events = int(counts[:, :, Count.MISSED_EVENTS].sum())
    capture.missed_bytes = int(counts[:, :, Count.MISSED_BYTES].sum())
    capture.payload_bytes = int(counts[services.keys["protocol"] == headers.TCP][:, :, Count.PAYLOAD_BYTES].sum())
    capture.tcp_packets = int(counts[services.keys["protocol"] == headers.TCP][:, :, Count.PACKETS].sum())
    capture.one_sided_packets = int(counts[:, :, Count.ONE_SIDED].sum())


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
