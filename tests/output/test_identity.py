"""Identities of connection records."""

from __future__ import annotations

import numpy as np
import pytest

from tests.output.connection_rows import make_rows
from wireverdict.output.identity import LENGTH, record_ids
from wireverdict.records import CONNECTION


def texts(rows: np.ndarray, sensor: str = "a") -> list[str]:
    return [bytes(row).decode() for row in record_ids(rows, sensor)]


def test_an_identity_is_a_function_of_content_and_sensor() -> None:
    rows = make_rows(300, seed=1)
    made = texts(rows)
    assert made == texts(rows.copy())
    assert [texts(rows[at : at + 1])[0] for at in range(0, 300, 37)] == made[::37]
    assert len(set(made) | set(texts(rows, "b"))) == 2 * len(set(made))
    assert {len(text) for text in made} == {LENGTH}
    assert texts(np.zeros(0, CONNECTION)) == []


@pytest.mark.parametrize(
    "column", ["src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "protocol", "final", "first_ts", "last_ts"]
)
def test_each_part_of_the_key_tells_records_apart(column: str) -> None:
    rows = make_rows(1, seed=2)
    other = rows.copy()
    other[column] ^= 1
    assert texts(rows) != texts(other)


def test_what_is_counted_does_not_change_the_identity() -> None:
    rows = make_rows(1, seed=3)
    other = rows.copy()
    other["source"]["packets"] += 1
    other["flags_true"] ^= 1
    assert texts(rows) == texts(other)


def test_identities_begin_with_the_time() -> None:
    rows = make_rows(3, seed=4)
    rows["first_ts"] = [1_700_000_000 * 10**9, 1_700_000_010 * 10**9, -1]
    early, late, before = texts(rows)
    assert early[:8] < late[:8]
    assert early[:8] == f"{(1_700_000_000 * 10**9) >> 30:08x}"
    assert before[:8] == "ffffffff"
