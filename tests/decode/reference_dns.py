"""The reference's DNS messages: header by dpkt's table, question by a plain loop (dpkt's names are ASCII only)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import SimpleNamespace

import dpkt

from tests.decode.reference_link import Short, fields, number, take


@dataclass(frozen=True)
class Question:
    """A question: name in presentation form, its hash, its type, the class, and where it ends."""

    name: bytes
    digest: int
    kind: int
    group: int
    behind: int


def shown(byte: int) -> str:
    if byte in b".\\":
        return "\\" + chr(byte)
    return chr(byte) if 0x21 <= byte <= 0x7E else f"\\{byte:03d}"


def fnv1a(data: bytes) -> int:
    state = 0xCBF29CE484222325
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def question(message: bytes) -> Question:
    """The first question; Short if the message ends in it, ValueError if it is malformed."""
    labels: list[bytes] = []
    behind, at, jumps, size = 0, 12, 0, 0
    while True:
        length = number(take(message[at:], 1)[0])
        if length >= 192:
            target = number(take(message[at:], 2)[0]) & 0x3FFF
            behind, jumps, at = behind or at + 2, jumps + 1, target
            if jumps > 16 or target < 12:
                raise ValueError
            continue
        size += length + 1
        if length > 63 or size > 255:
            raise ValueError
        if not length:
            break
        labels.append(take(message[at + 1 :], length)[0].lower())
        at += length + 1
    behind = behind or at + 1
    kind, group = struct.unpack(">HH", take(message[behind:], 4)[0])
    name = ".".join("".join(map(shown, label)) for label in labels).encode()
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return Question(name, fnv1a(wire), kind, group, behind + 4)


def datagram(data: bytes, whole: int) -> tuple[SimpleNamespace | None, Question | None, str]:
    """Header and question of a datagram (None for what is not there), and ``cut``, ``malformed`` or nothing.

    It had `whole` bytes on the wire.
    """
    partly = len(data) < whole
    flaw = "cut" if partly and whole >= 12 else "malformed"
    try:
        dns = fields(dpkt.dns.DNS, data)
    except Short:
        return None, None, flaw
    opcode, query = dns.op >> 11 & 15, not dns.op & 0x8000
    if opcode not in (0, 1, 2, 4, 5, 6) or (query and not opcode and not (dns.qd or dns.an or dns.ns)):
        return None, None, "malformed"
    try:
        return dns, question(data) if dns.qd else None, ""
    except Short:
        return dns if partly else None, None, flaw
    except ValueError:
        return None, None, "malformed"


def convincing(message: bytes, sport: int, dport: int) -> tuple[SimpleNamespace, Question] | None:
    """A message in a TCP segment, if it can hardly be anything else."""
    try:
        dns = fields(dpkt.dns.DNS, take(message, 17)[0])
        found = question(message)
    except (Short, ValueError):
        return None
    opcode, answer, code = dns.op >> 11 & 15, dns.op >> 15, dns.op & 15
    if sport != dport and answer != (sport == 53):
        return None
    if opcode not in (0, 4, 5) or dns.qd != 1 or dns.op & 0x40 or (answer and code > 11):
        return None
    if not answer and (code or (opcode != 5 and (dns.an > 1 or dns.ns > 1 or dns.ar > 2))):
        return None
    return (dns, found) if found.kind and found.group in (1, 3, 4, 254, 255) else None


def stream(data: bytes, sport: int, dport: int) -> tuple[SimpleNamespace, Question] | None:
    """The message that a TCP segment begins with, behind its length, or a byte of it, or nothing."""
    if len(data) >= 2 and number(data[:2]) >= 17:
        found = convincing(data[2:][: number(data[:2])], sport, dport)
        if found:
            return found
    return convincing(data, sport, dport) or convincing(data[1:], sport, dport)
