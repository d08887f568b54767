"""Captures with exactly known truth: ``python -m benchmarks.generate OUT.pcap --packets 3000000 --seed 1``.

For 3 M packets: 80,000 TCP connections with handshakes, data, delayed ACKs, loss and repeats, swaps, closes and
resets, and 150,000 DNS queries, 20 % of all by IPv6; other sizes in proportion. ``--flood N`` adds a SYN flood from N
spoofed addresses, ``--live N`` makes N connections that stay open instead. The truth is written beside the capture
(OUT.truth.json).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import encode, plan, simulate

PER_CONNECTION = 37.5  # packets of the mix for each TCP connection, DNS included
QUERIES = 150_000 / 80_000  # for each TCP connection
PACE = 25_000  # packets a second
SNAP = 128


def planned(packets: int, seed: int, *, live: int = 0, flood: int = 0, pace: int = PACE) -> NDArray[np.void]:
    """The connections (plan.CONN) of about so many packets of the mix, and others on demand, before they happen."""
    dice = np.random.default_rng(seed)
    connections = round(packets / PER_CONNECTION)
    seconds = max(10.0, packets / pace)
    parts = []
    if connections:
        queries = round(connections * QUERIES)
        segments = 15.3
        parts += [plan.tcp(connections, segments, seconds, dice), plan.dns(queries, seconds, dice)]
    if live:
        parts.append(plan.live(live, max(20.0, live / 50_000), dice))
    if flood:
        parts.append(plan.flood(flood, seconds, dice))
    return np.concatenate(parts)


def build(
    packets: int, seed: int, *, live: int = 0, flood: int = 0, pace: int = PACE
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Plan and simulate; gives (connections with their truth, packets in order of time). `pace`: packets a second."""
    rows = planned(packets, seed, live=live, flood=flood, pace=pace)
    return rows, simulate.events(rows)


def truth(rows: NDArray[np.void]) -> dict[str, Any]:
    """Totals of what `build` made, for the JSON file."""
    tcp = rows[rows["protocol"] == plan.TCP]
    dns = rows[rows["protocol"] == plan.UDP]

    def both(name: str) -> int:
        return int(rows["client"][name].sum(dtype=np.int64) + rows["server"][name].sum(dtype=np.int64))

    def kind(*kinds: int) -> int:
        return int(np.isin(rows["kind"], kinds).sum())

    late, unanswered = kind(plan.LATE), kind(plan.UNANSWERED)
    orphans = kind(plan.ORPHAN)
    return {
        "connections": {"tcp": len(tcp), "udp": len(dns), "icmp": 0},
        "packets": both("packets"),
        "bytes": both("bytes"),
        "payload_bytes": both("payload"),
        "ipv6_connections": int(rows["ipv6"].sum()),
        "retransmissions": both("retransmissions"),
        "retransmitted_bytes": both("retransmitted_bytes"),
        "spurious_retransmissions": both("spurious"),
        "out_of_order": both("out_of_order"),
        "duplicate_acks": both("duplicate_acks"),
        "zero_windows": both("zero_windows"),
        "keep_alives": both("keep_alives"),
        "syn_retries": int(rows["syn_retries"].sum(dtype=np.int64)),
        "kinds": {name: kind(number) for number, name in enumerate(plan.KINDS)},
        "dns": {
            "attempts": len(dns) - orphans,
            "answered": kind(plan.ANSWERED),
            "late": late,
            "unanswered": unanswered,
            "orphans": orphans,
        },
        "first": int(rows["first"].min()),
        "last": int(rows["last"].max()),
    }


def generate(
    out: Path, packets: int, seed: int, *, live: int = 0, flood: int = 0, snap: int = SNAP
) -> NDArray[np.void]:
    """Write `out` and its truth; gives the connections (plan.CONN)."""
    rows, events = build(packets, seed, live=live, flood=flood)
    with out.open("wb") as file:
        encode.write(file, events, rows, snap)
    out.with_suffix(".truth.json").write_text(json.dumps(truth(rows), indent=1) + "\n")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a capture whose every count is known.")
    parser.add_argument("out", type=Path, help="pcap file to write; the truth goes beside it")
    parser.add_argument(
        "--packets", type=int, default=3_000_000, help="about so many packets of the mix (default 3000000)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--live", type=int, default=0, metavar="N", help="add N connections that stay open")
    parser.add_argument("--flood", type=int, default=0, metavar="N", help="add SYNs from N spoofed addresses")
    parser.add_argument("--snap", type=int, default=SNAP, help=f"bytes kept of each packet (default {SNAP})")
    given = parser.parse_args()
    start = time.perf_counter()
    rows = generate(given.out, given.packets, given.seed, live=given.live, flood=given.flood, snap=given.snap)
    known = truth(rows)
    print(f"{given.out}: {known['packets']} packets, {len(rows)} connections, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
