"""The programs that run in the kernel; here a plain interpreter of them runs on packets."""

from __future__ import annotations

import struct

import pytest

from producers.bpf import FilterError
from producers.live import abi
from producers.live import program as module
from producers.live.program import NOTHING, Program, compiled, joined, needs_tags, packed, program, without
from tests.producers.live.place import udp

ETHERNET, OTHER = udp(1, b"abc", port=53), udp(1, b"abc", port=53)[14:]


def accepted(code: Program, packet: bytes, hardware: int, kind: int = 0) -> int:
    """How many bytes a program takes of a packet: the instructions that libpcap makes of the expressions here."""
    a = x = at = 0
    memory = [0] * 16
    sizes = {0x00: ">I", 0x08: ">H", 0x10: ">B"}
    while True:
        op, true, false, k = code[at]
        at += 1
        match op & 0x07:
            case 0x00 | 0x01 if op & 0xE0 in (0x20, 0x40):  # LD and LDX of packets
                if k >= 0xFFFFF000:
                    a = {0xFFFFF004: kind, 0xFFFFF01C: hardware}[k]
                    continue
                place = k + (x if op & 0xE0 == 0x40 else 0)
                form = sizes[op & 0x18]
                if place + struct.calcsize(form) > len(packet):
                    return 0
                (a,) = struct.unpack_from(form, packet, place)
            case 0x00:
                a = {0x00: k, 0x60: memory[k & 15]}[op & 0xE0]
            case 0x01:
                x = 4 * (packet[k] & 15) if op & 0xE0 == 0xA0 else {0x00: k, 0x60: memory[k & 15]}[op & 0xE0]
            case 0x02:
                memory[k] = a
            case 0x04:
                a = {0x50: a & k}[op & 0xF0]
            case 0x05:
                if op == 0x05:
                    at += k
                else:
                    with_ = x if op & 0x08 else k
                    met = {0x10: a == with_, 0x20: a > with_, 0x30: a >= with_, 0x40: bool(a & with_)}[op & 0xF0]
                    at += true if met else false
            case 0x06:
                return k
            case _:
                raise AssertionError(op)


@pytest.mark.parametrize(
    "expression", ["", "udp port 53", "not (tcp port 9 and host 127.0.0.1)", "ip and host 198.18.0.2"]
)
def test_each_link_type_has_its_own_program(expression: str) -> None:
    made = program(expression, (1, 101), 128)
    assert accepted(made, ETHERNET, abi.ARPHRD_ETHER) == 128
    assert accepted(made, ETHERNET, abi.ARPHRD_LOOPBACK) == 128
    assert accepted(made, OTHER, 65_534) == 128
    for packet, hardware in ((ETHERNET, abi.ARPHRD_ETHER), (OTHER, 512)):
        assert accepted(program("tcp", (1, 101), 128), packet, hardware) == 0


def test_of_the_loopback_interface_only_what_comes_in() -> None:
    made = program("", (1,), 99)
    assert [accepted(made, ETHERNET, abi.ARPHRD_LOOPBACK, kind) for kind in range(6)] == [99, 99, 99, 99, 0, 99]
    assert [accepted(made, ETHERNET, abi.ARPHRD_ETHER, kind) for kind in range(6)] == [99] * 6


def test_what_makes_no_sense_without_a_link_layer() -> None:
    made = program("ether host 02:00:00:00:00:01", (1, 101), 128)
    assert accepted(made, ETHERNET, abi.ARPHRD_ETHER) == 128
    assert accepted(made, OTHER, 65_534) == 0
    with pytest.raises(FilterError, match="ether host"):
        program("ether host 02:00:00:00:00:01", (101,), 128)
    assert program("type mgt", (127,), 128)[-1].code == 0x06


def test_what_is_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    for expression in ("udp and", "a) or (b", "port 70000"):
        with pytest.raises(FilterError, match="pcap-filter"):
            program(expression, (1,), 128)
    monkeypatch.setattr(module, "_MOST", 20)
    with pytest.raises(FilterError, match="instructions and the kernel takes 20"):
        program("host 10.0.0.1", (1, 101), 128)


def test_expressions_are_joined_as_wholes() -> None:
    assert joined("", " ") == ""
    assert joined("tcp or udp", "", "not port 9") == "(tcp or udp) and (not port 9)"
    assert [needs_tags(each) for each in ("vlan 5 and udp", "port vlanhost", "udp")] == [True, False, False]


def test_traffic_with_brokers() -> None:
    assert without([]) == ""
    said = without([("::1", 9), ("10.0.0.1", 9_092), ("fe80::1%eth0", 9_092), ("::1", 9)])
    assert said == (
        "not (tcp port 9092 and host 10.0.0.1) and not (tcp port 9 and host ::1) and not (tcp port 9092 and host fe80::1)"
    )
    assert compiled(said, 1, 100)


def test_as_the_kernel_wants_it() -> None:
    assert packed(NOTHING) == struct.pack("=HBBI", 6, 0, 0, 0)
