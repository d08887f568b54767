"""One packet socket and its ring.

The kernel fills a ring of blocks, and hands each over when it is full or `retire` has passed since its first packet. A block
is ours until it is given back; while there is no free one, the kernel drops packets and counts them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from producers.live import abi, interfaces
from producers.live.errors import LiveError
from producers.live.memory import Region
from producers.live.program import NOTHING, Program, packed
from producers.live.walk import BROKEN, DISORDER, LINK_OF, TALLY, give_back, ready, take
from wireverdict.frames import FRAME

_FRAME_SIZE = 1 << 11  # TPACKET_V3 packs packets without regard to it, and wants it all the same
_NO_RIGHT = (
    "capturing from a network interface needs the right to (CAP_NET_RAW): run it as root, or with "
    "AmbientCapabilities=CAP_NET_RAW under systemd"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a ring: bytes of a block, blocks, ms after which a block is handed over, bytes taken of each packet."""

    block: int
    blocks: int
    retire: int
    snap: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.block * self.blocks


class Ring:
    """Made closed to packets; `start` lets them in. `file`: number that its frames carry (FRAME.file).

    `received`: packets that the filter accepted and that had room; `dropped`: that had none; `freezes`: times that the ring
    was full. `broken`: packets that could not be read. All since the start.
    """

    def __init__(self, interface: str, region: Region, at: int, shape: Shape, file: int) -> None:
        """Raises LiveError."""
        self.interface, self.shape, self.file = interface, shape, file
        self.index = interfaces.index_of(interface)
        self.received = self.dropped = self.freezes = 0
        self.taken = self.given = 0  # blocks so far
        self._region, self._at = region, at
        self._data = region.data
        self._halves, self._words = region.data.view(np.uint16), region.data.view(np.uint32)
        self._tally: NDArray[np.int64] = np.zeros(TALLY, np.int64)
        self._seen = (0, 0, 0)
        self.socket = unbound()
        try:
            self._set_up()
        except LiveError:
            self.socket.close()
            raise

    def renew(self, fresh: socket.socket) -> None:
        """Go on with a socket that was never bound, at the place of the old one: one that shared packets by flow cannot be
        bound again. For when all blocks have been given back. Raises LiveError; then there are no packets until it works."""
        self.count()
        self._region.unmap(self._at, self.shape.size)
        os.dup2(fresh.fileno(), self.socket.fileno(), inheritable=False)  # whoever polls it goes on
        fresh.close()
        self.taken = self.given = 0
        self._set_up()

    def _set_up(self) -> None:
        """Raises LiveError."""
        shape = self.shape
        try:
            self._map()
        except OSError as error:
            many = f"{shape.size / 1e6:.0f} MB"
            hint = "; make live.ring smaller" if error.errno == errno.ENOMEM else ""
            raise LiveError(f"{self.interface}: the kernel refuses a ring of {many}: {error.strerror}{hint}") from None

    def _map(self) -> None:
        shape = self.shape
        self.filter(NOTHING)
        self.socket.setsockopt(abi.SOL_PACKET, abi.PACKET_VERSION, abi.TPACKET_V3)
        self.socket.setsockopt(abi.SOL_PACKET, abi.PACKET_RESERVE, 4)  # room for a VLAN tag before each packet
        frames = shape.size // _FRAME_SIZE
        request = abi.REQUEST.pack(shape.block, shape.blocks, _FRAME_SIZE, frames, shape.retire, 0, 0)
        self.socket.setsockopt(abi.SOL_PACKET, abi.PACKET_RX_RING, request)
        self._region.map(self._at, shape.size, self.socket.fileno())

    def filter(self, program: Program) -> None:
        """Have the kernel run this program from now on; it is replaced in one step. Raises OSError."""
        code = packed(program)
        held = ctypes.create_string_buffer(code, len(code))
        count, address = len(code) // abi.INSTRUCTION.size, ctypes.addressof(held)
        argument = bytes(_SockFprog(count, address))
        self.socket.setsockopt(socket.SOL_SOCKET, abi.SO_ATTACH_FILTER, argument)

    def bind(self, promiscuous: bool) -> None:
        """Take packets of the interface as it is now. Raises OSError."""
        index = 0 if self.interface == interfaces.ANY else socket.if_nametoindex(self.interface)
        address = abi.ADDRESS_TO_BIND.pack(socket.AF_PACKET, socket.htons(abi.ETH_P_ALL), index)
        libc = ctypes.CDLL(None, use_errno=True)  # Python's own bind knows no address without an interface
        if libc.bind(self.socket.fileno(), address, len(address)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self.index = index
        if promiscuous and self.index:
            member = abi.MEMBERSHIP.pack(self.index, abi.PACKET_MR_PROMISC, 0, bytes(8))
            self.socket.setsockopt(abi.SOL_PACKET, abi.PACKET_ADD_MEMBERSHIP, member)

    def share(self, group: int | None = None) -> int:
        """Once bound: share packets by flow with the other rings of a group, or found one that nobody has; its number.

        Raises OSError.
        """
        how = abi.PACKET_FANOUT_HASH | (abi.FANOUT_UNIQUE if group is None else 0)
        self.socket.setsockopt(abi.SOL_PACKET, abi.PACKET_FANOUT, (group or 0) | how << 16)
        return self.socket.getsockopt(abi.SOL_PACKET, abi.PACKET_FANOUT) & 0xFFFF

    def waiting(self) -> int:
        """Blocks that were handed over and have not been taken."""
        most = self.shape.blocks - (self.taken - self.given)
        return int(ready(self._words, self._at, self.shape.block, self.shape.blocks, self.taken, most))

    @property
    def fill(self) -> float:
        """Share of the ring that the kernel cannot write to."""
        return (self.taken - self.given + self.waiting()) / self.shape.blocks

    def take(self, frames: NDArray[np.void], most: int) -> tuple[int, bool]:
        """Read blocks into `frames` (FRAME[n]) until `most` blocks are taken, there is no room for another, or none waits:
        frames written, and whether some of them are not in the order of their times. They are ours until `give`."""
        shape, disorder = self.shape, int(self._tally[DISORDER])
        most = min(most, shape.blocks - (self.taken - self.given))
        count, blocks = take(
            self._data, self._halves, self._words, self._at, shape.block, shape.blocks, self.taken, most,
            LINK_OF, shape.snap, self.file, frames, self._tally,
        )  # fmt: skip
        self.taken += blocks
        return count, int(self._tally[DISORDER]) > disorder

    def give(self, count: int) -> None:
        """The oldest `count` blocks that were taken go back to the kernel."""
        give_back(self._words, self._at, self.shape.block, self.shape.blocks, self.given, count)
        self.given += count

    def block_of(self, frames: NDArray[np.void]) -> NDArray[np.int64]:
        """The number in the ring of the block that each frame lies in."""
        numbers: NDArray[np.int64] = (frames["offset"] - self._at) // self.shape.block
        return numbers

    def count(self) -> None:
        """Bring `received`, `dropped` and `freezes` up to date."""
        told = self.socket.getsockopt(abi.SOL_PACKET, abi.PACKET_STATISTICS, abi.STATISTICS.size)
        packets, dropped, freezes = abi.STATISTICS.unpack(told)
        self.received += packets - dropped
        self.dropped += dropped
        self.freezes += freezes

    @property
    def broken(self) -> int:
        """Packets that could not be read."""
        return int(self._tally[BROKEN])

    def error(self) -> int:
        """What happened to the interface since last asked: 0, or ENETDOWN."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        """Let go of the interface; frames that were taken read as zeros."""
        self.socket.close()
        self._region.unmap(self._at, self.shape.size)


class _SockFprog(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def unbound() -> socket.socket:
    """A socket that gets no packets until it is bound: protocol 0. Raises LiveError."""
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        raise LiveError(_NO_RIGHT) from None


def most_frames(shape: Shape) -> int:
    """Frames that a block can hold."""
    return shape.block // abi.LEAST_FRAME + 1


def empty(count: int) -> NDArray[np.void]:
    """Room for frames."""
    return np.zeros(count, FRAME)
