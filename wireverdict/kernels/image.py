"""Putting machine code into memory without LLVM, whose library takes longer to load than most of what a short run imports.

A kernel is an ELF object (Tool Interface Standard, ELF 1.2; System V ABI for x86-64) of the large code model: its parts find
each other and what is outside by addresses of 64 bits, absolute or as a distance, and by nothing else. Whatever asks for more
than that is not loaded here: LLVM's linker is there for it.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable

_FILE, _SECTION, _SYMBOL, _RELOCATION = "<4s2B10xHH20xQ10xHH2x", "<IIQQQQIIQQ", "<IBBHQQ", "<QQq"
_ELF64_X86 = (b"\x7fELF", 2, 1, 1, 62)  # 64 bits, little-endian, relocatable, x86-64
_SYMBOLS, _RELOCATIONS, _ZEROS = 2, 4, 8  # types of sections
_WRITE, _LOADED = 1, 2  # flags of sections
_OUTSIDE, _ABSOLUTE, _COMMON = (0,), (0xFFF1,), (0xFFF2, 0xFF02)  # instead of a section's number
_ADDRESS, _DISTANCE = 1, 24  # R_X86_64_64, R_X86_64_PC64

libc = ctypes.CDLL(None, use_errno=True)


class Unsupported(Exception):
    """This is not for us; the message says what."""


class Image:
    """Code in memory, for as long as this object lives. Names are those of ELF symbols, as bytes."""

    def __init__(self, code: bytes, outside: Callable[[bytes], int]) -> None:
        """Load an object; `outside` gives addresses of what it lacks. Raises Unsupported or what `outside` and mmap raise."""
        magic, wide, little, kind, machine, at, size, count = struct.unpack_from(_FILE, code)
        if (magic, wide, little, kind, machine) != _ELF64_X86 or size != struct.calcsize(_SECTION):
            raise Unsupported("not a relocatable ELF object for x86-64")
        sections = list(struct.iter_unpack(_SECTION, code[at : at + size * count]))
        (table,) = [section for section in sections if section[1] == _SYMBOLS]
        symbols = list(struct.iter_unpack(_SYMBOL, code[table[4] : table[4] + table[5]]))
        places, shared, fixed, total = _plan(sections, symbols)
        self._memory = mmap.mmap(-1, total, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for place, (_, kind, _, _, start, length, *_) in zip(places, sections, strict=True):
            if place is not None and kind != _ZEROS:
                self._memory[place : place + length] = code[start : start + length]
        names = sections[table[6]][4]
        self._known: dict[bytes, int] = {}
        addresses = []
        for number, (name, _, _, section, value, _) in enumerate(symbols):
            text = code[names + name : code.index(b"\0", names + name)]
            if section in _OUTSIDE:
                address = outside(text) if text else 0
            elif section in _ABSOLUTE:
                address = value
            elif number in shared:
                address = base + shared[number]
            else:
                address = base + (places[section] or 0) + value
            addresses.append(address)
            self._known[text] = address
        for _, kind, _, _, start, length, _, target, _, _ in sections:
            inside = places[target] if kind == _RELOCATIONS else None
            if inside is not None:
                self._relocate(code[start : start + length], base, inside, addresses)
        if libc.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(fixed), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "memory cannot be made executable")

    def __getitem__(self, name: str) -> int:
        """The address of a symbol. Raises KeyError."""
        return self._known[name.encode()]

    def _relocate(self, entries: bytes, base: int, inside: int, addresses: list[int]) -> None:
        for offset, told, addend in struct.iter_unpack(_RELOCATION, entries):
            kind, place = told & 0xFFFFFFFF, inside + offset
            value = addresses[told >> 32] + addend
            if kind == _DISTANCE:
                value -= base + place
            elif kind != _ADDRESS:
                raise Unsupported(f"relocation {kind}")
            struct.pack_into("<Q", self._memory, place, value % 2**64)


def _plan(
    sections: list[tuple[int, ...]], symbols: list[tuple[int, ...]]
) -> tuple[list[int | None], dict[int, int], int, int]:
    """Where sections go (None: nowhere), and symbols that are in none; the end of what stays as it is, and of everything.

    What may be written to comes last, from a page of its own on: it is never executable, and code never writeable.
    """
    places: list[int | None] = [None] * len(sections)
    end = fixed = 0
    for writable in (0, _WRITE):
        for number, (_, _, flags, _, _, length, _, _, align, _) in enumerate(sections):
            if flags & _LOADED and flags & _WRITE == writable:
                end = -(-end // max(align, 1)) * max(align, 1)
                places[number] = end
                end += length
        if not writable:
            end = fixed = max(-(-end // mmap.PAGESIZE), 1) * mmap.PAGESIZE
    shared = {}
    for number, (_, _, _, section, align, length) in enumerate(symbols):
        if section in _COMMON:
            shared[number] = -(-end // max(align, 1)) * max(align, 1)
            end = shared[number] + length
    return places, shared, fixed, end
