"""Repeated and reordered data against tshark's sequence numbers.

tshark's labels follow other definitions (docs/differences.md), so what is compared is what they are made of: for each
connection the packets whose payload lies wholly at or below the highest sequence number sent before. We call each of
them a retransmission, out of order, or a keep-alive (which may also be without payload, or a probe with a new byte).
"""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.captures import CAPTURES
from tests.truth import ours

LINGERING = "single_byte_rexmit.dmp.gz"
"""Left out: data come more than 5 s after the close, which makes a connection of their own here."""
SETS = (
    *(path for path in sorted((CAPTURES / "blitz_tcptrace").glob("*.dmp.gz")) if path.name != LINGERING),
    CAPTURES / "zeek_zeek" / "smtp.pcap",
    CAPTURES / "zeek_zeek" / "ssh__ssh.pcap",
    CAPTURES / "arkime_arkime" / "wireshark-retrans.pcap",
    CAPTURES / "arkime_arkime" / "80211http.pcap",
)
FIELDS = (
    *("tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "tcp.seq_raw", "tcp.len", "tcp.flags"),
    *("tcp.analysis.retransmission", "tcp.analysis.out_of_order", "tcp.analysis.keep_alive"),
)
Flow = tuple[str, str]
SYN, FIN, RST = 2, 1, 4


def rows(capture: Path) -> Iterator[list[str]]:
    """What tshark says of every TCP packet."""
    command = [
        "tshark",
        "-r",
        str(capture),
        "-2",
        "-Y",
        "tcp && !icmp && !icmpv6",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
    ]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        yield line.split("\t")


def not_new(capture: Path) -> tuple[dict[Flow, int], dict[Flow, int]]:
    """(packets with payload, those of them with nothing new) for each stream and sender."""
    highest: dict[Flow, int] = {}
    data: Counter[Flow] = Counter()
    repeated: Counter[Flow] = Counter()
    for stream, four, six, port, seq, length, flags, *_ in rows(capture):
        flow = (stream, f"{four or six}:{port}")
        size = int(length or 0) * (not int(flags, 16) & RST)
        end = int(seq) + size + bool(int(flags, 16) & (SYN | FIN))
        before = highest.get(flow)
        if before is not None:  # unwrapped next to what was there
            end = before + ((end - before + (1 << 31)) % (1 << 32)) - (1 << 31)
        if size:
            data[flow] += 1
            if before is not None and end <= before:
                repeated[flow] += 1
        if size or int(flags, 16) & (SYN | FIN) or before is None:
            highest[flow] = end if before is None else max(before, end)
    return data, repeated


@pytest.mark.parametrize("capture", SETS, ids=lambda path: path.name)
def test_packets_without_new_data(capture: Path) -> None:
    data, repeated = not_new(capture)
    theirs: Counter[str] = Counter()
    for (_, sender), count in repeated.items():
        theirs[sender] += count
    mine: Counter[str] = Counter()
    kept_alive: Counter[str] = Counter()
    for one in ours.answer(capture).connections:
        if one.protocol != "tcp":
            continue
        for (ip, port), side in ((one.source, one.orig), (one.destination, one.resp)):
            mine[f"{ip}:{port}"] += side.retransmissions + side.out_of_order
            kept_alive[f"{ip}:{port}"] += side.keep_alives
    for sender in theirs | mine:
        assert mine[sender] <= theirs[sender] <= mine[sender] + kept_alive[sender], sender
    assert data or not mine


def test_there_was_something_to_compare() -> None:
    sums: dict[str, int] = defaultdict(int)
    for capture in SETS:
        for one in ours.answer(capture).connections:
            for side in (one.orig, one.resp):
                sums["retransmissions"] += side.retransmissions
                sums["out of order"] += side.out_of_order
    assert sums["retransmissions"] > 50
