"""What wireverdict says of a capture, run in process as ``analyze`` runs it, as plain values to compare."""

from __future__ import annotations

import functools
import ipaddress
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.timeline import open_timeline
from wireverdict.compose import pipeline
from wireverdict.connections.community_id import community_ids
from wireverdict.headers import HeaderBatch
from wireverdict.records import CONNECTION, State
from wireverdict.settings import Source, settings

PROTOCOLS = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}


@dataclass(slots=True)
class Side:
    """One direction of a connection; names as in wireverdict.records.SIDE."""

    packets: int = 0
    bytes: int = 0
    payload_bytes: int = 0
    stream_bytes: int = 0
    missed_bytes: int = 0
    retransmissions: int = 0
    retransmitted_bytes: int = 0
    spurious_retransmissions: int = 0
    out_of_order: int = 0
    duplicate_acks: int = 0
    zero_windows: int = 0
    keep_alives: int = 0
    rtt_min: int = 0
    rtt_max: int = 0
    rtt_samples: int = 0
    mss: int = 0
    frame_bytes: int = 0  # on the wire, link layer included: summed from the decoder's rows over all of the 5-tuple


@dataclass(slots=True)
class Connection:
    """One record. Times in ns."""

    protocol: str
    number: int
    source: tuple[str, int]
    destination: tuple[str, int]
    start: int
    end: int
    state: str
    history: str
    community_id: str
    orig: Side = field(default_factory=Side)
    resp: Side = field(default_factory=Side)

    def __str__(self) -> str:
        (ip, port), (other, service) = self.source, self.destination
        return f"{self.protocol} {ip}:{port} > {other}:{service}"


@dataclass(frozen=True, slots=True)
class Answer:
    """All that one run gave."""

    connections: tuple[Connection, ...]
    counters: dict[str, Any]
    errors: tuple[str, ...]


def ip(hi: int, lo: int) -> str:
    """Text of an address held as two numbers."""
    number = int(hi) << 64 | int(lo)
    if number >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))


class _FrameBytes:
    """Bytes on the wire by direction of a 5-tuple."""

    KEYS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "protocol")

    def __init__(self) -> None:
        self.sums: dict[tuple[int, ...], int] = defaultdict(int)

    def add(self, batch: HeaderBatch) -> None:
        for row in batch.rows[[*self.KEYS, "frame_length"]].tolist():
            self.sums[row[:-1]] += row[-1]


def _connection(row: Any, identity: str, sums: dict[tuple[int, ...], int]) -> Connection:
    made = Connection(
        protocol=PROTOCOLS.get(int(row["protocol"]), f"ip-{row['protocol']}"),
        number=int(row["protocol"]),
        source=(ip(row["src_hi"], row["src_lo"]), int(row["sport"])),
        destination=(ip(row["dst_hi"], row["dst_lo"]), int(row["dport"])),
        start=int(row["first_ts"]),
        end=int(row["last_ts"]),
        state=State(int(row["state"])).name,
        history=bytes(row["history"][: row["history_length"]]).decode(),
        community_id=identity,
    )
    names = [item.name for item in fields(Side) if item.name != "frame_bytes"]
    for side, column in ((made.orig, "source"), (made.resp, "destination")):
        for name in names:
            setattr(side, name, int(row[column][name]))
    key = tuple(int(row[name]) for name in _FrameBytes.KEYS)
    if made.protocol == "icmp":  # packets have no ports, records have types there
        key = (*key[:4], 0, 0, key[6])
    made.orig.frame_bytes = sums.get(key, 0)
    made.resp.frame_bytes = sums.get((key[2], key[3], key[0], key[1], key[5], key[4], key[6]), 0)
    return made


def run(
    paths: Sequence[Path], *, tunnels: str = "inner", batch: int = 8192
) -> tuple[NDArray[np.void], dict[str, Any], _FrameBytes, tuple[str, ...]]:
    """Connection records (CONNECTION), counters, frame bytes and the errors of files."""
    made = pipeline(settings([Source({"capture": {"tunnels": tunnels}}, lambda key: key)]))
    timeline = open_timeline([str(path) for path in paths], batch=batch)
    counted = _FrameBytes()
    records = []
    for frames in timeline:
        headers = made.decoder.decode(frames)
        counted.add(headers)
        made.packets += len(frames.frames)
        made.feed_headers(headers)
        records.append(made.take_connections().copy())
    made.finish()
    records.append(made.take_connections().copy())
    errors = tuple(report.error for report in timeline.reports if report.error)
    return np.concatenate([np.zeros(0, CONNECTION), *records]), made.counters, counted, errors


@functools.lru_cache(maxsize=64)
def answer(path: Path, tunnels: str = "inner") -> Answer:
    """What wireverdict says of one capture, connections in order of their first packets."""
    records, counters, counted, errors = run([path], tunnels=tunnels)
    identities = [bytes(identity).decode() for identity in community_ids(records)]
    made = [_connection(row, identity, counted.sums) for row, identity in zip(records, identities, strict=True)]
    return Answer(tuple(sorted(made, key=lambda one: one.start)), counters, errors)
