"""Flags of ended connections, written against what the docstrings say."""

from __future__ import annotations

import numpy as np
import pytest

from wireverdict.paths.ended import collect, settle
from wireverdict.paths.layout import DEPARTED, FALSE, MEMBER, ORIGINATOR_HIGH, SLOT, TRUE
from wireverdict.records import CONNECTION, Flag, Reason

CLEAN = 100_000


def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ended rows 5 and 7, the second of which is member 1; its originator sent 9 again, 2 of them needlessly."""
    ended, records, slots, members = (
        np.array([5, 7], np.int32),
        np.zeros(2, CONNECTION),
        np.zeros(9, SLOT),
        np.zeros(2, MEMBER),
    )
    slots[7]["member"] = 2
    members["slot"] = 7
    records["source"]["retransmissions"], records["source"]["spurious_retransmissions"] = 9, 2
    records["destination"]["retransmissions"], records["destination"]["spurious_retransmissions"] = 1, 4
    records["reasons"] = Reason.TOO_FEW_SAMPLES
    return ended, records, slots, members


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_members_are_collected(high: bool, later: bool) -> None:
    ended, records, slots, members = tables()
    members[1]["bits"] = ORIGINATOR_HIGH * high
    members[1]["policed"], members[1]["pending"] = FALSE, TRUE << 2
    members[1]["last_event"], members[1]["judged_event"] = 5, 4 if later else 5
    held, rows, repeats, answers = (
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
        np.zeros((2, 2), np.int64),
        np.zeros(2, np.uint8),
    )
    assert collect(ended, records, slots, members, held, rows, repeats, answers) == 1
    assert (held[0], rows[0]) == (1, 1)
    assert repeats[0].tolist() == ([0, 7] if high else [7, 0])
    assert answers[0] == (FALSE | TRUE << 2 if later else FALSE)
    assert members[1]["pending"] == (0 if later else TRUE << 2)


def settled(
    repeats: tuple[int, int], answer: int, *, unsure: bool = False, bloated: int = 0, carried: int = 0, why: int = 0
) -> np.void:
    ended, records, slots, members = tables()
    records["destination"]["payload_bytes"] = carried
    records[1]["reasons"][Flag.BUFFERBLOAT] = why or Reason.TOO_FEW_SAMPLES
    one, two = np.ones(1, np.int64), np.array([repeats])
    told = np.array([answer], np.uint8), np.array([unsure], np.uint8)
    bloat = np.array([bloated], np.uint8), np.array([Reason.NO_LOAD], np.uint8)
    settle(ended, records, slots, members, one, one, two, *told, CLEAN, *bloat)
    assert slots[7]["member"] == 0
    assert members["slot"].tolist() == [7, -1]
    assert members["bits"].tolist() == [0, DEPARTED]
    assert records[0]["flags_known"] == 0  # not a member
    record: np.void = records[1]
    return record


def flag(record: np.void, what: Flag) -> tuple[bool | None, int]:
    known = int(record["flags_known"]) >> what & 1
    return bool(int(record["flags_true"]) >> what & 1) if known else None, int(record["reasons"][what])


@pytest.mark.parametrize(
    ("repeats", "answer", "carried", "expected"),
    [
        ((20, 0), TRUE, 0, True),
        ((0, 20), TRUE << 2 | FALSE, 0, True),
        ((20, 0), FALSE, 0, False),
        ((20, 0), FALSE << 2, 0, None),  # what was answered is about the other direction
        ((20, 20), FALSE << 2, 0, None),
        ((20, 20), FALSE << 2 | FALSE, 0, False),
        ((0, 0), 0, CLEAN - 1, None),
        ((0, 0), 0, CLEAN, False),
        ((3, 0), 0, CLEAN, None),
    ],
)
def test_policed(repeats: tuple[int, int], answer: int, carried: int, expected: bool | None) -> None:
    record = settled(repeats, answer, carried=carried)
    assert flag(record, Flag.POLICED) == (expected, Reason.TOO_FEW_SAMPLES if expected is None else Reason.NONE)
    throttled = (True, Reason.NONE) if expected else (None, Reason.TOO_FEW_SAMPLES)
    assert flag(record, Flag.THROTTLED) == throttled


def test_why_policing_is_not_known() -> None:
    assert flag(settled((20, 0), 0, unsure=True), Flag.POLICED) == (None, Reason.UNDECIDED)


@pytest.mark.parametrize(("bloated", "expected"), [(TRUE, True), (FALSE, False), (0, None)])
def test_bloated(bloated: int, expected: bool | None) -> None:
    record = settled((0, 0), 0, bloated=bloated)
    assert flag(record, Flag.BUFFERBLOAT) == (expected, Reason.NO_LOAD if expected is None else Reason.NONE)


def test_a_better_reason_stays() -> None:
    record = settled((0, 0), 0, why=Reason.ONE_DIRECTION)
    assert flag(record, Flag.BUFFERBLOAT) == (None, Reason.ONE_DIRECTION)
