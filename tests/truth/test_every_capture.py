"""Every file of the collection, captures and others, ends with exit status 0, 1 or 2, and never with a traceback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from tests.captures import CAPTURES
from wireverdict.cli.app import run

FILES = sorted(path for path in CAPTURES.rglob("*") if path.is_file())
BATCH = 150
BATCHES = [FILES[start : start + BATCH] for start in range(0, len(FILES), BATCH)]
SAMPLE = FILES[:: max(1, len(FILES) // 25)]
GENEROUS = 120  # seconds for a process; nothing is measured here


def check(status: int, out: str, err: str, path: Path) -> None:
    """One run with ``--json``: its status and what it printed fit together."""
    assert status in (0, 1, 2), f"{path}: exit status {status}: {err}"
    assert "Traceback" not in err, f"{path}: {err}"
    assert "should not happen" not in err, f"{path}: {err}"
    documents = [json.loads(line) for line in out.splitlines()]
    summary = documents[-1]
    assert summary["event"]["dataset"] == "wireverdict.summary"
    files = summary["wireverdict"]["files"]
    fired = any(
        document["event"]["dataset"] == "wireverdict.verdict" and document["wireverdict"]["status"] == "firing"
        for document in documents
    )
    failed = any("error" in file for file in files)
    assert status == (2 if failed else 1 if fired else 0), f"{path}: exit status {status}"
    for file in files:
        if "error" in file:
            assert file["error"] in err, f"{path}: said in the summary and not on standard error"
    assert summary["wireverdict"]["packets"] == sum(file["packets"] for file in files)


@pytest.mark.parametrize("batch", BATCHES, ids=[f"{batch[0].parent.name}/{batch[0].name}" for batch in BATCHES])
def test_in_process(batch: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    for path in batch:
        with redirect_stderr(io.StringIO()) as said:  # the descriptor has others as well: Kafka clients of tests before
            status = run(["analyze", str(path), "--json"])
        check(status, capfd.readouterr().out, said.getvalue(), path)


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_as_a_process(path: Path) -> None:
    done = subprocess.run(
        (sys.executable, "-m", "wireverdict", "analyze", str(path), "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=GENEROUS,
    )
    check(done.returncode, done.stdout, done.stderr, path)


def test_the_whole_collection_was_there() -> None:
    assert len(FILES) > 1_400
