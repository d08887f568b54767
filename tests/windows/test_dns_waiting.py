"""Attempts that wait: which of them an answer is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.windows.made import Script
from tests.windows.test_dns import play, totals
from wireverdict import headers
from wireverdict.windows.settings import WindowSettings
from wireverdict.windows.transactions import FIRST_CELLS
from wireverdict.windows.windows import Windows


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [
        ([1.0], [6.0], {"attempts": 1, "answered": 1}),
        ([1.0], [6.1], {"attempts": 1, "late": 1}),
        ([1.0], [31.0], {"attempts": 1, "late": 1}),
        ([1.0], [31.1], {"attempts": 1, "unanswered": 1, "orphans": 1}),
        ([1.0], [], {"attempts": 1, "unanswered": 1}),
        ([], [1.0], {"orphans": 1}),
        ([1.0], [1.1, 1.2], {"attempts": 1, "answered": 1, "orphans": 1}),
        # a retry with the same id is an attempt of its own; answers go to the oldest that waits
        ([1.0, 2.0], [2.1], {"attempts": 2, "answered": 1, "unanswered": 1}),
        ([1.0, 2.0], [2.1, 2.2], {"attempts": 2, "answered": 2}),
        # the retry of glibc, after exactly its time-out: the answer is the retry's
        ([1.0, 6.01], [6.05], {"attempts": 2, "answered": 1, "unanswered": 1}),
        # … and the first attempt's own answer, if it still comes, is late
        ([1.0, 6.01], [6.05, 6.06], {"attempts": 2, "answered": 1, "late": 1}),
        # out of order: captured after its answer is no query answered
        ([1.0], [0.9999], {"attempts": 1, "unanswered": 1, "orphans": 1}),
    ],
)
def test_attempts_with_one_key(asked: list[float], answered: list[float], expected: dict[str, int]) -> None:
    script = Script()
    for ts, answer in sorted([(ts, False) for ts in asked] + [(ts, True) for ts in answered]):
        script.dns(ts, 1, 53, 4000, 7, "a", answer=answer)
    windows, _ = play(script)
    assert totals(windows) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"client": 2},
        {"server": 54},
        {"port": 4001},
        {"ident": 8},
        {"name": "b"},
        {"qtype": 2},
        {"protocol": headers.TCP},
    ],
)
def test_an_answer_must_fit_in_every_part_of_the_key(change: dict[str, Any]) -> None:
    what: dict[str, Any] = {"client": 1, "server": 53, "port": 4000, "ident": 7, "name": "a"}
    script = Script()
    script.dns(1.0, *what.values())
    more = {name: value for name, value in change.items() if name not in what}
    script.dns(
        1.1, *(what | {name: value for name, value in change.items() if name in what}).values(), answer=True, **more
    )
    windows, _ = play(script)
    assert totals(windows) == {"attempts": 1, "unanswered": 1, "orphans": 1}


@pytest.mark.parametrize("step", [1, -1])
def test_answers_that_repeat_no_question_find_theirs_in_a_crowded_table(step: int) -> None:
    """Whoever else waits, and whichever of them was answered before: shards of a timeline have different neighbours."""
    script = Script()
    for k in range(50):
        script.dns(1.0 + k / 1000, 1 + k % 7, 53, 4000 + k % 5, k, "a")
        script.dns(1.1 + k / 1000, 1 + k % 7, 53, 4000 + k % 5, k, "b")  # the one that is found
    script.lines.sort(key=lambda line: line[0]["ts"])
    bare: dict[str, Any] = {"present": headers.PORTS | headers.DNS, "dns_qhash": 0, "dns_qtype": 0, "answer": True}
    for at, k in enumerate(range(50)[::step]):
        script.dns(2.0 + at / 1000, 1 + k % 7, 53, 4000 + k % 5, k, "", **bare)
        script.dns(2.0 + at / 1000, 1 + k % 7, 53, 4000 + k % 5, k, "", **bare)  # nothing waits that was asked last
    windows, _ = play(script, WindowSettings(max_services=256, max_pending=128))
    assert totals(windows) == {"attempts": 100, "answered": 50, "unanswered": 50, "orphans": 50}


def test_a_flood_of_one_question_takes_linear_time() -> None:
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    rows, names, notes = script.arrays()
    rows, notes = np.repeat(rows, 200_000), np.repeat(notes, 200_000)
    answers = rows.copy()
    answers["dns_flags"] = 0x8000
    for end, other in (("src", "dst"), ("dst", "src")):
        for half in ("hi", "lo"):
            answers[f"{end}_{half}"] = rows[f"{other}_{half}"]
    answers["sport"], answers["dport"] = rows["dport"], rows["sport"]
    windows = Windows()
    windows.observe(np.concatenate([rows, answers]), names, np.concatenate([notes, notes]))
    assert totals(windows) == {"attempts": 200_000, "answered": 200_000}


@pytest.mark.parametrize("listed", [400, 10_000])
def test_more_questions_than_the_first_indexes_hold(listed: int) -> None:
    """Each is answered once, whether they come in one batch or in many; half of the answers repeat no question."""
    count = 2 * FIRST_CELLS
    script = Script()
    script.dns(1.0, 1, 53, 4000, 7, "a")
    rows, names, notes = script.arrays()
    rows, notes = np.repeat(rows, 2 * count), np.repeat(notes, 2 * count)
    rows["ts"] += np.arange(2 * count)
    rows["sport"] = np.arange(2 * count) % count
    answers = rows[count:]
    answers["dns_flags"] = 0x8000
    for end in ("hi", "lo"):
        answers[f"src_{end}"], answers[f"dst_{end}"] = answers[f"dst_{end}"].copy(), answers[f"src_{end}"].copy()
    answers["sport"], answers["dport"] = answers["dport"].copy(), answers["sport"].copy()
    bare = answers[::2]
    bare["present"] &= ~np.uint32(headers.QUESTION)
    bare["dns_qhash"] = bare["dns_qtype"] = 0
    windows = Windows()
    for start in range(0, 2 * count, listed):
        here = slice(start, start + listed)
        assert windows.observe(rows[here], names, notes[here]) == len(rows[here])
    assert totals(windows) == {"attempts": count, "answered": count}
