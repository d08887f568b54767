"""ndpiReader's flow lists: reading them, and comparing them with our connections."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.truth.differences import Difference
from tests.truth.ours import Connection

End = tuple[str, int]
Key = tuple[str, End, End]

_FLOW = re.compile(
    r"^\s*\d+\s+(?P<protocol>\S+) (?P<one>\S+) (?:<->|->) (?P<other>\S+) .*?"
    r"\[(?P<packets>\d+) pkts/(?P<bytes>\d+) bytes (?:<->|->) (?P<back_packets>\d+) pkts/(?P<back_bytes>\d+) bytes\]"
)


@dataclass(slots=True)
class Sums:
    """By end: packets and bytes."""

    packets: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    bytes: dict[End, int] = field(default_factory=lambda: defaultdict(int))


def _end(text: str) -> End:
    ip, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(ip.strip("[]"))), int(port)


def key_of(protocol: str, one: End, other: End) -> Key:
    first, second = sorted((one, other))
    return protocol, first, second


def text(key: Key) -> str:
    """For people and for the list of known differences."""
    return f"{key[0]} {key[1][0]}:{key[1][1]} - {key[2][0]}:{key[2][1]}"


def read(path: Path) -> dict[Key, Sums]:
    """Sums over the flows in a file, by protocol, addresses and ports."""
    found: dict[Key, Sums] = defaultdict(Sums)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if (flow := _FLOW.match(line)) is None:
            continue
        one, other = _end(flow["one"]), _end(flow["other"])
        protocol = {"ICMPV6": "icmp"}.get(flow["protocol"], flow["protocol"].lower())
        entry = found[key_of(protocol, one, other)]
        for end, packets, size in ((one, "packets", "bytes"), (other, "back_packets", "back_bytes")):
            entry.packets[end] += int(flow[packets])
            entry.bytes[end] += int(flow[size])
    return dict(found)


def ours(connections: tuple[Connection, ...]) -> dict[Key, Sums]:
    """The same sums over our connections. Bytes are those on the wire."""
    found: dict[Key, Sums] = defaultdict(Sums)
    for one in connections:
        icmp = one.protocol == "icmp"
        ends = [(ip, 0 if icmp else port) for ip, port in (one.source, one.destination)]
        entry = found[key_of(one.protocol, ends[0], ends[1])]
        for end, side in zip(ends, (one.orig, one.resp), strict=True):
            entry.packets[end] += side.packets
            entry.bytes[end] = side.frame_bytes
    return dict(found)


def compare(baseline: str, theirs: dict[Key, Sums], mine: dict[Key, Sums]) -> list[Difference]:
    """All differences."""
    found: list[Difference] = []
    for key in sorted(theirs.keys() | mine.keys()):
        here = text(key)
        if key not in mine or key not in theirs:
            said = ("absent", "recorded") if key in mine else ("listed", "absent")
            found.append(Difference("ndpi", baseline, here, "flow", *said))
            continue
        for name in ("packets", "bytes"):
            left, right = getattr(theirs[key], name), getattr(mine[key], name)
            for end in key[1:]:
                if left[end] != right[end]:
                    place = f"{name} of {end[0]}:{end[1]}"
                    found.append(Difference("ndpi", baseline, here, place, left[end], right[end]))
    return found
