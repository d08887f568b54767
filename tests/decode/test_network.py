from __future__ import annotations

import pytest

from tests.decode.building import (
    SEGMENT,
    SOURCE6,
    TARGET6,
    TIMESTAMPS,
    dns,
    ether,
    extension,
    fragment6,
    icmp,
    ip4,
    ip6,
    tcp,
    udp,
)  # fmt: skip
from tests.decode.comparing import one
from wireverdict import headers as h

AH = bytes.fromhex("06040000 00000001 00000002 000000000000000000000000")


def test_addresses_and_fixed_fields() -> None:
    row, _, _ = one(ether(ip4(SEGMENT)))
    assert row["src_lo"] == 0xFFFF_0A00_0001
    assert row["dst_lo"] == 0xFFFF_C633_6407
    assert (row["ttl"], row["tos"], row["protocol"], row["ip_length"]) == (64, 0x2E, 6, 20 + len(SEGMENT))
    row, _, _ = one(ether(ip6(SEGMENT), 0x86DD))
    assert (row["src_hi"] << 64 | row["src_lo"]).to_bytes(16, "big") == SOURCE6
    assert (row["dst_hi"] << 64 | row["dst_lo"]).to_bytes(16, "big") == TARGET6
    assert (row["ttl"], row["tos"], row["protocol"], row["ip_length"]) == (63, 0x2E, 6, 40 + len(SEGMENT))
    assert row["present"] & h.IPV6


def test_padding_behind_the_packet_does_not_count() -> None:
    row, _, decoder = one(ether(ip4(tcp()) + b"\xff" * 6))
    assert "payload_length" not in row
    assert (row["frame_length"], row["ip_length"]) == (60, 40)
    assert decoder.flaws == {}


def test_options_are_passed_over() -> None:
    row, _, _ = one(ether(ip4(SEGMENT, options=b"\x94\x04\0\0" * 10)))
    assert (row["ip_length"], row["payload_length"]) == (60 + len(SEGMENT), 5)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (ip4(SEGMENT)[:19], "ip_cut"),
        (ip6(SEGMENT)[:39], "ip_cut"),
        (b"", "ip_cut"),
        (b"\x44" + ip4(SEGMENT)[1:], "ip_header_length"),
        (ip4(SEGMENT, length=19), "ip_total_length"),
        (ip4(SEGMENT, options=bytes(4), length=23), "ip_total_length"),
        (ip4(SEGMENT, fragment=1), "fragment"),
        (ip6(fragment6(6, 1) + SEGMENT, 44), "fragment"),
        (b"\x50" + bytes(60), "ip_version"),
    ],
)
def test_what_cannot_be_used_is_counted(frame: bytes, reason: str) -> None:
    row, _, decoder = one(frame, 101)
    assert (row, decoder.skipped, decoder.flaws) == ({}, {reason: 1}, {})


def test_a_packet_longer_than_its_frame_is_kept_and_counted() -> None:
    row, _, decoder = one(ip4(SEGMENT, length=1500), 101)
    assert (row["ip_length"], row["payload_length"]) == (1500, 1500 - 52)
    assert decoder.flaws == {"ip_length": 1}


@pytest.mark.parametrize("size", [100, 5000, 70000])
def test_total_length_zero_takes_the_size_of_the_frame(size: int) -> None:
    row, _, decoder = one(ether(ip4(tcp(bytes(size)), length=0)))
    assert (row["ip_length"], row["payload_length"]) == (40 + size, size)
    assert row["present"] & h.SUPER_PACKET
    row, _, _ = one(ether(ip6(tcp(bytes(size)), length=0), 0x86DD))
    assert (row["ip_length"], row["payload_length"]) == (60 + size, size)
    assert row["present"] & h.SUPER_PACKET
    assert decoder.flaws == {}


def test_a_padded_packet_without_payload_is_no_super_packet() -> None:
    for protocol in (59, 99, 6):
        row, _, _ = one(ether(ip6(b"", protocol) + bytes(6), 0x86DD))
        assert (row["ip_length"], row["protocol"], row["present"]) == (40, protocol, h.IPV6)


