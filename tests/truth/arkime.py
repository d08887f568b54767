"""Arkime's sessions: reading the JSON of its test suite, and comparing it with our connections.

Arkime writes one session several times when it grows long, and joins or splits connections otherwise than we do. What
must agree are the sums over all sessions and all connections with the same addresses and ports: packets and payload
bytes sent by each end, bytes on the wire, and the Community ID.
"""

from __future__ import annotations

import ipaddress
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.truth.differences import Difference
from tests.truth.ours import Connection

End = tuple[str, int]
Key = tuple[int, End, End]


@dataclass(slots=True)
class Sums:
    """Over all with one key. By end: packets, payload bytes (ours: with and without repeats), bytes on the wire."""

    packets: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    payload: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    stream: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    wire: dict[End, int] = field(default_factory=lambda: defaultdict(int))
    community_ids: set[str] = field(default_factory=set)


def key_of(protocol: int, one: End, other: End) -> Key:
    """The same for both directions."""
    first, second = sorted((one, other))
    return protocol, first, second


def text(key: Key) -> str:
    """For people and for the list of known differences."""
    protocol, one, other = key
    return f"{protocol} {one[0]}:{one[1]} - {other[0]}:{other[1]}"


def read(path: Path) -> dict[Key, Sums]:
    """Sums over the sessions in a file."""
    sums: dict[Key, Sums] = defaultdict(Sums)
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for session in document["sessions3"]:
        body = session["body"]
        if "ipProtocol" not in body or "ip" not in body.get("source", {}):
            continue  # not IP
        ends = []
        for name in ("source", "destination"):
            side = body[name]
            ends.append((str(ipaddress.ip_address(side["ip"])), int(side.get("port", 0))))
        one = sums[key_of(body["ipProtocol"], ends[0], ends[1])]
        for end, side, payload in ((ends[0], "source", "client"), (ends[1], "destination", "server")):
            one.packets[end] += body[side].get("packets", 0)
            one.wire[end] += body[side].get("bytes", 0)
            one.payload[end] += body.get(payload, {}).get("bytes", 0)
            if body["ipProtocol"] in (1, 58):  # Arkime counts the ICMP header as payload
                one.payload[end] -= 8 * body[side].get("packets", 0)
        if "community_id" in body["network"]:
            one.community_ids.add(body["network"]["community_id"])
    return dict(sums)


def ours(connections: tuple[Connection, ...]) -> dict[Key, Sums]:
    """The same sums over our connections."""
    sums: dict[Key, Sums] = defaultdict(Sums)
    for one in connections:
        icmp = one.protocol == "icmp"  # there Arkime has no ports
        ends = [(ip, 0 if icmp else port) for ip, port in (one.source, one.destination)]
        entry = sums[key_of(one.number, ends[0], ends[1])]
        for end, side in zip(ends, (one.orig, one.resp), strict=True):
            entry.packets[end] += side.packets
            entry.payload[end] += side.payload_bytes
            entry.stream[end] += side.stream_bytes if one.protocol == "tcp" else side.payload_bytes
            entry.wire[end] = side.frame_bytes  # a sum over the 5-tuple already
        entry.community_ids.add(one.community_id)
    return dict(sums)


def compare(baseline: str, theirs: dict[Key, Sums], mine: dict[Key, Sums]) -> list[Difference]:
    """All differences."""
    found: list[Difference] = []
    for key in sorted(theirs.keys() | mine.keys()):
        here = text(key)

        def differ(name: str, one: object, other: object, here: str = here) -> None:
            if one != other:
                found.append(Difference("arkime", baseline, here, name, one, other))

        if key not in mine or key not in theirs:
            differ("session", *(("absent", "recorded") if key in mine else ("recorded", "absent")))
            continue
        left, right = theirs[key], mine[key]
        for end in key[1:]:
            place = f"{end[0]}:{end[1]}"
            differ(f"packets of {place}", left.packets[end], right.packets[end])
            differ(f"wire of {place}", left.wire[end], right.wire[end])
            if left.payload[end] != right.stream[end]:  # which of the two Arkime counts depends on how it reassembles
                differ(f"payload of {place}", left.payload[end], right.payload[end])
        differ("community_id", sorted(theirs[key].community_ids), sorted(mine[key].community_ids))
    return found
