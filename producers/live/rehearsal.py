"""What the first packets would wait for, done before a ring is read: kernels come into memory, and Arrow describes messages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from producers.batching import Batcher
from producers.live import walk
from wireverdict import kernels
from wireverdict.decode.decoder import Decoder
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.partition import divided

MANY = 300
"""Connections, more than a byte counts: messages with fewer have another schema."""
APART = 100_000
"""ns between packets, more than 16 bits count, as some always are."""
_ETHERNET = bytes(12) + b"\x08\x00"
_QUERY = bytes.fromhex("00 01 01 00 00 01 00 00 00 00 00 00 01 61 00 00 01 00 01")  # a, A, IN
_ENDS = bytes.fromhex("c0 00 02 01 c0 00 02 02")
_UDP = bytes.fromhex("45 00 00 2f 00 00 00 00 40 11 00 00") + _ENDS + bytes.fromhex("00 00 00 35 00 1b 00 00") + _QUERY
_TCP = (
    bytes.fromhex("45 00 00 28 00 00 00 00 40 06 00 00") + _ENDS + bytes(12) + bytes.fromhex("50 10 00 00 00 00 00 00")
)
PORT = len(_ETHERNET) + 20
"""Where in each packet the source port stands."""


def frames(packet: bytes, count: int) -> FrameBatch:
    """That packet from so many ports."""
    each = _ETHERNET + packet
    data: NDArray[np.uint8] = np.tile(np.frombuffer(each, np.uint8), (count, 1))
    data[:, PORT], data[:, PORT + 1] = np.divmod(np.arange(1024, 1024 + count), 256)
    found = np.zeros(count, FRAME)
    found["ts"], found["offset"] = APART * np.arange(count), len(each) * np.arange(count)
    found["captured"] = found["length"] = len(each)
    found["link"] = 1
    return FrameBatch(data.reshape(-1), found)


def rehearse(partitions: int) -> int:
    """Make the messages that most captures make, and throw them away; how many headers were in them."""
    for kernel in kernels.NATIVE:
        if kernel.module == walk.__name__:
            kernel.load()
    decoder, batcher = Decoder(), Batcher("", "", partitions, divided)
    done = 0
    for packet in (_UDP, _TCP):
        for count in (2, MANY):
            done += sum(message.rows for message in batcher.add(decoder.decode(frames(packet, count))))
            done += sum(message.rows for message in batcher.tell())
    return done
