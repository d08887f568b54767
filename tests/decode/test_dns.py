from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decode.building import dns, ip4, ip6, name, tcp, udp
from tests.decode.comparing import batch_of, differences, one
from tests.decode.reference_dns import fnv1a
from wireverdict import headers as h
from wireverdict.decode import Decoder
from wireverdict.decode.dns import MOST_NAME

RAW = 101
MESSAGE = dns()
ANSWER = dns(flags=0x8180, counts=(1, 0, 0)) + bytes.fromhex("c00c 001c 0001 0000003c 0010") + bytes(16)


def datagram(message: bytes, port: int = 53, **more: int) -> tuple[dict[str, int], str, dict[str, int]]:
    row, text, decoder = one(ip4(udp(message, dport=port, **more), 17), RAW)
    return row, text, decoder.flaws


def segment(payload: bytes, sport: int = 40000, dport: int = 53) -> tuple[dict[str, int], str]:
    row, text, decoder = one(ip4(tcp(payload, sport=sport, dport=dport)), RAW)
    assert decoder.flaws == {}
    return row, text


def test_a_query() -> None:
    row, text, flaws = datagram(MESSAGE)
    assert (row["dns_id"], row["dns_flags"], row["dns_qtype"], text) == (0x1234, 0x0100, 28, "www.example.org")
    assert row["dns_qhash"] == fnv1a(name("www.example.org"))
    assert row["present"] == h.PORTS | h.DNS | h.QUESTION
    assert flaws == {}


def test_an_answer_with_compression_and_either_port() -> None:
    row, text, _ = datagram(ANSWER, port=40000, sport=53)
    assert (row["dns_flags"], text) == (0x8180, "www.example.org")


def test_multicast_is_kept_apart() -> None:
    row, text, flaws = datagram(MESSAGE, port=5353, sport=5353)
    assert row["present"] == h.PORTS | h.MDNS | h.QUESTION
    assert text == "www.example.org"
    assert datagram(b"\1\2\3", port=5353)[2] == {"mdns_malformed": 1}
    assert datagram(MESSAGE, port=53, sport=5353)[0]["present"] & (h.DNS | h.MDNS) == h.DNS
    assert flaws == {}


@pytest.mark.parametrize(
    ("wire", "shown"),
    [
        (b"\0", ""),
        (name("A.B-c_D"), "a.b-c_d"),
        (b"\3a.b\0", "a\\.b"),
        (b"\3a\\b\0", "a\\\\b"),
        (b"\4a b\xff\0", "a\\032b\\255"),
        (b"\1\0\0", "\\000"),
        (b"\3" + "é".encode() + b"Z\0", "\\195\\169z"),
        (b"\3\xc3\x89Z\0", "\\195\\137z"),  # only ASCII has upper case (RFC 4343)
        (name("x" * 63), "x" * 63),
    ],
)
def test_names_in_presentation_form(wire: bytes, shown: str) -> None:
    row, text, flaws = datagram(dns(wire + b"\0\1\0\1"))
    assert (text, row.get("name_length", 0), flaws) == (shown, len(shown), {})
    assert row["dns_qhash"] == fnv1a(bytes(c + 32 if 0x41 <= c <= 0x5A else c for c in wire))


