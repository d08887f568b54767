"""Numbers, times and addresses as text, in kernels: each writes at `at` in `out` and gives the position after it."""

from __future__ import annotations

from typing import Any

import numpy as np

from wireverdict.kernels import kernel
from wireverdict.output.copying import store_word

_PAIRS = np.frombuffer("".join(f"{n:02d}" for n in range(100)).encode(), np.uint8)
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_MAPPED = np.uint64(0xFFFF)  # bits 32 to 47 of an IPv4 address held as ::ffff:a.b.c.d
_EIGHT = np.uint64(10**8)
_ZEROS = np.uint64(0x3030303030303030)
_CLOCK = np.uint64(0x30303A30303A3030)
"""What turns eight digits, two of them 0, into ``hh:mm:ss``."""
DAY = 86_400_000_000_000

ADDRESS_ROOM = 39
TIME_ROOM = 30
INTEGER_ROOM = 20


@kernel(inline=True, borrow=True)
def _pair(out: Any, at: int, value: Any) -> None:
    """Two decimal digits."""
    out[at] = _PAIRS[2 * value]
    out[at + 1] = _PAIRS[2 * value + 1]


@kernel(inline=True, borrow=True)
def eight_digits(value: Any) -> Any:
    """A number (uint64) below 10**8 as eight decimal digits, 0 to 9 each, first digit in the lowest byte.

    Halves, quarters and eighths are divided side by side in one word, by multiplication; without branches, since the
    lengths of numbers cannot be foreseen by the processor.
    """
    high = value // np.uint64(10_000)
    halves = high | (value - high * np.uint64(10_000)) << np.uint64(32)
    high = ((halves * np.uint64(10_486)) >> np.uint64(20)) & np.uint64(0x7F_0000_007F)
    quarters = high | (halves - high * np.uint64(100)) << np.uint64(16)
    high = ((quarters * np.uint64(103)) >> np.uint64(10)) & np.uint64(0x000F_000F_000F_000F)
    return high | (quarters - high * np.uint64(10)) << np.uint64(8)


@kernel(inline=True, borrow=True)
def _digits(value: Any) -> int:
    """How many decimal digits a number (uint64) below 10**8 has."""
    length = (
        1 + np.int64(value >= np.uint64(10)) + np.int64(value >= np.uint64(100)) + np.int64(value >= np.uint64(1_000))
    )
    length += np.int64(value >= np.uint64(10_000)) + np.int64(value >= np.uint64(100_000))
    return int(length + np.int64(value >= np.uint64(1_000_000)) + np.int64(value >= np.uint64(10_000_000)))


