from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from producers import bpf
from producers.bpf import Filter, FilterError
from producers.files.reader import Capture
from tests.captures import capture_files
from tests.producers.read import packets_of, read
from tests.producers.writer import Packet, enhanced, interface, section
from wireverdict.frames import FRAME, FrameBatch

EXPRESSIONS = [
    "",
    "tcp",
    "udp port 53",
    "ip6",
    "not arp",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "greater 200",
    "host 10.0.0.1 or net 192.168.0.0/16",
    "icmp or icmp6",
    "vlan",
]
UDP4 = bytes.fromhex("450000200000000040110000010203040506070800350035000c0000") + b"abcd"


def matching(path: Path, expression: str) -> list[Packet]:
    chosen = Filter(expression)
    found = []
    for piece in Capture(str(path), block=500):
        mask = chosen.mask(FrameBatch(piece.data, piece.frames))
        found += packets_of(FrameBatch(piece.data, piece.frames[mask]))
    return found


def test_as_tcpdump_on_real_captures(tmp_path: Path) -> None:
    compared = matched = 0
    out = tmp_path / "out"
    for number, path in enumerate(capture_files()[::5]):
        expression = EXPRESSIONS[number % len(EXPRESSIONS)]
        command = ["tcpdump", "--time-stamp-precision=nano", "-r", str(path), "-w", str(out), *expression.split()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or "truncated" in done.stderr:
            continue  # compressed, damaged, or a filter that libpcap has not for this link type
        wanted, _ = read(out)
        found = matching(path, expression)
        assert [packet.ts for packet in found] == [packet.ts for packet in wanted], (path, expression)
        assert [packet.length for packet in found] == [packet.length for packet in wanted], (path, expression)
        compared += 1
        matched += len(found)
    assert compared > 200
    assert matched > 3_000


def test_one_program_for_each_link_type(tmp_path: Path) -> None:
    ethernet = Packet(1, bytes(12) + b"\x08\x00" + UDP4, 50)
    raw = Packet(2, UDP4, 40)
    other = Packet(3, bytes(40), 40)
    placed = [(ethernet, 0), (raw, 1), (raw, 0), (ethernet, 1), (other, 2)]
    blocks = [enhanced(packet, packet.ts, number=number) for packet, number in placed]
    path = tmp_path / "capture"
    path.write_bytes(section() + b"".join(interface(link=link) for link in (1, 101, 230)) + b"".join(blocks))
    chosen = Filter("udp port 53")
    (piece,) = Capture(str(path))
    mask = chosen.mask(FrameBatch(piece.data, piece.frames))
    assert mask.tolist() == [True, True, False, False, False]
    assert list(chosen.rejected) == [230]
    assert "802.15.4" in chosen.rejected[230]


def test_what_cannot_match_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(section() + interface(link=228) + enhanced(Packet(1, UDP4, 40), 1))
    chosen = Filter("ip6")
    (piece,) = Capture(str(path))
    assert not chosen.mask(FrameBatch(piece.data, piece.frames)).any()
    assert chosen.rejected == {}


def test_wrong_expressions_are_told_in_the_words_of_libpcap() -> None:
    with pytest.raises(FilterError, match=r"'tcp prot 80'.*syntax error"):
        Filter("tcp prot 80")
    with pytest.raises(FilterError, match="rejects all packets"):
        Filter("ip and ip6")


def test_expressions_for_other_link_types_than_ethernet_are_accepted() -> None:
    assert Filter("wlan type mgt").mask(FrameBatch(np.zeros(0, np.uint8), np.zeros(0, FRAME))).tolist() == []


def test_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "_NAMES", ("libpcap-that-is-not-there.so",))
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(FilterError, match=r"libpcap0\.8"):
        Filter("tcp")


@pytest.mark.parametrize("order", ["<", ">"])
def test_loopback_headers_of_either_byte_order(tmp_path: Path, order: str) -> None:
    """LINKTYPE_NULL, with the numbers that four systems have for IPv6."""
    path = tmp_path / "capture"
    families = [2, 10, 24, 28, 30]
    frames = [Packet(i, struct.pack(order + "I", family) + UDP4, 44) for i, family in enumerate(families)]
    path.write_bytes(section() + interface(link=0) + b"".join(enhanced(frame, frame.ts) for frame in frames))
    assert [packet.data[:4] for packet in matching(path, "ip6")] == [packet.data[:4] for packet in frames[2:]]
    assert [packet.data[:4] for packet in matching(path, "ip")] == [packet.data[:4] for packet in frames[:1]]
    assert len(matching(path, "not ip6")) == 2
