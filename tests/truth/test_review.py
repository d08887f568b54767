"""The review of verdicts on open captures is complete: what fires is listed, what is listed fires, and nothing is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.captures import CAPTURES, capture_files
from tests.lab.judge import analyse
from wireverdict.verdicts import Status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "detection-review.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([a-z-]+) \| ([^|]+) \| (\w+) \| (.+) \|$", re.MULTILINE)
PARTS = 8


def files() -> list[Path]:
    """All captures: those of the index, and the labelled ones."""
    return [*capture_files(), *sorted((CAPTURES / "policing").glob("*.pcap*"))]


def reviewed() -> dict[tuple[str, str, str], str]:
    """(capture, rule, subject) to the reviewer's word."""
    return {(row[0], row[1], row[2]): row[3] for row in ROW.findall(PAGE.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("part", range(PARTS))
def test_what_fires_is_what_was_reviewed(part: int) -> None:
    chosen = files()[part::PARTS]
    assert len(chosen) > 100
    fired = set()
    for path in chosen:
        name = str(path.relative_to(CAPTURES))
        for verdict in analyse(path).verdicts:
            if verdict.status is Status.FIRING:
                fired.add((name, verdict.rule, verdict.subject.text() or "the capture"))
    names = {str(path.relative_to(CAPTURES)) for path in chosen}
    assert fired == {key for key in reviewed() if key[0] in names}


def test_no_verdict_is_wrong() -> None:
    assert set(reviewed().values()) == {"right", "arguable"}


def test_every_row_is_read_and_is_of_a_capture() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(reviewed())
    assert {key[0] for key in reviewed()} <= {str(path.relative_to(CAPTURES)) for path in files()}