def test_jumbograms_carry_their_length_in_an_option() -> None:
    size = 70000
    jumbo = extension(6, b"\xc2\x04" + (size + 8 + 20).to_bytes(4, "big"))
    row, _, _ = one(ether(ip6(jumbo + tcp(bytes(size)), 0, length=0), 0x86DD))
    assert (row["ip_length"], row["payload_length"]) == (40 + 8 + 20 + size, size)
    assert row["present"] & h.SUPER_PACKET


@pytest.mark.parametrize("protocols", [[0], [60], [43], [0, 60, 43, 60], [60] * 15])
def test_extension_headers_are_walked(protocols: list[int]) -> None:
    packet = b"".join(map(extension, [*protocols[1:], 6])) + SEGMENT
    row, _, decoder = one(ip6(packet, protocols[0]), 101)
    assert (row["protocol"], row["payload_length"], row["sport"]) == (6, 5, 40000)
    assert decoder.flaws == {}


def test_endless_extension_headers_are_given_up() -> None:
    row, _, decoder = one(ip6(extension(60) * 16 + SEGMENT, 60), 101)
    assert (row["protocol"], row["payload_length"]) == (60, len(SEGMENT))
    assert decoder.flaws == {"ip6_extension": 1}


def test_an_extension_header_beyond_the_packet_is_a_flaw_and_a_cut_one_is_not() -> None:
    packet = ip6(extension(6, b"\x01\x0c" + bytes(12)), 0)
    row, _, decoder = one(packet[:45], 101)
    assert (row.get("protocol"), decoder.flaws) == (None, {"ip_length": 1})
    row, _, decoder = one(ip6(b"\x06\x07" + bytes(14), 0), 101)
    assert (row.get("protocol"), row["payload_length"], decoder.flaws) == (None, 16, {"ip6_extension": 1})


def test_authentication_headers_are_passed_through() -> None:
    for frame in (ip4(AH + SEGMENT, 51), ip6(AH + SEGMENT, 51)):
        row, _, _ = one(frame, 101)
        assert (row["protocol"], row["payload_length"], row["dport"]) == (6, 5, 443)


def test_encrypted_payload_ends_the_walk() -> None:
    row, _, _ = one(ip6(extension(50) + bytes(40), 0), 101)
    assert (row["protocol"], row["payload_length"]) == (50, 40)
    assert row["present"] == h.IPV6


def test_first_fragments_are_used() -> None:
    for frame in (ip4(udp(dns(), dport=53, length=900), 17, fragment=0x2000),
                  ip6(fragment6(17, 0, 1) + udp(dns(), dport=53, length=900), 44)):  # fmt: skip
        row, name, decoder = one(frame, 101)
        assert row["present"] & (h.FIRST_FRAGMENT | h.DNS) == h.FIRST_FRAGMENT | h.DNS
        assert (row["payload_length"], name, decoder.flaws) == (len(dns()), "www.example.org", {})


def test_atomic_fragments_are_whole_packets() -> None:
    row, _, _ = one(ip6(fragment6(6) + SEGMENT, 44), 101)
    assert (row["sport"], row["present"] & h.FIRST_FRAGMENT) == (40000, 0)


def test_do_not_fragment_is_no_fragment() -> None:
    row, _, _ = one(ip4(SEGMENT, fragment=0x4000), 101)
    assert row["present"] == h.PORTS | h.TCP_HEADER | h.TIMESTAMPS


def test_unknown_protocols_count_all_that_follows() -> None:
    row, _, _ = one(ip4(bytes(30), 89), 101)
    assert (row["protocol"], row["payload_length"]) == (89, 30)
    assert "present" not in row


def test_every_cut_gives_what_is_left() -> None:
    packet = ether(ip4(tcp(b"x" * 100, options=TIMESTAMPS)))
    for size in range(len(packet)):
        row, _, decoder = one(packet, cut=size)
        if size < 34:
            assert sum(decoder.skipped.values()) == 1
        else:
            assert row["ip_length"] == 152
            assert row.get("payload_length", 0) == (100 if size >= 47 else 0)
            assert bool(row["present"] & h.CUT) == (size < 66)


def test_icmp_has_a_header_of_eight_bytes() -> None:
    row, _, _ = one(ip4(icmp(8, 0, bytes(56)), 1), 101)
    assert (row["icmp_type"], row["payload_length"]) == (8, 56)
