"""The decoder once more: slow and obvious, on dpkt's header tables, with slices that raise where bytes are missing.

dpkt's parsers of whole packets are not used: where they are wrong for this purpose is said in docs/differences.md.
"""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass, field
from typing import Any

from tests.decode.reference_link import Short, Skip, Walk
from tests.decode.reference_packet import inner, packet
from tests.decode.reference_row import Fill
from wireverdict import headers as h
from wireverdict.decode import slow
from wireverdict.decode.home import DEFAULT
from wireverdict.decode.link import FAST
from wireverdict.decode.reasons import SKIPPED
from wireverdict.frames import IN, OUT, UNKNOWN

NETWORKS = [ipaddress.ip_network(text) for text in DEFAULT]


@dataclass
class Result:
    """What became of a frame: a row (name in `name`), or a reason; flaws in any order."""

    row: dict[str, int] = field(default_factory=dict)
    name: bytes = b""
    skipped: str = ""
    flaws: list[str] = field(default_factory=list)


@functools.cache
def home(hi: int, lo: int) -> bool:
    value = hi << 64 | lo
    mapped = value >> 32 == 0xFFFF
    address = ipaddress.IPv4Address(lo & 0xFFFFFFFF) if mapped else ipaddress.IPv6Address(value)
    return any(address in network for network in NETWORKS if network.version == address.version)


def decode(frame: bytes, link: int, length: int, direction: int = UNKNOWN, tunnels: str = "inner") -> Result:
    """What the decoder should say of one frame; `row` lacks ts and name_offset, and fields that are zero."""
    result = Result()
    try:
        walk = start(frame, link)
        missing = max(length - len(frame), 0)
        chosen = packet(walk.left, len(walk.left) + missing)
        too_long = chosen.length > len(walk.left) + missing
        depth = 0
        while tunnels == "inner" and not chosen.later_fragment:
            found = inner(chosen)
            if found is None:
                break
            depth += 1
            if depth > 4:
                break
            chosen = found
        if chosen.later_fragment:
            raise Skip("fragment")
    except Skip as skip:
        result.skipped = str(skip)
        return result
    if too_long:
        result.flaws.append("ip_length")
    if depth > 4:
        result.flaws.append("tunnel_too_deep")
    fill = Fill(chosen)
    fill.fill()
    row: dict[str, Any] = fill.row
    row |= {"present": fill.present | (h.TUNNEL if depth else 0), "frame_length": length, "vlan": walk.vlan or 0}
    way = direction or walk.direction
    if not way:
        ends = [home(row.get(f"{side}_hi", 0), row["src_lo" if side == "src" else "dst_lo"]) for side in ("src", "dst")]
        way = UNKNOWN if ends[0] == ends[1] else OUT if ends[0] else IN
    row["direction"] = way
    result.row, result.name = row, fill.name
    result.flaws += fill.flaws
    return result


def start(frame: bytes, link: int) -> Walk:
    """Walk the link layer. Rarer link types are found by the slow path, which is Python (tshark checks that)."""
    if link in FAST:
        walk = Walk(frame)
        walk.start(link)
        return walk
    place = slow.place(link, frame[:1024])
    if place.reason or place.layer <= 0:
        raise Skip(place.reason or SKIPPED[-place.layer])
    walk = Walk(frame[place.at :])
    walk.direction = place.direction
    try:
        walk.go({4: "llc"}.get(place.layer) or walk.by_type(place.layer))
    except Short:
        raise Skip("link_cut") from None
    return walk