@kernel(inline=True, borrow=True)
def put_unsigned(out: Any, at: int, value: Any) -> int:
    """`value` (uint64) in decimal, without leading zeros: at most 20 bytes, and writes up to 8 more."""
    if value >= _EIGHT:
        high = value // _EIGHT
        if high >= _EIGHT:
            at = put_unsigned_short(out, at, high // _EIGHT)
            store_word(out, at, eight_digits(high % _EIGHT) | _ZEROS)
            at += 8
        else:
            at = put_unsigned_short(out, at, high)
        store_word(out, at, eight_digits(value % _EIGHT) | _ZEROS)
        return at + 8
    return put_unsigned_short(out, at, value)


@kernel(inline=True, borrow=True)
def put_unsigned_short(out: Any, at: int, value: Any) -> int:
    """The same for numbers below 10**8; writes eight bytes."""
    length = _digits(value)
    store_word(out, at, (eight_digits(value) | _ZEROS) >> np.uint64(64 - 8 * length))
    return at + length


@kernel(inline=True, borrow=True)
def put_thousandths(out: Any, at: int, value: Any) -> int:
    """`value` / 1,000 with three decimals: µs as ms. At most 21 bytes, and writes up to 8 more."""
    at = put_unsigned(out, at, value // np.uint64(1000))
    fraction = (eight_digits(value % np.uint64(1000)) | _ZEROS) >> np.uint64(40)
    store_word(out, at, fraction << np.uint64(8) | np.uint64(46))
    return at + 4


@kernel(borrow=True)
def put_date(out: Any, at: int, days: Any) -> int:
    """The day (since 1970, int64) as ``2026-03-14T``: 11 bytes, years 1677 to 2262."""
    # Proleptic Gregorian calendar in eras of 400 years that begin on 1 March (H. Hinnant, "chrono-compatible
    # low-level date algorithms", civil_from_days); the offset makes the number of days positive for every int64.
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    _pair(out, at, year // 100)
    _pair(out, at + 2, year % 100)
    out[at + 4] = 45
    _pair(out, at + 5, month)
    out[at + 7] = 45
    _pair(out, at + 8, day)
    out[at + 10] = 84
    return at + 11


@kernel(inline=True, borrow=True)
def put_clock(out: Any, at: int, ns: Any) -> int:
    """The time of day (ns, int64) as ``09:26:53.589793238Z``: 19 bytes."""
    seconds = np.uint64(ns) // np.uint64(1_000_000_000)
    nanoseconds = np.uint64(ns) - seconds * np.uint64(1_000_000_000)
    minutes = seconds // np.uint64(60)
    hours = minutes // np.uint64(60)
    minutes, seconds = minutes - hours * np.uint64(60), seconds - minutes * np.uint64(60)
    clock = hours * np.uint64(1_000_000) + minutes * np.uint64(1_000) + seconds  # hh0mm0ss
    store_word(out, at, eight_digits(clock) | _CLOCK)
    tenths = nanoseconds // _EIGHT
    out[at + 8] = 46
    out[at + 9] = np.uint8(np.uint64(48) + tenths)
    store_word(out, at + 10, eight_digits(nanoseconds - tenths * _EIGHT) | _ZEROS)
    out[at + 18] = 90
    return at + 19


@kernel(inline=True, borrow=True)
def is_ipv4(hi: Any, lo: Any) -> bool:
    """Whether the two halves hold an IPv4 address."""
    return bool(hi == np.uint64(0) and lo >> np.uint64(32) == _MAPPED)


@kernel(borrow=True)
def put_address(out: Any, at: int, hi: Any, lo: Any) -> int:
    """An address held as two numbers: dotted decimal, or RFC 5952 (section 4) for IPv6. At most 39 bytes."""
    if is_ipv4(hi, lo):
        for k in range(4):
            byte = np.int64((lo >> np.uint64(24 - 8 * k)) & np.uint64(0xFF))
            if byte >= 100:
                out[at] = np.uint8(48 + byte // 100)
                _pair(out, at + 1, byte % 100)
                at += 3
            elif byte >= 10:
                _pair(out, at, byte)
                at += 2
            else:
                out[at] = np.uint8(48 + byte)
                at += 1
            out[at] = 46
            at += 1
        return at - 1
    # 4.2: the longest run of two or more zero groups, the first of equals, becomes "::"
    best, best_length, run = 8, 1, 0
    for group in range(8):
        half = hi if group < 4 else lo
        value = (half >> np.uint64(48 - 16 * (group & 3))) & np.uint64(0xFFFF)
        run = run + 1 if value == np.uint64(0) else 0
        if run > best_length:
            best, best_length = group - run + 1, run
    group = 0
    while group < 8:
        if group == best:
            out[at] = 58
            at += 1
            if group == 0:
                out[at] = 58
                at += 1
            group += best_length
            continue
        half = hi if group < 4 else lo
        number = np.int64((half >> np.uint64(48 - 16 * (group & 3))) & np.uint64(0xFFFF))
        if number >= 0x1000:
            out[at] = _HEX[number >> 12]
            at += 1
        if number >= 0x100:
            out[at] = _HEX[(number >> 8) & 15]
            at += 1
        if number >= 0x10:
            out[at] = _HEX[(number >> 4) & 15]
            at += 1
        out[at] = _HEX[number & 15]
        at += 1
        group += 1
        if group < 8:
            out[at] = 58
            at += 1
    return at
