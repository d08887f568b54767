"""Connection rows for tests, with the values that are most likely to be written wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from wireverdict.records import CONNECTION

MAPPED = 0xFFFF << 32
_LETTERS = np.frombuffer(b"ShHAaDdFfRrTtCcGgQqIiWw^", np.uint8)


def _pool(rng: np.random.Generator, bits: int, count: int) -> NDArray[np.uint64]:
    """Unsigned numbers of all lengths, with the borders of lengths among them."""
    largest = (1 << bits) - 1
    borders = [0, 1, largest, *(10**k + d for k in range(1, 20) for d in (-1, 0, 1) if 10**k + d <= largest)]
    anything = [
        int(rng.integers(0, largest, dtype=np.uint64, endpoint=True)) >> int(rng.integers(0, bits)) for _ in range(32)
    ]
    return rng.choice(np.array(borders + anything, np.uint64), count)


def make_rows(count: int, seed: int) -> NDArray[np.void]:
    """`count` rows (CONNECTION) that are a function of `seed`; times ascend within a row, codes are valid."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, CONNECTION)
    _fill(rows, rng, count)
    for side in ("source", "destination"):
        _fill(rows[side], rng, count)
        rows[side]["rtt_method"] = rng.integers(0, 5, count)
        rows[side]["rtt_samples"] *= rng.integers(0, 2, count, dtype=np.uint32)
        rows[side]["packets"] >>= np.uint64(2)  # a sum of both fits
        rows[side]["bytes"] >>= np.uint64(2)
    short = rng.integers(0, 2, count) == 1
    for half in ("src", "dst"):
        groups = rng.integers(0, 65_536, (count, 8), dtype=np.uint64) * rng.integers(0, 2, (count, 8), dtype=np.uint64)
        groups >>= rng.integers(0, 16, (count, 8), dtype=np.uint64)
        halves = [sum(groups[:, 4 * k + j] << np.uint64(48 - 16 * j) for j in range(4)) for k in range(2)]
        rows[f"{half}_hi"] = np.where(short, 0, halves[0])
        rows[f"{half}_lo"] = np.where(short, MAPPED | (halves[1] & np.uint64(0xFFFFFFFF)), halves[1])
    first = rng.choice([0, 1, -1, 1_700_000_000_123_456_789, 951_782_400 * 10**9, -(10**17), 4 * 10**18], count)
    rows["first_ts"] = first
    rows["last_ts"] = first + rng.choice([0, 1, 999, 10**9, 86_400 * 10**9], count)
    rows["handshake"] = rng.choice([-1, 0, 999, 1000, 123_456_789, 10**15], count)
    rows["idle"] = rng.choice([0, 999_999, 10**12], count)
    rows["protocol"] = rng.choice([1, 6, 17, 58, 132, 200], count)
    rows["state"] = rng.integers(0, 13, count)
    rows["final"] = rng.integers(0, 2, count)
    rows["flags_known"] = rng.integers(0, 1 << 10, count)
    rows["flags_true"] = rng.integers(0, 1 << 10, count) & rows["flags_known"]
    rows["reasons"] = rng.integers(0, 9, (count, 16))
    rows["history_length"] = rng.integers(0, 33, count)
    rows["history"] = rng.choice(_LETTERS, (count, 32))
    return rows


def _fill(rows: Any, rng: np.random.Generator, count: int) -> None:
    for name in rows.dtype.names:
        if rows[name].dtype.kind == "u" and rows[name].ndim == 1:
            rows[name] = _pool(rng, 8 * rows[name].dtype.itemsize, count)


ROWS = st.builds(make_rows, st.integers(0, 12), st.integers(0, 2**32))
"""A strategy for a few rows."""
