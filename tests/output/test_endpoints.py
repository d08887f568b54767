"""Both ends of connections as text."""

from __future__ import annotations

import numpy as np

from tests.output.connection_rows import make_rows
from wireverdict.output.endpoints import FEW, endpoints
from wireverdict.records import CONNECTION


def test_ports_are_told_from_ipv6_groups_by_brackets() -> None:
    rows = np.zeros(2, CONNECTION)
    rows["src_lo"], rows["dst_lo"] = 0xFFFF << 32 | 0xC0000201, 0xFFFF << 32 | 0xC6336407
    rows["src_hi"][1] = rows["dst_hi"][1] = 0x20010DB8 << 32
    rows["src_lo"][1], rows["dst_lo"][1] = 1, 2
    rows["sport"], rows["dport"] = 40_000, 53
    rows["protocol"] = 17
    assert endpoints(rows) == ["192.0.2.1:40000 > 198.51.100.7:53 udp", "[2001:db8::1]:40000 > [2001:db8::2]:53 udp"]
    assert endpoints(rows, source_ports=False)[1] == "2001:db8::1 > [2001:db8::2]:53 udp"
    rows["protocol"], rows["sport"] = (1, 58), (8, 128)
    assert endpoints(rows) == ["192.0.2.1 > 198.51.100.7 icmp type 8", "2001:db8::1 > 2001:db8::2 ipv6-icmp type 128"]
    assert endpoints(rows[:0]) == []


def test_few_rows_and_many_read_alike() -> None:
    rows = make_rows(3 * FEW, 9)
    pieces = [endpoints(rows[at : at + FEW]) for at in range(0, len(rows), FEW)]
    assert endpoints(rows) == [text for piece in pieces for text in piece]
