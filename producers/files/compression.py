"""Decompression in steps of bounded memory: gzip, zstd, xz and bzip2, also several members one after another."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import zstandard

STEP = 128 << 10
"""Compressed bytes asked for at a time."""
_LEAST_BITE, _MOST_BITE = 256, 8192
"""Compressed bytes in one call to zstd; at four bytes for a block of 128 KiB, 8 MiB to 256 MiB come out at most."""
_MEMORY = 512 << 20
_COMMANDS = {"gzip": "gzip", "zstd": "zstd --long=31", "xz": "xz", "bzip2": "bzip2"}
_MAGICS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd", "xz": b"\xfd7zXZ\x00", "bzip2": b"BZh"}


class DamagedError(Exception):
    """The bytes cannot be read further; the message says why and where, as half a sentence."""


class _Zlib:
    """zlib with the interface of lzma and bz2."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data if data else self._inner.unconsumed_tail, most)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


class _Zstd:
    """The same for zstandard. Its calls have no bound on what they give: small bites, smaller ones where they swell."""

    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor().decompressobj()
        self._input = b""
        self._bite = _LEAST_BITE

    def decompress(self, data: bytes, most: int) -> bytes:
        self._input += data
        output = self._inner.decompress(self._input[: self._bite])
        self._input = self._input[self._bite :]
        swollen = len(output) > max(most, _LEAST_BITE)
        self._bite = max(self._bite // 8, _LEAST_BITE) if swollen else min(self._bite * 2, _MOST_BITE)
        return output

    @property
    def needs_input(self) -> bool:
        return not self._input

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data + self._input


_MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": _Zlib,
    "zstd": _Zstd,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY),
    "bzip2": bz2.BZ2Decompressor,
}


class Decompressor:
    """Reads compressed bytes by `read(n)` (empty at the end) and gives them decompressed by `readinto`."""

    def __init__(self, name: str, read: Callable[[int], bytes]) -> None:
        self._name = name
        self._read = read
        self._input = b""  # read and not yet given to a member
        self._taken = 0  # compressed bytes read
        self._member: Any = None
        self._output = memoryview(b"")

    def readinto(self, view: memoryview) -> int:
        """Fill the beginning of `view`; bytes written, 0 at the end. Raises DamagedError."""
        while not self._output:
            if not self._advance(len(view)):
                return 0
        count = min(len(view), len(self._output))
        view[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _advance(self, most: int) -> bool:
        """Decompress one step; False at a clean end."""
        if self._member is None and not self._next_member():
            return False
        data, ended = b"", False
        if self._member.needs_input:
            data = self._input or self._take()
            self._input = b""
            ended = not data
        try:
            self._output = memoryview(self._member.decompress(data, most))
        except (zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError, EOFError, ValueError) as error:
            raise DamagedError(self._explain(str(error))) from error
        if ended and not self._output and not self._member.eof:
            raise DamagedError(f"the {self._name} data end early, after {self._taken} compressed bytes")
        if self._member.eof:
            self._input = self._member.unused_data
            self._member = None
        return True

    def _next_member(self) -> bool:
        """Begin the next member, past zero bytes that pad a tape or a stream; False when there is none."""
        first = self._taken == 0
        magic = _MAGICS[self._name]
        while True:
            if not first:
                self._input = self._input.lstrip(b"\0")
            if len(self._input) >= len(magic):
                break
            more = self._take()
            if not more:
                break
            self._input += more
        if not self._input:
            return False
        skippable = self._name == "zstd" and self._input[1:4] == b"\x2a\x4d\x18" and self._input[0] >> 4 == 5
        if not first and not self._input.startswith(magic) and not skippable:
            raise DamagedError(f"after the {self._name} data come bytes that are not {self._name}")
        self._member = _MAKERS[self._name]()
        return True

    def _take(self) -> bytes:
        data = self._read(STEP)
        self._taken += len(data)
        return data

    def _explain(self, error: str) -> str:
        if "memory" in error.lower():
            command = _COMMANDS[self._name]
            return f"the {self._name} data take too much memory; instead: {command} -dc FILE | wireverdict analyze -"
        return f"the {self._name} data are damaged near compressed byte {self._taken} ({error})"
