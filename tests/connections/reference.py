"""The tracker in plain Python: headers one by one, connections in a dict. What the kernels are compared with.

Bounds are not part of it: it holds any number of connections, of troubles and of round-trip times.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.connections.reference_model import Connection, Fields, Side
from tests.connections.reference_tcp import asks_anew, packet
from wireverdict import headers as h
from wireverdict.connections import notes as n
from wireverdict.connections.tracker import SERVER_TCP, SERVER_UDP, Settings
from wireverdict.headers import HEADER
from wireverdict.records import Flag, Reason, RttMethod, State

PAIRS_4 = {8: 0, 13: 14, 15: 16, 10: 9, 17: 18}
PAIRS_6 = {128: 129, 133: 134, 135: 136, 130: 131, 144: 145}
MS, US = 1_000_000, 1_000
SATURATED = 0xFFFFFFFF


def partner(protocol: int, kind: int) -> int | None:
    """The ICMP type that answers `kind`."""
    pairs = PAIRS_4 if protocol == h.ICMP else PAIRS_6
    return {**pairs, **{answer: request for request, answer in pairs.items()}}.get(kind)


def ends_of(x: Fields, prefix: str = "") -> tuple[tuple[int, int, int], tuple[int, int, int], bool]:
    """(source, destination, whether it is one-way): addresses and ports, or ICMP type and partner."""

    def get(name: str) -> int:
        return int(getattr(x, prefix + name))

    protocol, sport, dport, one_way = get("protocol"), get("sport"), get("dport"), False
    if protocol in (h.ICMP, h.ICMP6):
        kind, code = (sport, dport) if prefix else (x.icmp_type, x.icmp_code)
        answer = partner(protocol, kind)
        one_way = answer is None
        sport, dport = kind, code if answer is None else answer
    return (get("src_hi"), get("src_lo"), sport), (get("dst_hi"), get("dst_lo"), dport), one_way


def key_of(x: Fields, prefix: str = "") -> tuple[Any, ...]:
    """Equal for all packets of a connection, in both directions."""
    source, target, one_way = ends_of(x, prefix)
    protocol = getattr(x, prefix + "protocol")
    return (protocol, source, target) if one_way else (protocol, *sorted((source, target)))


def responder_first(x: Fields) -> bool:
    """Whether the first packet seen was sent by the responder."""
    if (x.dst_hi, x.dst_lo) == (0, 0xFFFF_FFFF_FFFF):  # 255.255.255.255
        return False
    if x.protocol == h.TCP:
        if x.tcp_flags & h.SYN:
            return bool(x.tcp_flags & h.ACK)
        return x.sport in SERVER_TCP and (x.dport not in SERVER_TCP or x.sport < x.dport)
    return x.protocol == h.UDP and x.sport in SERVER_UDP and x.dport not in SERVER_UDP


class Reference:
    """`notes`: one a header; `ended`: connections in the order in which they ended."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.open: dict[tuple[Any, ...], Connection] = {}
        self.ended: list[Connection] = []
        self.notes: list[SimpleNamespace] = []
        self.counts = {"tcp": 0, "udp": 0, "icmp": 0, "tcp_header_cut": 0, "other_protocol": 0}

    def track(self, rows: NDArray[np.void]) -> Reference:
        """Account all rows (HEADER)."""
        for values in rows.tolist():
            self.take(SimpleNamespace(**dict(zip(HEADER.names or (), values, strict=True))))
        return self

    def finish(self) -> Reference:
        """The capture is over."""
        for c in list(self.open.values()):
            self.end(c)
        return self

    def end(self, c: Connection) -> None:
        """One connection is over."""
        self.ended.append(self.open.pop(c.key))

    def overdue(self, c: Connection, now: int) -> bool:
        """Whether a connection had been silent for too long at `now`."""
        s = self.settings
        limit = {h.UDP: s.udp_idle, h.TCP: s.tcp_idle}.get(c.protocol, s.icmp_idle)
        if c.protocol == h.TCP:
            limit = s.tcp_linger if c.closed else s.tcp_attempt if c.attempt else limit
        return now - c.last > round(limit * 1_000 * MS)

    def sweep(self, now: int) -> None:
        """End what has timed out, in the order in which it began."""
        for c in sorted(self.open.values(), key=lambda c: c.number):
            if self.overdue(c, now):
                self.end(c)

    def take(self, x: Fields) -> None:
        """One packet."""
        note = SimpleNamespace(
            connection=None, events=0, reply_to=0, rtt=0, flight=0, acked=0, missed=0, age=0, spurious=0
        )
        note.about = None
        self.notes.append(note)
        if x.protocol == h.TCP:
            if not x.present & h.TCP_HEADER:
                self.counts["tcp_header_cut"] += 1
                return
        elif not (x.protocol == h.UDP and x.present & h.PORTS) and x.protocol not in (h.ICMP, h.ICMP6):
            self.counts["other_protocol"] += 1
            return
        key = key_of(x)
        source, target, _ = ends_of(x)
        c = self.open.get(key)
        if c is not None:
            side = 0 if source == c.ends[0] else 1
            if self.overdue(c, x.ts) or (x.protocol == h.TCP and asks_anew(c, side, x)):
                self.end(c)
                c = None
        if c is None:
            flipped = responder_first(x)
            number = self.counts["tcp"] + self.counts["udp"] + self.counts["icmp"]
            ends = (target, source) if flipped else (source, target)
            c = self.open[key] = Connection(number, key, ends, x.protocol, first=x.ts, last=x.ts)
            side = int(flipped)
            if flipped:
                c.history = "^"
            self.counts[{h.TCP: "tcp", h.UDP: "udp"}.get(x.protocol, "icmp")] += 1
            note.events |= n.NEW
        self.account(c, side, x, note)
        if x.present & h.QUOTED:
            self.error_about(x, note)

    def account(self, c: Connection, side: int, x: Fields, note: Fields) -> None:
        """One packet of `side` (0 originator) of a known connection."""
        me, peer = c.sides[side], c.sides[1 - side]
        both_finished = me.finished and peer.finished
        note.connection = c
        note.age = min(max((x.ts - c.first) // MS, 0), SATURATED)
        if c.protocol == h.TCP:
            packet(c, side, x, note)
            note.events |= n.CLOSED if c.closed else 0
        else:
            me.payload += x.payload_length
            if c.protocol == h.UDP:
                c.letter("D", side, again=False)
                note.events |= n.ESTABLISHED if peer.packets and not me.packets else 0
        me.packets += 1
        me.bytes += x.ip_length
        note.events |= n.FROM_RESPONDER if side else 0
        note.events |= 0 if peer.packets else n.ONE_SIDED
        if not both_finished:
            c.idle = max(c.idle, x.ts - c.last)
            c.last = max(c.last, x.ts)

    def error_about(self, x: Fields, note: Fields) -> None:
        """An ICMP error is evidence about the connection that it quotes."""
        c = self.open.get(key_of(x, "quoted_"))
        if c is None or self.overdue(c, x.ts):
            return
        if (x.icmp_type == 3 and x.icmp_code != 4) if x.protocol == h.ICMP else x.icmp_type == 1:
            note.events |= n.UNREACHABLE
            note.about = c
            c.unreachable = True
            if c.protocol == h.TCP and c.attempt:
                note.reply_to = c.first


def conn_state(c: Connection) -> State:
    """Zeek's conn_state, as its documentation words it."""
    a, b = c.sides
    if c.protocol == h.UDP:
        return {(True, True): State.SF, (True, False): State.S0, (False, True): State.SHR}[a.packets > 0, b.packets > 0]
    if c.protocol != h.TCP:
        return State.OTH
    silent = [side.state in ("inactive", "partial") for side in c.sides]
    if b.state == "reset":
        if a.state in ("syn sent", "syn-ack sent") or (a.state == "reset" and not a.stream and not b.stream):
            return State.REJ
        return State.RSTRH if silent[0] else State.RSTR
    if a.state == "reset":
        if not silent[1]:
            return State.RSTO
        before, reset, _ = c.history.removeprefix("^").partition("R")
        return State.RSTOS0 if reset and before.startswith("S") and not set(before) & set("HAFGIQ") else State.OTH
    if a.state == "closed":
        return State.SF if b.state == "closed" else State.SH if silent[1] else State.S2
    if b.state == "closed":
        return State.SHR if silent[0] else State.S3
    if (a.state, b.state) == ("syn sent", "inactive"):
        return State.S0
    return State.S1 if a.state == b.state == "established" else State.OTH


def flags(c: Connection) -> dict[Flag, bool | Reason]:
    """True, false, or why it is not known."""
    a, b = c.sides
    one_sided = not a.packets or not b.packets
    if c.protocol != h.TCP:
        known = {Flag.UNREACHABLE: c.unreachable, Flag.ONE_SIDED: one_sided}
        return {flag: known.get(flag, Reason.NOT_TCP) for flag in Flag}
    unanswered = c.from_syn and not b.packets
    blind = one_sided and not unanswered
    unjudged = Reason.ONE_DIRECTION if one_sided else Reason.TOO_FEW_SAMPLES
    storm = any(
        side.retransmissions - side.copies - side.spurious >= 10
        and 10 * (side.retransmitted_bytes - side.copied_bytes) >= side.payload - side.copied_bytes
        for side in c.sides
    )
    no_answer = b.state == "inactive" or (b.state == "reset" and b.before == "inactive")
    given: dict[Flag, bool | Reason] = {
        Flag.BUFFERBLOAT: unjudged,
        Flag.POLICED: unjudged,
        Flag.THROTTLED: unjudged,
        Flag.RETRANSMISSION_STORM: storm,
        Flag.ZERO_WINDOW: a.zero_windows + b.zero_windows > 0,
        Flag.HANDSHAKE_FAILED: no_answer or c.refused if c.from_syn else Reason.NOT_SEEN_FROM_START,
        Flag.RESET: "reset" in (a.state, b.state),
        Flag.ONE_SIDED: blind,
        Flag.CAPTURE_LOSS: a.missed + b.missed > 0,
        Flag.UNREACHABLE: c.unreachable,
    }
    if not storm and (blind or not a.payload + b.payload):
        given[Flag.RETRANSMISSION_STORM] = Reason.ONE_DIRECTION if blind else Reason.TOO_FEW_SAMPLES
    if blind and not given[Flag.ZERO_WINDOW]:
        given[Flag.ZERO_WINDOW] = Reason.ONE_DIRECTION
    if one_sided and not given[Flag.CAPTURE_LOSS]:
        given[Flag.CAPTURE_LOSS] = Reason.ONE_DIRECTION
    return given


def side_record(side: Side, tcp: bool) -> dict[str, Any]:
    """Fields of SIDE that are exact; tests.connections.compare checks throughput and percentiles by bounds."""
    rtts = sorted(side.rtts)
    method = RttMethod.TIMESTAMPS if side.by_timestamp else RttMethod.SEQ_ACK
    return {
        "packets": side.packets,
        "bytes": side.bytes,
        "payload_bytes": side.payload,
        "stream_bytes": side.stream if tcp else 0,
        "retransmitted_bytes": side.retransmitted_bytes,
        "missed_bytes": side.missed,
        "retransmissions": side.retransmissions,
        "spurious_retransmissions": side.spurious,
        "out_of_order": side.out_of_order,
        "duplicate_acks": side.duplicate_acks,
        "zero_windows": side.zero_windows,
        "keep_alives": side.keep_alives,
        "peak_in_flight": side.peak,
        "rtt_min": rtts[0] if rtts else 0,
        "rtt_max": rtts[-1] if rtts else 0,
        "rtt_samples": len(rtts),
        "mss": side.mss,
        "rtt_method": (method if side.data_timed else RttMethod.HANDSHAKE) if rtts else RttMethod.NONE,
    }


def record(c: Connection) -> dict[str, Any]:
    """Fields of CONNECTION; sides as dicts, history as text, flags as `flags` gives them."""
    (src_hi, src_lo, sport), (dst_hi, dst_lo, dport) = c.ends
    tcp = c.protocol == h.TCP
    return {
        "src_hi": src_hi,
        "src_lo": src_lo,
        "dst_hi": dst_hi,
        "dst_lo": dst_lo,
        "first_ts": c.first,
        "last_ts": c.last,
        "handshake": -1 if c.handshake is None else c.handshake * US,
        "idle": c.idle // MS * MS,
        "sport": sport,
        "dport": dport,
        "protocol": c.protocol,
        "state": int(conn_state(c)),
        "history": c.history,
        "flags": flags(c),
        "source": side_record(c.sides[0], tcp),
        "destination": side_record(c.sides[1], tcp),
    }
