"""The generator's truth, counted again from the bytes it wrote, the slow and obvious way."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import dpkt
import pytest

from benchmarks import encode, generate, plan
from benchmarks.simulate import events

FIN, SYN, RST = 1, 2, 4


class Direction:
    """What one end has sent so far."""

    def __init__(self) -> None:
        self.seen: set[int] = set()  # first sequence numbers of segments, relative to the first one's
        self.base: int | None = None
        self.next = 0
        self.late: list[tuple[float, int]] = []
        self.last_ack: tuple[int, int] | None = None
        self.acked = 0


def recount(capture: bytes) -> Counter[str]:
    """Counts of a generated capture by an obvious method: sets of sequence numbers, one packet after the other."""
    count: Counter[str] = Counter()
    flows: dict[Any, dict[Any, Direction]] = defaultdict(lambda: defaultdict(Direction))
    queries: dict[Any, float] = {}
    before = 0.0
    for ts, frame in dpkt.pcap.Reader(io.BytesIO(capture)):
        assert ts >= before
        before = ts
        ip: Any = dpkt.ethernet.Ethernet(frame).data
        segment: Any = ip.data
        count["packets"] += 1
        count["bytes"] += ip.len if isinstance(ip, dpkt.ip.IP) else ip.plen + 40
        key = frozenset(((ip.src, segment.sport), (ip.dst, segment.dport)))
        if isinstance(segment, dpkt.udp.UDP):
            count["udp"] += key not in flows
            flows[key]
            if segment.dport == 53:
                queries[key] = ts
                count["attempts"] += 1
            elif key not in queries:
                count["orphans"] += 1
            else:
                count["late" if ts - queries.pop(key) > 5 else "answered"] += 1
            continue
        count["tcp"] += key not in flows
        tcp(count, segment, ip, flows[key])
    count["unanswered"] = len(queries)
    return count


def tcp(count: Counter[str], segment: Any, ip: Any, flow: dict[Any, Direction]) -> None:
    """One TCP packet."""
    total = ip.len - 20 if isinstance(ip, dpkt.ip.IP) else ip.plen
    length = total - segment.off * 4
    mine, peer = flow[ip.src, segment.sport], flow[ip.dst, segment.dport]
    if segment.flags & SYN:
        count["syn_retries"] += mine.base is not None
        mine.base = segment.seq
        return
    if mine.base is None or segment.flags & RST:
        return
    first = (segment.seq - mine.base) & 0xFFFFFFFF
    ack = (segment.ack - (peer.base or 0)) & 0xFFFFFFFF
    stamp = tsval(segment)
    count["zero_windows"] += segment.win == 0
    if length:
        if first + length > mine.next:
            if first > mine.next:
                mine.late.append((stamp, first))
            mine.next = first + length
        elif first in mine.seen:
            count["retransmissions"] += 1
        else:  # fills a hole: sent again if stamped later than what jumped over it
            jumped = min(moment for moment, start in mine.late if start > first)
            count["retransmissions" if stamp > jumped else "out_of_order"] += 1
        mine.seen.add(first)
    elif not segment.flags & FIN:
        if mine.acked == ack and mine.last_ack == (ack, segment.win) and peer.next > ack:
            count["duplicate_acks"] += 1
        count["keep_alives"] += mine.next > 0 and first == mine.next - 1
    mine.acked = max(mine.acked, ack)
    mine.last_ack = (ack, segment.win)


def tsval(segment: Any) -> int:
    """The timestamp of a segment; 0 without."""
    for kind, value in dpkt.tcp.parse_opts(segment.opts):
        if kind == dpkt.tcp.TCP_OPT_TIMESTAMP:
            return int.from_bytes(value[:4], "big")
    return 0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 30,000 packets, timestamps on every connection so that the recount can tell repeats from swaps."""
    out = tmp_path_factory.mktemp("generated") / "small.pcap"
    rows = generate.planned(30_000, 11)
    rows["timestamps"] = 1
    rows["isn_client"] = rows["isn_server"] = 0  # the recount knows no wrap-around
    rows["tick_client"] = rows["tick_server"] = 1
    rows["mss"] = 1448 - 20 * rows["ipv6"].astype(int)
    packets = events(rows)
    with out.open("wb") as file:
        encode.write(file, packets, rows, generate.SNAP)
    out.with_suffix(".truth.json").write_text(json.dumps(generate.truth(rows)))
    return out


def test_counted_again(small: Path) -> None:
    known = json.loads(small.with_suffix(".truth.json").read_text())
    found = recount(small.read_bytes())
    flat = {**known, **known["connections"], **known["dns"]}
    names = (
        *("packets", "bytes", "tcp", "udp", "retransmissions", "out_of_order", "duplicate_acks", "zero_windows"),
        *("keep_alives", "syn_retries", "attempts", "answered", "late", "orphans"),
    )
    assert {name: found[name] for name in names} == {name: flat[name] for name in names}
    assert known["retransmissions"] > 50
    assert known["out_of_order"] > 10
    assert known["duplicate_acks"] > 100


def ones_sum(data: bytes) -> int:
    """RFC 1071, over data that holds its own checksum: 0xFFFF if it is right."""
    data += bytes(len(data) % 2)
    total = sum(data[i] << 8 | data[i + 1] for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_checksums(small: Path) -> None:
    checked: Counter[tuple[int, int]] = Counter()
    for _, frame in dpkt.pcap.Reader(io.BytesIO(small.read_bytes())):
        version = frame[14] >> 4
        start = 34 if version == 4 else 54
        length = int.from_bytes(frame[16:18], "big") - 20 if version == 4 else int.from_bytes(frame[18:20], "big")
        protocol = frame[23] if version == 4 else frame[20]
        transport = (frame[start:] + bytes(2000))[:length]  # what was cut off is zeros
        addresses = frame[26:34] if version == 4 else frame[22:54]
        if version == 4:
            assert ones_sum(frame[14:34]) == 0xFFFF
        assert ones_sum(addresses + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol)) + transport) == 0xFFFF
        checked[version, protocol] += 1
        if sum(checked.values()) == 500:
            break
    assert len(checked) == 4


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.pcap" for name in "abc"]
    for file, seed in zip(files, (7, 7, 8), strict=True):
        generate.generate(file, 5_000, seed)
    first, second, third = (file.read_bytes() for file in files)
    assert first == second
    assert first != third


def test_floods_and_live_connections() -> None:
    rows, packets = generate.build(0, 3, live=1_000, flood=2_000)
    known = generate.truth(rows)
    assert known["connections"]["tcp"] == 3_000
    assert known["kinds"]["live"] == 1_000
    assert known["kinds"]["flood"] == 2_000
    assert (
        len(packets)
        == known["packets"]
        == 2_000 + int(rows["client"]["packets"][:1000].sum()) + int(rows["server"]["packets"][:1000].sum())
    )
    assert (packets["flags"] == 1).sum() == 0  # nobody closes


def test_sizes_are_near_what_was_asked_for() -> None:
    rows, packets = generate.build(60_000, 1)
    assert len(packets) == pytest.approx(60_000, rel=0.1)
    assert generate.truth(rows)["connections"] == {"tcp": 1_600, "udp": 3_000, "icmp": 0}
    assert rows["kind"].max() == plan.ORPHAN
