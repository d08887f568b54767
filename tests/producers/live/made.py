"""Blocks of a ring as the kernel fills them, made by plain packing."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Packet(NamedTuple):
    """One packet in a block. `net`: bytes of the link-layer header; `tag`: TPID (0: not told) and TCI beside the packet."""

    ts: int
    data: bytes
    length: int
    net: int = 14
    hardware: int = 1
    kind: int = 0
    tag: tuple[int, int] | None = None


def block(size: int, packets: list[Packet], status: int = 1) -> NDArray[np.uint8]:
    """A block with these packets."""
    made = bytearray(size)
    at = 48
    struct.pack_into("=IIIIII", made, 0, 1, 0, status, len(packets), at, size)
    for packet in packets:
        mac = 100 - packet.net if packet.net <= 16 else 84
        whole = -(-(mac + len(packet.data)) // 16) * 16
        flags = 0 if packet.tag is None else 1 << 4 | (1 << 6 if packet.tag[0] else 0)
        tpid, tci = packet.tag or (0, 0)
        seconds, ns = divmod(packet.ts, 1_000_000_000)
        struct.pack_into(
            "=IIIIIIHH", made, at, whole, seconds, ns, len(packet.data), packet.length, flags, mac, mac + packet.net
        )
        struct.pack_into("=IIH", made, at + 28, 0, tci, tpid)
        struct.pack_into("=HHiHBB", made, at + 48, 17, 0x0008, 2, packet.hardware, packet.kind, 6)
        made[at + mac : at + mac + len(packet.data)] = packet.data
        at += whole
    return np.frombuffer(bytes(made), np.uint8).copy()
