"""Machine code in memory: where symbols and what they point to end up, and what is left to LLVM."""

from __future__ import annotations

import ctypes
import struct
from pathlib import Path

import pytest

from wireverdict.kernels.image import Image, Unsupported

ANSWER = b"\xb8\x2a\x00\x00\x00\xc3"  # mov eax, 42; ret
CALL = b"\x48\xb8" + bytes(8) + b"\xff\xe0"  # movabs rax, …; jmp rax
ABSOLUTE, DISTANCE = 1, 24
OUTSIDE, FIXED, COMMON = 0, 0xFFF1, 0xFFF2
TEXT, DATA, ZEROS = 1, 2, 3
NAMES = b"\0answer\0call\0pointer\0room\0far\0constant\0"


def symbol(name: bytes, section: int, value: int, size: int = 0) -> bytes:
    return struct.pack("<IBBHQQ", NAMES.index(b"\0" + name + b"\0") + 1, 0x10, 0, section, value, size)


SYMBOLS = b"".join(
    (
        bytes(24),
        symbol(b"answer", TEXT, 0),
        symbol(b"call", TEXT, 16),
        symbol(b"pointer", DATA, 8),
        symbol(b"room", COMMON, 64, 8),
        symbol(b"far", OUTSIDE, 0),
        symbol(b"constant", FIXED, 7),
    )
)


def made(relocations: list[tuple[int, int, int, int]], *, machine: int = 62) -> bytes:
    """An object: code, three words of data, eight zeros; `relocations` of the data (offset, kind, symbol, addend)."""
    text = ANSWER.ljust(16, b"\x90") + CALL
    own = struct.pack("<QQq", 16 + 2, 1 << 32 | ABSOLUTE, 0)
    of_data = b"".join(struct.pack("<QQq", at, number << 32 | kind, more) for at, kind, number, more in relocations)
    parts = [text, struct.pack("<QQQ", 1, 2, 3), b"", own, of_data, SYMBOLS, NAMES]
    #        type, flags, link, info, alignment
    kinds = [
        (1, 6, 0, 0, 16),
        (1, 3, 0, 0, 8),
        (8, 3, 0, 0, 32),
        (4, 0, 6, TEXT, 8),
        (4, 0, 6, DATA, 8),
        (2, 0, 7, 1, 8),
    ]
    kinds.append((3, 0, 0, 0, 1))
    body, table = b"", bytes(64)
    for part, (kind, flags, link, info, align) in zip(parts, kinds, strict=True):
        size = 8 if kind == 8 else len(part)
        table += struct.pack("<IIQQQQIIQQ", 0, kind, flags, 0, 64 + len(body), size, link, info, align, 0)
        body += part
    head = struct.pack(
        "<4s4B8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 1, machine, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 8, 0
    )
    return head + body + table


def nothing(name: bytes) -> int:
    raise LookupError(name)


def asked(name: bytes) -> int:
    return {b"far": 1 << 40}[name]


def words(image: Image, count: int = 3) -> list[int]:
    return list((ctypes.c_uint64 * count).from_address(image["pointer"] - 8))


def test_code_runs_and_finds_code() -> None:
    image = Image(made([]), asked)
    for name in ("answer", "call"):
        assert ctypes.CFUNCTYPE(ctypes.c_int)(image[name])() == 42


def test_addresses_and_distances() -> None:
    image = Image(made([(0, ABSOLUTE, 5, 5), (8, DISTANCE, 5, 0), (16, ABSOLUTE, 6, -1)]), asked)
    assert words(image) == [(1 << 40) + 5, ((1 << 40) - image["pointer"]) % 2**64, 6]


def test_distances_go_backwards() -> None:
    image = Image(made([(0, DISTANCE, 1, 0)]), asked)
    assert words(image)[0] == 2**64 + image["answer"] - (image["pointer"] - 8)


def test_data_may_be_written_to_and_code_may_not() -> None:
    image = Image(made([]), asked)
    assert words(image) == [1, 2, 3]
    assert image["room"] % 64 == 0
    for name in ("pointer", "room"):
        ctypes.c_uint64.from_address(image[name]).value = 1 << 50
    assert words(image) == [1, 1 << 50, 3]
    rights = {
        name: line.split()[1]
        for name in ("answer", "pointer", "room")
        for line in Path("/proc/self/maps").read_text().splitlines()
        if int(line.split("-")[0], 16) <= image[name] < int(line.split("-")[1].split()[0], 16)
    }
    assert rights == {"answer": "r-xp", "pointer": "rw-p", "room": "rw-p"}


def test_what_nobody_has_is_named() -> None:
    with pytest.raises(LookupError, match="far"):
        Image(made([]), nothing)
    with pytest.raises(KeyError):
        Image(made([]), asked)["nobody"]


@pytest.mark.parametrize("code", [made([], machine=183), made([]).replace(b"\x7fELF", b"\xcf\xfa\xed\xfe"), bytes(64)])
def test_other_objects_are_left_to_others(code: bytes) -> None:
    with pytest.raises(Unsupported):
        Image(code, asked)


def test_other_relocations_are_left_to_others() -> None:
    with pytest.raises(Unsupported, match="relocation 2"):
        Image(made([(0, 2, 1, 0)]), asked)
