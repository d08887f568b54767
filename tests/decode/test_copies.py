"""Packets that were captured twice, against a plain reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wireverdict.decode.copies import mark_copies
from wireverdict.headers import COPY, HEADER, TCP, TCP_HEADER, UDP

FIELDS = ("seq", "src_lo", "dst_lo", "sport", "dport", "payload_length", "ack", "tsval", "tcp_flags")
BIT = st.integers(0, 1)
ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([TCP, TCP, UDP]), st.sampled_from(FIELDS), BIT), max_size=20
)


def made(given: list[tuple[int, int, str, int]]) -> Any:
    """Rows that are alike but for one field each, and their time."""
    rows = np.zeros(len(given), HEADER)
    for row, (step, protocol, name, value) in zip(rows, given, strict=True):
        row["protocol"], row["present"] = protocol, TCP_HEADER if protocol == TCP else 0
        row[name] = value
        row["ts"] = step * 400_000
    rows["ts"] = np.cumsum(rows["ts"])
    return rows


def copies(rows: Any) -> list[bool]:
    told = []
    for i, row in enumerate(rows):
        last = rows[i - 1] if i else np.zeros(1, HEADER)[0]
        told.append(
            bool(row["protocol"] == TCP == last["protocol"])
            and all(row[name] == last[name] for name in FIELDS)
            and 0 <= row["ts"] - last["ts"] < 1_000_000
        )
    return told


@given(ROWS, st.lists(st.integers(0, 20), max_size=3))
def test_copies_whatever_the_batches(given: list[tuple[int, int, str, int]], cuts: list[int]) -> None:
    rows = made(given)
    expected = copies(rows)
    before = np.zeros(1, HEADER)
    for part in np.split(rows, sorted(cuts)):
        mark_copies(before, part)
    assert (rows["present"] & COPY != 0).tolist() == expected
