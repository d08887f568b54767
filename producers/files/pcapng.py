"""pcapng: draft-ietf-opsawg-pcapng. Sections and interfaces are read here, packet blocks by the kernel."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.files import blocks, scan
from producers.files.layout import MalformedError, Numbers, fault

_RESOLUTION, _OFFSET = 9, 14  # options if_tsresol and if_tsoffset


class PcapngLayout:
    """See Layout."""

    name = "pcapng"
    start = 12

    def __init__(self, file: int) -> None:
        self._form = np.zeros(scan.FORM, np.int64)
        self._form[scan.FILE] = file
        self._form[scan.LIMIT] = scan.MAX_BLOCK
        self._interfaces = np.zeros((8, scan.IF_COLUMNS), np.int64)

    def begin(self, head: bytes) -> int:
        """See Layout: the scan stops at the section header by itself."""
        return 0

    def scan(self, data: NDArray[np.uint8], state: Numbers, frames: NDArray[Any]) -> None:
        """See Layout."""
        blocks.scan_pcapng(data, self._form, self._interfaces, state, frames)

    def describe(self, data: NDArray[np.uint8], state: Numbers) -> bool:
        """See Layout."""
        position = int(state[scan.POSITION])
        if state[scan.STOP] == scan.INTERFACE:
            total = self._interface(data, position)
        else:
            total = self._section(data, position, state)
        state[scan.POSITION] += total
        return total > 0

    def _section(self, data: NDArray[np.uint8], position: int, state: Numbers) -> int:
        """Take up a new section's byte order; bytes of its header block, 0 if they are not all there."""
        head = data[position : position + 16].tobytes()
        if len(head) < 16:
            state[scan.STOP], state[scan.NEED] = scan.MORE, 28
            return 0
        orders = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
        order = orders.get(head[8:12])
        if order is None:
            raise MalformedError(f"the section header there has {head[8:12].hex(' ')} for a byte-order magic")
        total, _, major, minor = struct.unpack(order + "IIHH", head[4:16])
        if major != 1 or minor not in (0, 2):
            raise MalformedError(f"the section there says pcapng version {major}.{minor}; only 1.0 is known")
        if total < 28 or total % 4 or total > scan.MAX_BLOCK:
            raise MalformedError(f"the section header there claims a length of {total} bytes, which cannot be")
        if position + total > data.size:
            state[scan.STOP], state[scan.NEED] = scan.MORE, total
            return 0
        if struct.unpack(order + "I", data[position + total - 4 : position + total].tobytes())[0] != total:
            raise MalformedError(
                f"the section header there begins with a length of {total} bytes and ends with another"
            )
        self._form[scan.BIG] = order == ">"
        self._form[scan.INTERFACES] = 0
        return int(total)

    def _interface(self, data: NDArray[np.uint8], position: int) -> int:
        """Add the interface that a whole block describes; bytes of the block."""
        order = ">" if self._form[scan.BIG] else "<"
        total = struct.unpack(order + "I", data[position + 4 : position + 8].tobytes())[0]
        if total < 20:
            raise MalformedError(f"the interface description there is too short ({total} bytes)")
        block = data[position : position + total].tobytes()
        link, _, snap = struct.unpack_from(order + "HHI", block, 8)
        resolution, offset = 6, 0
        at = 16
        while at + 4 <= total - 4:
            code, length = struct.unpack_from(order + "HH", block, at)
            at += 4
            if code == 0 or at + length > total - 4:
                break
            if code == _RESOLUTION and length == 1:
                resolution = block[at]
            elif code == _OFFSET and length == 8:
                offset = struct.unpack_from(order + "q", block, at)[0]
            at += (length + 3) & ~3
        number = int(self._form[scan.INTERFACES])
        if number == len(self._interfaces):
            self._interfaces = np.concatenate([self._interfaces, np.zeros_like(self._interfaces)])
        row = self._interfaces[number]
        row[scan.IF_LINK], row[scan.IF_OFFSET], row[scan.IF_SNAP] = link, offset, snap
        if resolution & 0x80:
            row[scan.IF_KIND], row[scan.IF_FACTOR] = scan.BINARY, resolution & 0x7F
        elif resolution <= 9:
            row[scan.IF_KIND], row[scan.IF_FACTOR] = scan.MULTIPLY, 10 ** (9 - resolution)
        elif resolution <= 28:  # the kernel takes the number for a uint64
            row[scan.IF_KIND], row[scan.IF_FACTOR] = scan.DIVIDE, np.uint64(10 ** (resolution - 9)).astype(np.int64)
        else:  # all that 64 bits can hold is less than a nanosecond
            row[scan.IF_KIND], row[scan.IF_FACTOR] = scan.BINARY, 127
        self._form[scan.INTERFACES] = number + 1
        return int(total)

    def fault(self, state: Numbers) -> str:
        """See Layout."""
        return fault(state, scan.MAX_BLOCK)
