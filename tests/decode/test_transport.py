from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import TIMESTAMPS, dns, icmp, ip4, ip6, tcp, udp
from tests.decode.comparing import batch_of, differences, one
from wireverdict import headers as h

RAW = 101


def test_the_fields_of_a_segment() -> None:
    row, _, _ = one(ip4(tcp(b"hello", flags=0x1D2, window=65535)), RAW)
    assert (row["sport"], row["dport"], row["seq"], row["ack"]) == (40000, 443, 0x01020304, 0x0A0B0C0D)
    assert (row["tcp_flags"], row["window"], row["payload_length"]) == (0x1D2, 65535, 5)
    assert row["present"] == h.PORTS | h.TCP_HEADER
    flags = one(ip4(tcp(flags=0xFFF)), RAW)[0]["tcp_flags"]
    assert flags == 0xFFF


def test_a_cut_segment_gives_what_was_captured() -> None:
    frame = ip4(tcp(b"hello", options=TIMESTAMPS))
    for size in range(20, len(frame) + 1):
        row, _, decoder = one(frame, RAW, cut=size)
        header = size - 20
        assert ("sport" in row) == (header >= 4)
        assert ("payload_length" in row) == (header >= 13)
        assert ("seq" in row) == (header >= 16)
        assert ("tsval" in row) == (header >= 32)
        assert bool(row["present"] & h.CUT) == (header < 32)
        assert decoder.flaws == ({"transport_cut": 1} if header < 32 else {})


@pytest.mark.parametrize("offset", [0, 1, 4, 7, 15])
def test_a_data_offset_that_cannot_be_leaves_ports(offset: int) -> None:
    row, _, decoder = one(ip4(tcp(b"12345", offset=offset)), RAW)
    assert (row["present"], row["sport"]) == (h.PORTS, 40000)
    assert not {"seq", "tcp_flags", "payload_length"} & set(row)
    assert decoder.flaws == {"tcp_offset": 1}


def test_a_packet_that_ends_inside_the_header() -> None:
    for protocol, whole in ((6, tcp()), (17, udp()), (1, icmp(8, 0)), (132, bytes(12)), (136, udp())):
        for size in range(len(whole)):
            row, _, decoder = one(ip4(whole[:size], protocol), RAW)
            assert decoder.flaws == {"transport_short": 1}
            assert "payload_length" not in row
            assert not row.get("present", 0) & (h.CUT | h.TCP_HEADER)


@pytest.mark.parametrize(
    ("length", "payload", "flaws"),
    [
        (8 + 5, 5, {}),
        (8 + 3, 3, {}),  # options for UDP (RFC 9868), or padding
        (8, 0, {}),
        (7, 5, {"udp_length": 1}),
        (0, 5, {"udp_length": 1}),
        (14, 5, {"udp_length": 1}),
    ],
)
def test_the_length_of_a_datagram(length: int, payload: int, flaws: dict[str, int]) -> None:
    row, _, decoder = one(ip4(udp(b"hello", length=length), 17), RAW)
    assert (row.get("payload_length", 0), decoder.flaws, row["present"]) == (payload, flaws, h.PORTS)


def test_a_super_packet_may_have_no_length() -> None:
    row, _, decoder = one(ip4(udp(bytes(9000), length=0), 17, length=0), RAW)
    assert (row["payload_length"], decoder.flaws) == (9000, {})


@pytest.mark.parametrize(("protocol", "header"), [(132, 12), (136, 8), (33, 16)])
def test_ports_of_other_protocols(protocol: int, header: int) -> None:
    body = struct.pack(">HHB", 1111, 2222, 4) + bytes(header - 5) + b"payload"
    row, _, _ = one(ip4(body, protocol), RAW)
    assert (row["sport"], row["dport"], row["payload_length"], row["present"]) == (1111, 2222, 7, h.PORTS)


PAYLOADS = st.one_of(st.binary(max_size=60), st.just(dns()), st.just(struct.pack(">H", len(dns())) + dns()))
PORTS = st.sampled_from([53, 5353, 443, 40000])


@given(
    PAYLOADS, PORTS, PORTS, st.integers(0, 15), st.integers(0, 90), st.integers(0, 120), st.sampled_from([0, 0x2000])
)
def test_any_segment_or_datagram_decodes_as_the_reference_says(
    payload: bytes, sport: int, dport: int, offset: int, length: int, cut: int, fragment: int
) -> None:
    segment = tcp(payload, sport=sport, dport=dport, offset=offset)
    datagram = udp(payload, sport=sport, dport=dport, length=length)
    frames = [
        ip4(segment, fragment=fragment),
        ip6(segment),
        ip4(datagram, 17, fragment=fragment),
        ip6(datagram, 17, length=length),
        ip4(datagram, 17, length=20 + length),
    ]
    assert differences(batch_of([(RAW, frame) for frame in frames], cut=cut)) == []


@given(st.binary(max_size=60), st.sampled_from([1, 2, 6, 17, 33, 50, 51, 58, 132, 136]), st.integers(0, 100))
def test_any_bytes_decode_as_the_reference_says(body: bytes, protocol: int, cut: int) -> None:
    assert differences(batch_of([(RAW, ip4(body, protocol)), (RAW, ip6(body, protocol))], cut=cut)) == []
