"""Numbers as people read them: grouped digits, units that fit, no more figures than mean something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

SECOND = 1_000_000_000


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


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


def named(key: str, value: Any) -> tuple[str, str]:
    """A key of evidence and its value in words: (``base_rtt_ms``, 12.5) gives (``base rtt``, ``13 ms``)."""
    if isinstance(value, bool):
        return _words(key), "yes" if value else "no"
    if value is None:
        return _words(key), "unknown"
    if isinstance(value, int | float):
        for suffix, text in _SUFFIXES:
            if key.endswith(suffix):
                return _words(key.removesuffix(suffix)), text(value)
        if key.endswith("share"):
            return _words(key), share(value)
        return _words(key), count(value) if isinstance(value, int) else f"{value:,.3g}"
    if isinstance(value, list | tuple):
        shown = ", ".join(item if isinstance(item, str) else named("", item)[1] for item in value[:3])
        return _words(key), shown + (f" and {len(value) - 3} more" if len(value) > 3 else "")
    if isinstance(value, dict):
        return _words(key), " ".join(" ".join(named(inner, item)).strip() for inner, item in list(value.items())[:4])
    return _words(key), str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")
