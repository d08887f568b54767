"""Packets as bytes: what dpkt reads back is what was meant."""

from __future__ import annotations

import io
from typing import Any

import dpkt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import encode, plan
from benchmarks.events import ACK, EVENT, PSH

BOUNDED = settings(max_examples=60, deadline=None)


def read(rows: Any, events: Any, snap: int = 128) -> Any:
    """(record header's time, captured bytes, packet)."""
    out = io.BytesIO()
    encode.write(out, events, rows, snap)
    ((ts, frame),) = dpkt.pcap.Reader(io.BytesIO(out.getvalue()))
    return ts, frame, dpkt.ethernet.Ethernet(frame).data


@BOUNDED
@given(
    six=st.booleans(),
    stamped=st.booleans(),
    server=st.booleans(),
    seq=st.integers(0, 2**32 - 1),
    isn=st.integers(0, 2**32 - 1),
    length=st.integers(0, 1460),
    sack=st.booleans(),
)
def test_tcp(six: bool, stamped: bool, server: bool, seq: int, isn: int, length: int, sack: bool) -> None:
    rows, events = np.zeros(1, plan.CONN), np.zeros(1, EVENT)
    rows["protocol"], rows["ipv6"], rows["timestamps"] = plan.TCP, six, stamped
    rows["src_hi"], rows["src_lo"] = (plan.V6, 5) if six else (0, plan.MAPPED | np.uint64(0xC6120005))
    rows["dst_hi"], rows["dst_lo"] = (plan.V6, 6) if six else (0, plan.MAPPED | np.uint64(0xC6130006))
    rows["sport"], rows["dport"], rows["isn_client"], rows["isn_server"] = 40_000, 443, isn, 77
    events["ts"], events["seq"], events["ack"], events["length"] = 1_700_000_000_123_456_789, seq, 9, length
    events["flags"], events["server"], events["window"] = ACK | PSH, server, 501
    events["tsval"], events["tsecr"] = 11, 12
    if sack:
        events["sack_left"], events["sack_right"] = 100, 200
    ts, frame, packet = read(rows, events)
    segment = packet.data
    assert ts == pytest.approx(1_700_000_000.123456, abs=1e-6)
    assert (segment.sport, segment.dport) == ((443, 40_000) if server else (40_000, 443))
    mine, peer = (77, isn) if server else (isn, 77)
    assert segment.seq == (seq + mine) % 2**32
    assert segment.ack == (9 + peer) % 2**32
    assert (segment.flags, segment.win) == (ACK | PSH, 501)
    options = dict(dpkt.tcp.parse_opts(segment.opts))
    assert (options.get(8) == (11).to_bytes(4, "big") + (12).to_bytes(4, "big")) is stamped
    assert (5 in options) is sack
    if sack:
        left, right = int.from_bytes(options[5][:4], "big"), int.from_bytes(options[5][4:8], "big")
        assert (left, right) == ((100 + peer) % 2**32, (200 + peer) % 2**32)
    headers = 20 + len(segment.opts)
    assert (packet.plen if six else packet.len - 20) == headers + length
    assert len(frame) == min(128, 14 + (40 if six else 20) + headers + length)


@pytest.mark.parametrize("server", [0, 1])
def test_dns(server: int) -> None:
    rows, events = np.zeros(1, plan.CONN), np.zeros(1, EVENT)
    rows["protocol"], rows["dst_lo"], rows["sport"], rows["dport"] = plan.UDP, plan.MAPPED, 5353, 53
    rows["random"] = 0x1234_5678_9ABC_0042
    events["seq"], events["server"], events["length"] = 0x42, server, 39 + 16 * server
    _, _, packet = read(rows, events)
    message = dpkt.dns.DNS(packet.data.data)
    assert message.id == 0x42
    assert message.qr == server
    assert message.qd[0].name == "hcba98765.example.com"
    assert [answer.ip for answer in message.an] == [b"\xc0\0\2\1"] * server
