"""tcptrace's long output: reading it, and comparing it with our connections."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.truth.differences import Difference
from tests.truth.ours import Connection, Side

COUNTS = {
    "total packets": "packets",
    "actual data bytes": "payload_bytes",
    "rexmt data pkts": "retransmissions",
    "rexmt data bytes": "retransmitted_bytes",
    "outoforder pkts": "out_of_order",
    "zero win adv": "zero_windows",
    "mss requested": "mss",
}
"""Their counter to ours, where both mean the same or where a difference is to be explained."""

_PAIR = re.compile(r"^ {5}([A-Za-z#][^:]*?): +(\S+)(?: [a-zA-Z]+)? +([A-Za-z#][^:]*?): +(\S+)")


@dataclass(slots=True)
class Traced:
    """One connection as tcptrace saw it: counters of both directions by name."""

    a: tuple[str, int]
    b: tuple[str, int]
    complete: str = ""
    forward: dict[str, str] = field(default_factory=dict)
    backward: dict[str, str] = field(default_factory=dict)


def _end(text: str) -> tuple[str, int]:
    ip, _, port = text.strip().rpartition(":")
    return ip, int(port) if port.isdigit() else -1


def read(path: Path) -> list[Traced]:
    """Connections in a file of long output."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8", "replace")
    found: list[Traced] = []
    host = None
    for line in text.splitlines():
        key, _, value = line.strip().partition(":")
        if key.startswith("host ") and line.startswith("\t"):
            if host is None:
                host = _end(value)
            else:
                found.append(Traced(host, _end(value)))
                host = None
        elif key == "complete conn":
            found[-1].complete = value.strip()
        elif (pair := _PAIR.match(line)) and found:
            name, one, other, another = pair.groups()
            if name == other:
                found[-1].forward.setdefault(name, one)
                found[-1].backward.setdefault(name, another)
    return found


def values(theirs: dict[str, str], ours: Side) -> Iterator[tuple[str, object, object]]:
    """(field, theirs, ours) for each counter of one direction that differs."""
    for name, mine in COUNTS.items():
        if name in theirs:
            value = getattr(ours, mine)
            if int(theirs[name]) != value:
                yield name, int(theirs[name]), value
    samples = int(theirs.get("RTT samples", 0))
    if samples and ours.rtt_samples:
        for name, micros in (("RTT min", ours.rtt_min), ("RTT max", ours.rtt_max)):
            if abs(float(theirs[name]) - micros / 1000) > 0.1:
                yield name, float(theirs[name]), round(micros / 1000, 1)


def compare(baseline: str, theirs: list[Traced], connections: tuple[Connection, ...]) -> list[Difference]:
    """All differences; connections with the same ends are paired in order of time."""
    found: list[Difference] = []
    left = [one for one in connections if one.protocol == "tcp"]
    for one in theirs:
        here = f"{one.a[0]}:{one.a[1]} - {one.b[0]}:{one.b[1]}"
        same = [mine for mine in left if {mine.source, mine.destination} == {one.a, one.b}]
        if not same:
            found.append(Difference("tcptrace", baseline, here, "connection", "traced", "absent"))
            continue
        left.remove(same[0])
        straight = same[0].source == one.a
        for direction, counters, side in (
            ("a->b", one.forward, same[0].orig if straight else same[0].resp),
            ("b->a", one.backward, same[0].resp if straight else same[0].orig),
        ):
            for name, value, mine_value in values(counters, side):
                found.append(Difference("tcptrace", baseline, here, f"{direction} {name}", value, mine_value))
    found += [Difference("tcptrace", baseline, str(one), "connection", "absent", "recorded") for one in left]
    return found