def test_the_longest_name_fits_into_the_room_that_is_kept() -> None:
    wire = (b"\x3f" + b"\xff" * 63) * 3 + b"\x3d" + b"\xff" * 61 + b"\0"
    assert len(wire) == 255
    _, text, _ = datagram(dns(wire + b"\0\1\0\1"))
    assert len(text) == 250 * 4 + 3 < MOST_NAME
    too_long = (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0"
    assert datagram(dns(too_long + b"\0\1\0\1"))[2] == {"dns_malformed": 1}


def test_pointers_are_followed() -> None:
    message = dns(b"\3www\xc0\x20" + b"\0\1\0\1" + bytes(10) + name("Example.net"))
    _, text, flaws = datagram(message)
    assert (text, flaws) == ("www.example.net", {})


@pytest.mark.parametrize(
    "question",
    [
        b"\xc0\x0c\0\1\0\1",  # points at itself
        b"\1a\xc0\x0c\0\1\0\1",  # goes round
        b"\xc0\x02\0\1\0\1",  # into the header
        b"\xcf\xff\0\1\0\1",  # beyond the end
        b"\x40abc\0\1\0\1",  # reserved label type
        name("cut.short") + b"\0\1",
        b"\3ab",
    ],
)
def test_malformed_questions_leave_a_datagram(question: bytes) -> None:
    row, text, flaws = datagram(dns(question))
    assert (row["present"], row["payload_length"], text) == (h.PORTS, 12 + len(question), "")
    assert flaws == {"dns_malformed": 1}
    assert not {"dns_id", "dns_flags", "dns_qhash", "dns_qtype", "name_length"} & set(row)


@pytest.mark.parametrize("payload", [b"", b"\0" * 11, b"\0" * 40, dns(flags=0x1900), dns(flags=0x7800)])
def test_other_payload_on_the_port_is_malformed(payload: bytes) -> None:
    assert datagram(payload)[2] == {"dns_malformed": 1}


def test_messages_without_question_have_header_fields() -> None:
    row, text, flaws = datagram(dns(b"", flags=0x8182), port=40000, sport=53)
    assert (row["present"], row["dns_flags"], text, flaws) == (h.PORTS | h.DNS, 0x8182, "", {})


def test_a_cut_question_still_gives_id_and_flags() -> None:
    frame = ip4(udp(MESSAGE, dport=53), 17)
    for size in range(28, len(frame)):
        row, text, decoder = one(frame, RAW, cut=size)
        assert (row["present"], text) == (h.PORTS | (h.DNS if size >= 40 else 0), "")
        assert decoder.flaws == {"dns_cut": 1}
    assert one(frame, RAW)[1] == "www.example.org"


def test_over_tcp_with_and_without_the_length() -> None:
    length = struct.pack(">H", len(MESSAGE))
    for payload in (length + MESSAGE, length[1:] + MESSAGE, MESSAGE, length + MESSAGE + length + MESSAGE):
        row, text = segment(payload)
        assert (text, row["dns_id"], row["dns_qtype"]) == ("www.example.org", 0x1234, 28)
        assert row["present"] & (h.DNS | h.QUESTION) == h.DNS | h.QUESTION
    row, text = segment(struct.pack(">H", 5000) + ANSWER, 53, 40000)  # the first of several segments
    assert (text, row["dns_flags"]) == ("www.example.org", 0x8180)


@pytest.mark.parametrize(
    "message",
    [
        dns(flags=0x8180),  # an answer, sent to port 53
        dns(flags=0x0140),  # reserved bit
        dns(flags=0x0103),  # a query with a result code
        dns(flags=0x1900),  # no such opcode
        dns(counts=(2, 0, 0)),
        dns(counts=(0, 0, 3)),
        dns(b""),
        dns(name("a.b") + b"\0\0\0\1"),
        dns(name("a.b") + b"\0\1\0\7"),
        MESSAGE[:-1],
        b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
        b"",
        struct.pack(">H", len(MESSAGE)),
    ],
)
def test_over_tcp_only_what_convinces_is_taken(message: bytes) -> None:
    row, text = segment(message)
    assert (row["present"], text) == (h.PORTS | h.TCP_HEADER, "")
    assert not {"dns_id", "dns_flags", "dns_qhash", "dns_qtype", "name_length"} & set(row)


def test_a_length_that_is_too_short_for_the_question_is_not_believed() -> None:
    row, _ = segment(struct.pack(">H", 20) + MESSAGE)
    assert not row["present"] & h.DNS


@given(st.binary(min_size=1, max_size=200), st.booleans())
def test_random_bytes_over_tcp_are_no_messages(payload: bytes, answer: bool) -> None:
    row, _ = segment(payload, *((53, 40000) if answer else (40000, 53)))
    assert not row["present"] & h.DNS


PARTS = st.lists(
    st.one_of(st.binary(max_size=6), st.sampled_from([b"\3www", b"\xc0\x0c", b"\0", b"\0\1\0\1"])), max_size=8
)


@given(
    PARTS, st.integers(0, 0xFFFF), st.integers(0, 2), st.sampled_from([53, 5353]), st.booleans(), st.integers(20, 120)
)
def test_any_message_decodes_as_the_reference_says(
    parts: list[bytes], flags: int, count: int, port: int, six: bool, cut: int
) -> None:
    message = struct.pack(">HHHHHH", 7, flags, count, 0, 0, 0) + b"".join(parts)
    carry = ip6 if six else ip4
    frames = [
        carry(udp(message, dport=port), 17),
        carry(tcp(message, dport=port)),
        carry(tcp(struct.pack(">H", len(message)) + message, dport=port)),
    ]
    assert differences(batch_of([(RAW, frame) for frame in frames], cut=cut)) == []


def test_no_name_is_lost_when_the_arena_is_full() -> None:
    names = [f"{'x' * 60}.{'y' * 60}.{'z' * 60}.n{i:04}" for i in range(3000)]
    frames = [(RAW, ip4(udp(dns(name(text) + b"\0\1\0\1"), dport=53), 17)) for text in names]
    decoder = Decoder()
    batch = decoder.decode(batch_of(frames))
    ends = np.stack((batch.rows["name_offset"], batch.rows["name_offset"] + batch.rows["name_length"]), 1)
    assert [batch.names[a:b].tobytes().decode() for a, b in ends.tolist()] == names
    assert decoder.decode(batch_of(frames[:1])).names.tobytes().decode() == names[0]
