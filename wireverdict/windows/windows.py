"""Windows of event time over headers and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict.memory import Memory
from wireverdict.windows import aggregate, restore, state
from wireverdict.windows.fields import NEVER, SERVICE_KEY
from wireverdict.windows.home import HomeNetworks
from wireverdict.windows.part import ServiceRows, WindowPart, empty
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.state import aligned
from wireverdict.windows.transactions import Transactions
from wireverdict.windows.view import Capture

_SECOND = 1_000_000_000
_OPEN_BY_COUNT = 16
"""Windows by count that may wait for answers at one time; at higher packet rates they close with attempts undecided."""

_OWN = np.zeros(0, np.int64)

_Array = NDArray[Any]
_Tables = tuple[_Array, _Array, _Array, _Array, _Array, _Array, _Array]


class Windows:
    """Sums headers into windows and hands over each window once, when it is certain.

        start = 0
        while start < len(rows):
            start = windows.observe(rows, names, notes, start)
            for number, part in windows.close():
                ...
        for number, part in windows.finish():
            ...

    `observe` stops before the header that makes a window due, so that what comes out does not depend on batch sizes. What
    is certain hangs on the clock of the whole timeline, not on the packets that come here.
    """

    def __init__(
        self, settings: WindowSettings | None = None, home_networks: Iterable[str] = (), memory: Memory | None = None
    ) -> None:
        memory = memory or Memory()
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
        # One row more than is used, where blank rows are copied from.
        self._ring = memory.zeros(places + 1, state.PLACE)
        self._sent = memory.zeros(2 * places * rows + 1, state.SENT)
        self._flows = memory.zeros(2 * places * rows + 1, state.FLOWS)
        self._troubles = memory.zeros(2 * places * rows + 1, state.TROUBLE)
        self._trouble_of = memory.zeros(places * rows, np.int32)
        self._keys = memory.zeros(places * rows, SERVICE_KEY)
        self._index = memory.zeros(places * cells, np.uint32)
        self._slots = aligned(1024, state.SLOT)
        self._stalls = memory.zeros(state.STALLS, state.STALL)
        self._listed = np.zeros(0, np.int32)
        self._ahead = np.zeros(aggregate.BLOCK, np.int64)
        self._dns = Transactions(settings, places, memory)
        self._closed: int | None = None  # of windows by count, or after the end

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

    def observe(
        self,
        rows: NDArray[np.void],
        names: NDArray[np.uint8],
        notes: NDArray[np.void],
        start: int = 0,
        clock: NDArray[np.int64] = _OWN,
    ) -> int:
        """Take up rows[start:] until a window is due; the index of the first row not taken up (len(rows): all done).

        `rows` HEADER[n], `names` uint8[m], `notes` NOTE[n]. `clock` int64[n]: the greatest time in the whole timeline up to
        each row, ns, where `rows` are a shard of it.
        """
        s = self._s
        if len(self._listed) < 2 * len(rows):
            self._listed = np.empty(2 * len(rows), np.int32)
        while True:
            s[state.ROOM] = 0
            done = aggregate.observe(
                clock,
                rows,
                notes,
                start,
                s,
                *self._tables(),
                self._slots,
                self._stalls,
                self._listed,
                self._ahead,
            )
            if s[state.DNS_LISTED]:
                self._dns.take_up(rows, notes, names, int(s[state.DNS_LISTED]), self._listed, s, self._ring)
            if not s[state.ROOM]:
                return int(done)
            slots = aligned(max(int(s[state.ROOM]), 2 * len(self._slots)), state.SLOT)
            slots[: len(self._slots)] = self._slots
            self._slots, start = slots, done

    @property
    def due(self) -> int:
        """The time at which `close` has something to do next; NEVER before the first packet, and for windows by count."""
        return int(NEVER) if self.settings.packets else int(self._s[state.DUE])

    @property
    def idle(self) -> bool:
        """Whether closing has nothing to hand over: no window is open, and no receive window closed."""
        return not self._s[state.STALL_OPEN] and not self._ring["open"].any()

    @property
    def closed_through(self) -> int:
        """Number of the last window that is closed for good; NO_WINDOW: none yet."""
        if self._closed is not None or self.settings.packets:
            return state.NO_WINDOW if self._closed is None else self._closed
        if self._s[state.DUE] == NEVER:
            return state.NO_WINDOW
        return self._number(int(self._s[state.DUE])) - 1

    def advance(self, now: int) -> None:
        """The whole timeline has come to `now` (ns). Windows that are due by then are for `close`."""
        s = self._s
        now = min(max(now, -state.FAR), state.FAR)
        if now <= s[state.WATERMARK]:
            return
        if s[state.WATERMARK] == state.NO_WINDOW and not self.settings.packets:
            width, lateness = int(s[state.WIDTH]), int(s[state.LATENESS])
            s[state.DUE] = ((now - lateness) // width + 1) * width + lateness
        s[state.WATERMARK] = now

    def leave(self, rows: NDArray[np.int32]) -> None:
        """Connections have ended and been collected: `rows` of the tracker's table, which others may take now."""
        aggregate.leave(rows, self._s, self._slots, self._stalls)

    def close(self) -> Iterator[tuple[int, WindowPart | None]]:
        """Numbers of windows that are due, in order, and what is in them (None: nothing). Empty ones may be left out."""
        s = self._s
        if self.settings.packets:
            yield from self._close_by_count()
            return
        while s[state.DUE] <= s[state.WATERMARK]:
            due = int(s[state.DUE])
            if self.idle and not s[state.LATE]:  # straight to the last one
                due += (int(s[state.WATERMARK]) - due) // int(s[state.WIDTH]) * int(s[state.WIDTH])
            number = self._number(due)
            part = self._take(number, final=False)
            self._dns.forget(due)
            s[state.DUE] = due + s[state.WIDTH]
            yield number, part

    def finish(self) -> Iterator[tuple[int, WindowPart | None]]:
        """Everything still open, at the end of the input."""
        s = self._s
        if self.settings.packets:
            for place in self._in_order():
                self._closed = int(self._ring[place]["number"])
                yield self._closed, self._part(place, final=True)
        elif s[state.WATERMARK] != state.NO_WINDOW:
            last = int(s[state.WATERMARK]) // int(s[state.WIDTH])
            for number in range(self.closed_through + 1, last + 1):
                yield number, self._take(number, final=True)
            self._closed = last
        s[state.DUE] = NEVER

    def dump(self) -> dict[str, Any]:
        """All memory, for `wireverdict.snapshot`: what is used of it, to be packed before it changes."""
        return restore.dump(self._tables(), self._s, self._slots, self._stalls) | {
            "closed": self._closed,
            "dns": self._dns.dump(self._ring),
        }

    def load(self, told: dict[str, Any]) -> None:
        """Take up what `dump` gave, in place of all memory of a fresh object. Raises ValueError."""
        self._slots = restore.load(told, self._tables(), self._s, self._stalls)
        self._closed = None if told["closed"] is None else int(told["closed"])
        self._dns.load(told["dns"], self._ring)

    def _in_order(self) -> list[int]:
        """Open places by window number."""
        places = np.flatnonzero(self._ring["open"])
        return [int(place) for place in places[np.argsort(self._ring["number"][places])]]

    def _number(self, due: int) -> int:
        """The window that closes when the time is `due`."""
        return (due - int(self._s[state.LATENESS])) // int(self._s[state.WIDTH]) - 1

    def _close_by_count(self) -> Iterator[tuple[int, WindowPart | None]]:
        s = self._s
        if s[state.WATERMARK] < s[state.DUE] and not s[state.FORCE]:
            return
        force = bool(s[state.FORCE])
        s[state.FORCE] = 0
        for place in self._in_order():
            if force or self._due(place) <= s[state.WATERMARK]:
                self._closed = int(self._ring[place]["number"])
                part = self._part(place, final=False)
                self._dns.forget(int(s[state.WATERMARK]))
                force = False
                yield self._closed, part
        s[state.DUE] = min((self._due(place) for place in self._in_order()), default=NEVER)

    def _due(self, place: int) -> int:
        """The watermark at which the window by count in a place closes."""
        number, last = int(self._ring[place]["number"]), int(self._ring[place]["last"])
        complete = (number + 1) * self.settings.packets <= int(self._s[state.ORDINAL])
        return last + int(self._s[state.LATENESS]) if complete else int(NEVER)

    def _take(self, number: int, *, final: bool) -> WindowPart | None:
        """Take a window of time out; None if there is nothing to tell of it."""
        s, place = self._s, number % int(self._s[state.RING])
        is_open = bool(self._ring[place]["open"]) and int(self._ring[place]["number"]) == number
        if s[state.STALL_OPEN]:
            is_open = bool(aggregate.seal(number, s, *self._tables(), self._slots, self._stalls))
        if is_open:
            return self._part(place, final=final)
        return empty(number, *self.span(number), self._late()) if s[state.LATE] else None

    def span(self, number: int) -> tuple[int, int]:
        """First ns of a window of time, and the first after it."""
        width = int(self._s[state.WIDTH])
        return number * width, (number + 1) * width

    def _late(self) -> int:
        """Packets that came too late since this was asked last."""
        s = self._s
        late = int(s[state.LATE])
        s[state.LATE_TOTAL] += late
        s[state.LATE] = 0
        return late

    def _tables(self) -> _Tables:
        """The memory of windows, as kernels want it."""
        return self._ring, self._keys, self._index, self._sent, self._flows, self._trouble_of, self._troubles

    def _part(self, place: int, *, final: bool) -> WindowPart:
        """Take a window out."""
        services = self._services(place, self._undecided_syns(place) if final else None)
        answers, untracked = self._dns.take_out(place, self._s, self._ring)
        told = self._ring[place]
        number, first, last, packets = (int(told[name]) for name in ("number", "first", "last", "packets"))
        capture = Capture(
            overflow=int(told["overflow"]),
            untracked_dns=untracked,
            final=final,
            data_packets=int(told["data_packets"]),
            missed_events=int(told["missed_events"]),
            missed_bytes=int(told["missed_bytes"]),
            payload_bytes=int(told["tcp_payload"]),
            tcp_packets=int(told["tcp_packets"]),
            one_sided_packets=int(told["one_sided"]),
        )
        told["open"] = 0
        start, end = (first, last + 1) if self.settings.packets else self.span(number)
        return WindowPart(number, start, end, packets, services, answers, capture, self._late())

    def _undecided_syns(self, place: int) -> NDArray[np.void]:
        """At the end of the capture: slots with SYNs without any answer that are too young to be called unanswered."""
        low, slots = int(self._ring[place]["number"]) & state.LOW32, self._slots
        now = np.uint32(int(self._s[state.WATERMARK]) // 1_000_000 & state.LOW32)
        young = now - slots["syn_ms"] < np.uint32(round(self.settings.syn_timeout * 1000))
        waits: NDArray[np.void] = slots[(slots["bits"] & state.SYN_WAITS != 0) & (slots["syn_window"] == low) & young]
        return waits

    def _services(self, place: int, waits: NDArray[np.void] | None) -> ServiceRows:
        """Take the rows out and empty the place's index. `waits`: slots with undecided SYNs."""
        used, many = int(self._ring[place]["used"]), int(self._ring[place]["troubles"])
        first, cells = place * int(self._s[state.SERVICES]), int(self._s[state.INDEX])
        keys = self._keys[first : first + used].copy()
        self._index[place * cells :][keys["pad"][1:]] = 0
        keys["pad"] = 0
        pending = None
        if waits is not None and len(waits):
            pending = np.zeros((used, 2), np.int64)
            np.add.at(pending, (waits["syn_row"], (waits["bits"] & state.SYN_SIDE != 0).astype(np.intp)), 1)
        return ServiceRows(
            keys,
            self._sent[2 * first :][: 2 * used].copy(),
            self._flows[2 * first :][: 2 * used].copy(),
            self._trouble_of[first:][:used].copy(),
            self._troubles[2 * first :][: 2 * many].copy(),
            pending,
        )


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
