"""Header rows written by hand: one connection at a time, packet by packet, in the notation of tcpdump."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wireverdict import headers as h
from wireverdict.headers import HEADER

Row = dict[str, Any]
"""Fields of a header by name."""
MS = 1_000_000
SECOND = 1_000 * MS
START = 1_700_000_000 * SECOND
"""Time zero of all scripts, ns."""

CLIENT, SERVER = "192.0.2.1", "198.51.100.2"
CLIENT_ISN, SERVER_ISN = 1_000, 500_000
LETTERS = {"F": h.FIN, "S": h.SYN, "R": h.RST, "P": h.PSH, ".": h.ACK, "U": h.URG}


def halves(address: str) -> tuple[int, int]:
    """An address as the two numbers of a header row; IPv4 as ::ffff:a.b.c.d."""
    parsed = ipaddress.ip_address(address)
    number = int(parsed) | (0xFFFF << 32 if parsed.version == 4 else 0)
    return number >> 64, number & (1 << 64) - 1


def text(hi: int, lo: int) -> str:
    """The inverse of `halves`."""
    address = ipaddress.IPv6Address(int(hi) << 64 | int(lo))
    return str(address.ipv4_mapped or address)


def row(ts: int, source: str, target: str, protocol: int, **fields: Any) -> Row:
    """One header as a dict; `ts` in ns since START."""
    src, dst = halves(source), halves(target)
    made = {"ts": START + ts, "src_hi": src[0], "src_lo": src[1], "dst_hi": dst[0], "dst_lo": dst[1]}
    present = h.IPV6 if ":" in source else 0
    return {**made, "protocol": protocol, **fields, "present": fields.get("present", 0) | present}


def table(rows: Iterable[Row]) -> NDArray[np.void]:
    """HEADER rows of dicts; fields that are left out are zero."""
    listed = list(rows)
    made = np.zeros(len(listed), HEADER)
    for at, fields in enumerate(listed):
        for name, value in fields.items():
            made[at][name] = value
    return made


def udp(ts: float, source: str, sport: int, target: str, dport: int, length: int = 10) -> Row:
    """A UDP packet with `length` bytes of payload; `ts` in ms."""
    sizes = {"ip_length": 28 + length, "payload_length": length}
    return row(round(ts * MS), source, target, h.UDP, present=h.PORTS, sport=sport, dport=dport, **sizes)


def icmp(ts: float, source: str, target: str, kind: int, code: int = 0, about: Row | None = None) -> Row:
    """An ICMP (or, by the addresses, ICMPv6) packet; `about` is the row of the packet that an error quotes."""
    protocol = h.ICMP6 if ":" in source else h.ICMP
    fields: dict[str, Any] = {"icmp_type": kind, "icmp_code": code, "ip_length": 64, "payload_length": 36}
    if about is not None:
        fields |= {f"quoted_{end}": about[end] for end in ("src_hi", "src_lo", "dst_hi", "dst_lo")}
        ends = ("icmp_type", "icmp_code") if about["protocol"] in (h.ICMP, h.ICMP6) else ("sport", "dport")
        fields |= {"quoted_sport": about[ends[0]], "quoted_dport": about[ends[1]], "quoted_protocol": about["protocol"]}
        fields["present"] = h.QUOTED
    return row(round(ts * MS), source, target, protocol, **fields)


class Talk:
    """A TCP connection. `c` is a packet of the client, `s` one of the server.

    Sequence numbers are relative to the sender's SYN, acknowledgements to the other's. Left out, `seq` goes on where
    the sender was and `ack` is all that the other has sent. Options: timestamps=(TSval, TSecr), and header fields.
    """

    def __init__(
        self,
        client: str = CLIENT,
        sport: int = 40_000,
        server: str = SERVER,
        dport: int = 443,
        isn: tuple[int, int] = (CLIENT_ISN, SERVER_ISN),
    ) -> None:
        self.ends = ((client, sport), (server, dport))
        self.isn = isn
        self.next = [0, 0]
        self.rows: list[dict[str, Any]] = []

    def c(self, ms: float, flags: str, length: int = 0, **fields: Any) -> Talk:
        """A packet from the client, `ms` after START. See the class."""
        return self._send(0, ms, flags, length, fields)

    def s(self, ms: float, flags: str, length: int = 0, **fields: Any) -> Talk:
        """A packet from the server."""
        return self._send(1, ms, flags, length, fields)

    def handshake(self, ms: float = 0, rtt: float = 10, **fields: Any) -> Talk:
        """SYN, SYN-ACK, ACK as seen beside the client."""
        return self.c(ms, "S", **fields).s(ms + rtt, "S.", **fields).c(ms + rtt, ".")

    def _send(self, side: int, ms: float, flags: str, length: int, fields: dict[str, Any]) -> Talk:
        (source, sport), (target, dport) = self.ends[side], self.ends[1 - side]
        fields = dict(fields)
        bits = sum(LETTERS[letter] for letter in flags)
        seq = fields.pop("seq", self.next[side])
        span = (0 if bits & h.RST else length) + bool(bits & h.SYN) + bool(bits & h.FIN)
        self.next[side] = max(self.next[side], seq + span)
        ack = fields.pop("ack", self.next[1 - side])
        present = fields.pop("present", 0) | h.PORTS | h.TCP_HEADER
        if (stamps := fields.pop("timestamps", None)) is not None:
            present |= h.TIMESTAMPS
            fields |= {"tsval": stamps[0], "tsecr": stamps[1]}
        for name, bit in (("mss", h.MSS), ("wscale", h.WINDOW_SCALE)):
            present |= bit if name in fields else 0
        made: dict[str, Any] = {
            "sport": sport,
            "dport": dport,
            "tcp_flags": bits,
            "seq": (self.isn[side] + seq) % (1 << 32),
            "ack": (self.isn[1 - side] + ack) % (1 << 32) if bits & h.ACK else 0,
            "payload_length": length,
            "ip_length": 40 + length,
            "window": 10_000,
        }
        self.rows.append(row(round(ms * MS), source, target, h.TCP, **{**made, **fields}, present=present))
        return self
