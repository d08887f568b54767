"""Windows and DNS transactions once more, slow and obvious: dictionaries and lists, one header at a time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wireverdict import frames, headers
from wireverdict.connections import notes as n
from wireverdict.headers import HEADER
from wireverdict.windows.fields import COUNTS, DNS_COUNTS, Count, Dns, bucket_of
from wireverdict.windows.settings import WindowSettings

S = 1_000_000_000
Address = tuple[int, int]


@dataclass
class Window:
    number: int
    services: dict[tuple[Any, ...], list[list[int]]] = field(
        default_factory=lambda: defaultdict(lambda: [[0] * COUNTS, [0] * COUNTS])
    )
    dns: dict[tuple[Address, Address], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * DNS_COUNTS))
    latency: dict[tuple[Address, Address], dict[int, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    since: dict[tuple[Address, Address], int] = field(default_factory=dict)
    names: dict[tuple[Address, Address], dict[tuple[str, int], int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    packets: int = 0
    first: int = 0
    last: int = 0
    late: int = 0


@dataclass
class Attempt:
    ts: int
    window: int | None
    pair: tuple[Address, Address]
    name: tuple[str, int]
    new: bool
    answered: bool = False


@dataclass
class Flow:
    window: int | None = None
    key: tuple[Any, ...] = ()
    sent: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    syn: tuple[int, tuple[Any, ...], int, int] | None = None  # window, key, side, ts
    stalls: dict[int, tuple[int, tuple[Any, ...], int]] = field(default_factory=dict)  # end: since, key, side


class Reference:
    def __init__(self, settings: WindowSettings) -> None:
        self.settings = settings
        self.width, self.lateness = round(settings.width * S), round(settings.lateness * S)
        self.timeout, self.late_limit = round(settings.dns_timeout * S), round(settings.dns_late * S)
        self.watermark = -(1 << 62)
        self.open: dict[int, Window] = {}
        self.closed: list[Window] = []
        self.flows: dict[int, Flow] = defaultdict(Flow)
        self.keys: dict[tuple[Any, ...], tuple[list[Attempt], list[int]]] = {}
        self.recent: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.totals = dict.fromkeys(("attempts", "answered", "late", "orphans"), 0)
        self.ordinal = 0
        self.late = 0
        self.due = 0  # number of the first window that has not closed

    def take(self, row: Any, note: Any, names: bytes) -> None:
        ts = int(row["ts"])
        before, self.watermark = self.watermark, max(self.watermark, ts)
        per_window = self.settings.packets
        for number in sorted(self.open):
            window = self.open[number]
            if per_window:
                complete = (number + 1) * per_window <= self.ordinal
                begins_another = self.ordinal % per_window == 0 and number + 16 == self.ordinal // per_window
                if complete and (window.last + self.lateness <= self.watermark or begins_another):
                    self.close(number, final=False)
            elif (number + 1) * self.width + self.lateness <= self.watermark:
                self.close(number, final=False)
        if not per_window:
            self.due = (self.watermark - self.lateness) // self.width
            last = self.due * self.width + self.lateness
            if last > before > -(1 << 62):  # some window, open or not, has closed
                self.forget(last)
        number = self.ordinal // per_window if per_window else ts // self.width
        self.ordinal += 1
        events = int(note["events"])
        slot = int(note["slot"])
        if slot >= 0 and events & n.NEW:
            self.flows[slot] = Flow()
        here: Window | None = None
        if per_window or (number + 1) * self.width + self.lateness > self.watermark:
            if number not in self.open:
                self.open[number] = Window(number, first=ts, last=ts)
            here = self.open[number]
        if here is None:
            self.late += 1
        else:
            here.packets += 1
            here.first, here.last = min(here.first, ts), max(here.last, ts)
            self.count(here, row, note)
        self.dns(here, row, note, names)

    def count(self, window: Window, row: Any, note: Any) -> None:
        events, slot, ts = int(note["events"]), int(note["slot"]), int(row["ts"])
        source, target = (int(row["src_hi"]), int(row["src_lo"])), (int(row["dst_hi"]), int(row["dst_lo"]))
        responder_sent = bool(events & n.FROM_RESPONDER)
        side = int(responder_sent) if source == target else int(source > target)
        own = slot >= 0
        port, protocol = 0, int(row["protocol"])
        responder = 1 - side
        if own:
            if row["present"] & headers.PORTS:
                port = int(row["sport"] if responder_sent else row["dport"])
            responder = side if responder_sent else 1 - side
        key = (min(source, target), max(source, target), port, protocol, responder)
        flow = self.flows[slot] if own else None
        if flow is not None and flow.window == window.number:
            key = flow.key
        mine, other = window.services[key][side], window.services[key][1 - side]
        payload = int(row["payload_length"])
        for column, amount in (
            (Count.PACKETS, 1),
            (Count.BYTES, int(row["ip_length"])),
            (Count.PAYLOAD_BYTES, payload),
            (Count.DATA_PACKETS, bool(events & n.DATA)),
            (Count.COPIES, row["present"] & headers.COPY and events & n.DATA != 0),
            (Count.OUT, row["direction"] == frames.OUT),
            (Count.IN, row["direction"] == frames.IN),
            (Count.NEW_FLOWS, bool(events & n.NEW)),
            (Count.RETRANSMISSIONS, bool(events & n.RETRANSMISSION)),
            (Count.RETRANSMITTED_BYTES, payload if events & n.RETRANSMISSION else 0),
            (Count.OUT_OF_ORDER, bool(events & n.OUT_OF_ORDER)),
            (Count.DUPLICATE_ACKS, bool(events & n.DUPLICATE_ACK)),
            (Count.RESETS, bool(events & n.RST_SEEN)),
            (Count.ONE_SIDED, bool(events & n.ONE_SIDED)),
        ):
            mine[column] += int(amount)
        if events & n.ACK_ADVANCED:
            other[Count.ACKED_BYTES] += int(note["acked"])
        if events & n.SPURIOUS:
            other[Count.SPURIOUS] += int(note["spurious"])
        if events & n.MISSED:
            other[Count.MISSED_EVENTS] += 1
            other[Count.MISSED_BYTES] += int(note["missed"])
        if events & n.UNREACHABLE:
            self.unreachable(window, row, self.flows[int(note["missed"])])
        if flow is not None:
            self.established(flow, window, row, note, key, side)
            self.handshakes(flow, window, events, key, side, ts)
            self.stalls(flow, window, events, key, side, ts)

    def unreachable(self, window: Window, row: Any, flow: Flow) -> None:
        source = (int(row["quoted_src_hi"]), int(row["quoted_src_lo"]))
        target = (int(row["quoted_dst_hi"]), int(row["quoted_dst_lo"]))
        side = int(source > target)
        port, protocol = int(row["quoted_dport"]), int(row["quoted_protocol"])
        key = (min(source, target), max(source, target), port, protocol, 1 - side)
        window.services[key][side][Count.UNREACHABLE] += 1
        if flow.syn:
            self.settle(flow, Count.SYN_UNREACHABLE, side)

    def settle(self, flow: Flow, column: Count, side: int) -> None:
        assert flow.syn is not None
        number, key, _, _ = flow.syn
        flow.syn = None
        if number in self.open:
            self.open[number].services[key][side][column] += 1

    def handshakes(self, flow: Flow, window: Window, events: int, key: tuple[Any, ...], side: int, ts: int) -> None:
        if events & n.SYN_SENT:
            window.services[key][side][Count.SYN_PACKETS] += 1
            if not events & n.SYN_RETRY:
                window.services[key][side][Count.SYN_ATTEMPTS] += 1
                flow.syn = (window.number, key, side, ts)
        elif flow.syn and events & n.SYN_ANSWERED:
            self.settle(flow, Count.SYN_ANSWERED, 1 - side)
        elif flow.syn and events & n.REFUSED:
            self.settle(flow, Count.SYN_REFUSED, 1 - side)

    def established(self, flow: Flow, window: Window, row: Any, note: Any, key: tuple[Any, ...], side: int) -> None:
        events, tcp = int(note["events"]), row["protocol"] == headers.TCP
        end = int(bool(events & n.FROM_RESPONDER))
        if not tcp or events & n.ACK_ADVANCED:
            peer = 1 - end
            if peer in flow.sent and peer not in flow.moved and flow.window in self.open:
                flow.moved.add(peer)
                self.open[flow.window].services[flow.key][1 - side][Count.ADVANCED] += 1
        if flow.window is None or window.number > flow.window:
            flow.window, flow.key, flow.sent, flow.moved = window.number, key, set(), set()
        if flow.window != window.number:
            return
        data = bool(events & n.DATA) if tcp else row["payload_length"] > 0
        if data and note["age"] >= round(self.settings.established * 1000) and end not in flow.sent:
            flow.sent.add(end)
            window.services[key][side][Count.ESTABLISHED] += 1

    def stalls(self, flow: Flow, window: Window, events: int, key: tuple[Any, ...], side: int, ts: int) -> None:
        end = int(bool(events & n.FROM_RESPONDER))
        if events & (n.WINDOW_OPENED | n.ZERO_WINDOW):
            self.end_stall(flow, end, ts)
        if events & n.ZERO_WINDOW:
            window.services[key][side][Count.ZERO_WINDOWS] += 1
            flow.stalls[end] = (ts, key, side)
        if events & (n.RST_SEEN | n.CLOSED):
            self.end_stall(flow, 0, ts)
            self.end_stall(flow, 1, ts)

    def span(self, window: Window) -> tuple[int, int]:
        if self.settings.packets:
            return window.first, window.last
        return window.number * self.width, (window.number + 1) * self.width

    def end_stall(self, flow: Flow, end: int, ts: int) -> None:
        if end not in flow.stalls:
            return
        since, key, side = flow.stalls.pop(end)
        if not self.settings.packets:
            for number in range(max(self.due, since // self.width), -(-ts // self.width)):
                if number not in self.open:
                    self.open[number] = Window(number, first=number * self.width, last=number * self.width)
        for window in self.open.values():
            stop = (window.number + 1) * self.width
            if self.settings.packets or stop - since <= round(self.settings.stall_limit * S):
                self.book_stall(window, key, side, since, ts)

    def book_stall(self, window: Window, key: tuple[Any, ...], side: int, since: int, until: int) -> None:
        start, stop = self.span(window)
        part = min(until, stop) - max(since, start)
        if part > 0:
            window.services[key][side][Count.STALL_MS] += part // 1_000_000

    def close(self, number: int, *, final: bool) -> None:
        window = self.open[number]
        if not self.settings.packets:
            stop = (number + 1) * self.width
            for flow in self.flows.values():
                for end, (since, key, side) in list(flow.stalls.items()):
                    if stop - since > round(self.settings.stall_limit * S):
                        del flow.stalls[end]
                    else:
                        self.book_stall(window, key, side, since, min(stop, self.watermark))
        if final:
            for flow in self.flows.values():
                if flow.syn and flow.syn[0] == number:
                    age = self.watermark // 1_000_000 - flow.syn[3] // 1_000_000
                    if age < round(self.settings.syn_timeout * 1000):
                        window.services[flow.syn[1]][flow.syn[2]][Count.SYN_PENDING] += 1
        for attempts, _ in self.keys.values():
            for attempt in attempts:
                if attempt.window == number and not attempt.answered:
                    if attempt.ts + self.timeout > self.watermark:
                        window.dns[attempt.pair][Dns.PENDING] += 1
                    else:
                        window.since[attempt.pair] = min(window.since.get(attempt.pair, attempt.ts), attempt.ts)
                        window.names[attempt.pair][attempt.name] += 1
        if self.settings.packets and not final:
            self.forget(self.watermark)
        self.open.pop(number)
        if window.packets:
            window.late, self.late = self.late, 0
            self.closed.append(window)

    def forget(self, now: int) -> None:
        """Attempts too old for any answer, from the front."""
        for attempts, live in self.keys.values():
            while attempts and (attempts[0].answered or attempts[0].ts < now - self.late_limit):
                attempts.pop(0)
                live[0] = max(live[0] - 1, 0)

    def finish(self) -> None:
        for number in sorted(self.open):
            self.close(number, final=True)

    def dns(self, window: Window | None, row: Any, note: Any, names: bytes) -> None:
        events, ts, flags = int(note["events"]), int(row["ts"]), int(row["dns_flags"])
        if not row["present"] & headers.DNS:
            if row["present"] & headers.QUOTED and row["quoted_dport"] == 53 and events & n.UNREACHABLE and window:
                client = (int(row["quoted_src_hi"]), int(row["quoted_src_lo"]))
                server = (int(row["quoted_dst_hi"]), int(row["quoted_dst_lo"]))
                window.dns[client, server][Dns.UNREACHABLE] += 1
            return
        tcp = row["protocol"] == headers.TCP
        if tcp and events & n.RETRANSMISSION:
            return
        source, target = (int(row["src_hi"]), int(row["src_lo"])), (int(row["dst_hi"]), int(row["dst_lo"]))
        query = not flags & 0x8000
        if row["dport" if query else "sport"] != 53:
            return
        pair = (source, target) if query else (target, source)
        near = (pair, int(row["sport" if query else "dport"]), int(row["protocol"]), int(row["dns_id"]))
        key = (*near, int(row["dns_qhash"]), int(row["dns_qtype"]))
        if query:
            at = int(row["name_offset"])
            name = names[at : at + int(row["name_length"])].decode()
            has_name = bool(row["present"] & headers.QUESTION)
            kept = ((name or "."), int(row["dns_qtype"])) if has_name else ("(not kept)", 0)
            attempt = Attempt(ts, window.number if window else None, pair, kept, bool(events & n.NEW))
            self.keys.setdefault(key, ([], [0]))[0].append(attempt)
            self.recent[near] = key
            self.totals["attempts"] += 1
            if window:
                window.dns[pair][Dns.ATTEMPTS] += 1
                window.dns[pair][Dns.NEW_ATTEMPTS] += attempt.new
                window.dns[pair][Dns.TCP_ATTEMPTS] += int(tcp)
            return
        if not row["present"] & headers.QUESTION:
            last = self.recent.get(near)
            if last and any(not attempt.answered for attempt in self.keys[last][0]):
                key = last
        found = self.answered(key, ts)
        if found is None:
            self.totals["orphans"] += 1
            if window:
                window.dns[pair][Dns.ORPHANS] += 1
            return
        found.answered = True
        took = max(ts - found.ts, 0)
        self.totals["answered" if took <= self.timeout else "late"] += 1
        if found.window not in self.open:
            return
        home = self.open[found.window]
        counts = home.dns[pair]
        counts[Dns.ANSWERED if took <= self.timeout else Dns.LATE] += 1
        rcodes = {0: Dns.NOERROR, 2: Dns.SERVFAIL, 3: Dns.NXDOMAIN, 5: Dns.REFUSED}
        counts[rcodes.get(flags & 15, Dns.OTHER_RCODE)] += 1
        counts[Dns.TRUNCATED] += bool(flags & 0x200)
        counts[Dns.NEW_ANSWERED] += found.new and took <= self.timeout
        counts[Dns.TCP_ANSWERED] += bool(tcp) and took <= self.timeout
        home.latency[pair][bucket_of(took // 1000)] += 1

    def answered(self, key: tuple[Any, ...], ts: int) -> Attempt | None:
        if key not in self.keys:
            return None
        attempts, live = self.keys[key]
        # `live` divides those known to have timed out from the others: time may seem to run back, what is known stays.
        while live[0] < len(attempts) and (attempts[live[0]].answered or attempts[live[0]].ts + self.timeout < ts):
            live[0] += 1
        if live[0] < len(attempts):
            return attempts[live[0]]
        waiting = [attempt for attempt in attempts if not attempt.answered]
        if waiting and ts - waiting[0].ts <= self.late_limit:
            return waiting[0]
        return None


def run(settings: WindowSettings, rows: Any, notes: Any, names: bytes) -> Reference:
    reference = Reference(settings)
    assert rows.dtype == HEADER
    for index in range(len(rows)):
        reference.take(rows[index], notes[index], names)
    reference.finish()
    assert isinstance(np.int64(0), np.integer)
    return reference
