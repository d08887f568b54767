"""Numbers as people read them: grouped digits, units that fit, no more figures than mean something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECOND = 1_000_000_000


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def several(number: int, one: str, many: str = "") -> str:
    """``1 packet``, ``12,345 packets``."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def scaled(value: float, unit: str) -> str:
    """``1.2 MB``, ``950 kbit/s``: three figures at most and a decimal prefix."""
    for prefix in ("", "k", "M", "G", "T", "P"):
        if abs(value) < 999.5 or prefix == "P":
            break
        value /= 1000
    digits = 0 if prefix == "" or abs(value) >= 99.5 else 1
    return f"{value:.{digits}f} {prefix}{unit}"


def size(octets: float) -> str:
    """A number of bytes."""
    return scaled(octets, "B")


def duration(ns: int) -> str:
    """``350 ms``, ``4.2 s``, ``1 min 32 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if ns < 0:
        return f"-{duration(-ns)}"
    if ns < 999_500:
        return f"{ns / 1000:.0f} µs"
    if ns < 999_500_000:
        milliseconds = ns / 1e6
        return f"{milliseconds:.{0 if milliseconds >= 9.95 else 1}f} ms"
    if ns < 9.95 * SECOND:
        return f"{ns / SECOND:.1f} s"
    seconds = round(ns / SECOND)
    if seconds < 60:
        return f"{seconds} s"
    for whole, unit, part, small in ((60, "min", 1, "s"), (3600, "h", 60, "min"), (86_400, "d", 3600, "h")):
        if seconds < whole * {60: 60, 3600: 24, 86_400: 10**9}[whole]:
            rest = seconds % whole // part
            return f"{seconds // whole} {unit}" + (f" {rest} {small}" if rest else "")
    raise AssertionError(seconds)


def utf8(text: str) -> str:
    """A file's name as JSON can hold it: bytes that are not UTF-8 are escaped."""
    return text.encode(errors="backslashreplace").decode()


def printable(text: str) -> str:
    """A text from outside, such as a file's name, for a terminal: what would move the cursor or change colours is escaped."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def moment(ns: int) -> str:
    """``2026-03-14 09:26:53 UTC``."""
    return f"{datetime.fromtimestamp(ns // SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"


def share(value: float) -> str:
    """``94 %``; never ``100 %`` or ``0 %`` for what is a little less or more."""
    percent = 100 * value
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{percent:.1f} %" if 0.05 <= percent < 99.95 else ("under 0.1 %" if percent < 1 else "over 99.9 %")
    return f"{percent:.0f} %"


_SUFFIXES = (
    ("_bps", lambda value: scaled(value, "bit/s")),
    ("_bytes", size),
    ("_share", share),
    ("_ns", lambda value: duration(round(value))),
    ("_us", lambda value: duration(round(value * 1e3))),
    ("_ms", lambda value: duration(round(value * 1e6))),
    ("_s", lambda value: duration(round(value * 1e9))),
)


def named(key: str, value: Any) -> str:
    """A key of evidence and its value in words: (``base_rtt_ms``, 12.5) gives ``base rtt 12 ms``."""
    if value is None:
        return f"{_words(key)} unknown"
    if isinstance(value, bool):
        return _words(key) if value else f"not {_words(key)}"
    if isinstance(value, int | float):
        for suffix, text in _SUFFIXES:
            if key.endswith(suffix):
                return f"{_words(key.removesuffix(suffix))} {text(value)}".strip()
        return f"{_words(key)} {count(value) if isinstance(value, int) else f'{value:,.3g}'}".strip()
    if isinstance(value, list | tuple):
        more = f" and {len(value) - 2} more" if len(value) > 2 else ""
        return f"{_words(key)} {', '.join(_item(part) for part in value[:2])}{more}"
    if isinstance(value, dict):
        return f"{_words(key)} {', '.join(named(inner, part) for inner, part in list(value.items())[:3])}"
    return f"{_words(key)} {value}"


def evidence(values: Mapping[str, Any], room: int) -> list[str]:
    """Evidence in words for people: a sentence if it has one, then what fits into `room` characters, numbers first.

    Nothing is said of zeros, of bounds (``…_at_least``) and of what was when it was over (``when_…``): JSON has it all.
    """
    said = [str(values["summary"])] if values.get("summary") else []
    plain, nested = [], []
    for key, value in values.items():
        if not value or key == "summary" or key.startswith("when_") or key.endswith("_at_least"):
            continue
        if key.endswith("_share") and key.removesuffix("_share") in values:
            continue  # stands behind its number
        if isinstance(value, dict | list | tuple):
            nested.append(named(key, value))
            continue
        beside = values.get(f"{key}_share")
        plain.append(named(key, value) + (f" ({share(beside)})" if isinstance(beside, int | float) else ""))
    parts: list[str] = []
    for part in plain + nested:
        if sum(map(len, parts)) + 3 * len(parts) + len(part) > room:
            break
        parts.append(part)
    return said + ([" · ".join(parts)] if parts else [])


def _item(value: Any) -> str:
    """An entry of a list: what it is called, and its first number."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else named("", value)
    words = [part for part in value.values() if isinstance(part, str)]
    numbers = [(key, part) for key, part in value.items() if isinstance(part, int | float)]
    return " ".join([*words, *(named(*number) for number in numbers[:1])])


def _words(key: str) -> str:
    return key.replace("_", " ").replace("rtt", "RTT").replace("dns", "DNS")
