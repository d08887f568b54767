"""Writes captures for tests, field by field and slowly."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple


class Packet(NamedTuple):
    """One packet: time in ns, captured bytes, length on the wire."""

    ts: int
    data: bytes
    length: int


def pcap(
    packets: Sequence[Packet],
    *,
    order: str = "<",
    magic: int = 0xA1B23C4D,
    link: int = 1,
    snap: int = 262_144,
    version: tuple[int, int] = (2, 4),
    unit: int = 1,
    kinds: Sequence[int] = (),
    extra: bytes = b"",
) -> bytes:
    """A classic capture. `unit`: ns in a unit of the fraction. `kinds`: packet types, for the modified variant."""
    out = [struct.pack(order + "IHHiIII", magic, *version, 0, 0, snap, link), extra]
    for number, packet in enumerate(packets):
        seconds, rest = divmod(packet.ts, 10**9)
        captured = len(packet.data)
        lengths = (packet.length, captured) if version < (2, 3) else (captured, packet.length)
        out.append(struct.pack(order + "IIII", seconds, rest // unit, *lengths))
        if kinds:
            out.append(struct.pack(order + "IHBB", 1, 0x800, kinds[number], 0))
        out.append(packet.data)
    return b"".join(out)


def snoop(packets: Sequence[Packet], *, link: int = 4, version: int = 2, pad: int = 4) -> bytes:
    """A capture of Solaris."""
    out = [b"snoop\0\0\0", struct.pack(">II", version, link)]
    for packet in packets:
        seconds, rest = divmod(packet.ts, 10**9)
        fill = -len(packet.data) % pad
        record = 24 + len(packet.data) + fill
        out.append(struct.pack(">IIIIII", packet.length, len(packet.data), record, 0, seconds, rest // 1000))
        out.append(packet.data + bytes(fill))
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block around a body, which is padded."""
    body += bytes(-len(body) % 4)
    total = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + total + body + total


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option, padded."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<", version: tuple[int, int] = (1, 0)) -> bytes:
    """A section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1), order)


def interface(
    order: str = "<", *, link: int = 1, snap: int = 0, resolution: int | None = None, offset: int | None = None
) -> bytes:
    """An interface description block; `resolution` as in if_tsresol, `offset` in seconds."""
    options = option(2, b"eth0", order)
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    if offset is not None:
        options += option(14, struct.pack(order + "q", offset), order)
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options + option(0, b"", order), order)


def enhanced(packet: Packet, units: int, order: str = "<", *, number: int = 0, flags: int | None = None) -> bytes:
    """An enhanced packet block whose timestamp is `units`."""
    head = struct.pack(
        order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(packet.data), packet.length
    )  # fmt: skip
    body = head + packet.data + bytes(-len(packet.data) % 4)
    if flags is not None:
        body += (
            option(1, b"a comment", order) + option(2, struct.pack(order + "I", flags), order) + option(0, b"", order)
        )
    return block(6, body, order)


def obsolete(packet: Packet, units: int, order: str = "<", *, number: int = 0) -> bytes:
    """An obsolete packet block."""
    head = struct.pack(order + "HHIIII", number, 7, units >> 32, units & 0xFFFFFFFF, len(packet.data), packet.length)
    return block(2, head + packet.data, order)


def simple(packet: Packet, order: str = "<") -> bytes:
    """A simple packet block."""
    return block(3, struct.pack(order + "I", packet.length) + packet.data, order)


def pcapng(packets: Sequence[Packet], order: str = "<") -> bytes:
    """One section, one interface that counts in ns."""
    return (
        section(order)
        + interface(order, resolution=9)
        + b"".join(enhanced(packet, packet.ts, order) for packet in packets)
    )
