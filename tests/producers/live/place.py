"""Two network namespaces joined by a wire, and frames that are put on it."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.network import Namespace, network

_CLONE_NEWNET = 0x40000000
MAC = bytes.fromhex("020000000002 020000000001".replace(" ", ""))


@contextmanager
def inside(where: Namespace) -> Iterator[None]:
    """This thread, and processes that it starts, are in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{where.name}") as there:
        assert libc.setns(there.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert libc.setns(before.fileno(), _CLONE_NEWNET) == 0


class Wire:
    """`sender` has the device out0, `taker` in0; nothing but what tests send is on it."""

    def __init__(self, sender: Namespace, taker: Namespace) -> None:
        self.sender, self.taker = sender, taker

    def socket(self, device: str = "out0") -> socket.socket:
        """Puts whole frames on the wire."""
        with inside(self.sender if device == "out0" else self.taker):
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with inside(self.sender if device == "out0" else self.taker):
            made.bind((device, 0))
        return made

    def send(self, *frames: bytes, device: str = "out0") -> None:
        with self.socket(device) as out:
            for frame in frames:
                out.send(frame)


@contextmanager
def wire() -> Iterator[Wire]:
    """Gone afterwards."""
    with network() as net:
        sender, taker = net.namespace("sender"), net.namespace("taker")
        for each in (sender, taker):
            each.sysctl(ipv6__conf__default__disable_ipv6=1, ipv6__conf__all__disable_ipv6=1)
        net.wire(sender, "out0", taker, "in0")
        taker.ip("link", "set", "in0", "address", MAC[:6].hex(":"))
        yield Wire(sender, taker)


def udp(
    number: int = 0, payload: bytes = b"", *, host: int = 2, port: int = 9_999, tags: bytes = b"", mac: bytes = MAC
) -> bytes:
    """A frame with a UDP packet from 198.18.0.1 to 198.18.0.`host`; `number` is its IP id and source port."""
    whole = struct.pack(">HHHH", 10_000 + number % 50_000, port, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(whole), number & 0xFFFF, 0, 64, 17, 0)
    ip += bytes((198, 18, 0, 1, 198, 18, 0, host))
    return mac + tags + b"\x08\x00" + ip + whole
