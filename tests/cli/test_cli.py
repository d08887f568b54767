"""The entry point."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import wireverdict.cli
from tests.cli.program import ROOT, environment


def test_importing_it_costs_nothing() -> None:
    code = "import sys, wireverdict.cli; print(sorted({'click', 'numba', 'numpy'} & set(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"


def test_it_ends_with_the_status_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import gc

    monkeypatch.setattr(sys, "argv", ["wireverdict", "nosuch"])
    monkeypatch.setattr(wireverdict.cli, "leave", sys.exit)
    try:
        with pytest.raises(SystemExit) as ended:
            wireverdict.cli.main()
    finally:
        gc.enable()
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "others",
    ["", "import threading, time; threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()"],
)
def test_nothing_is_left_undone_at_the_end(others: str) -> None:
    code = f"""
import atexit
from wireverdict.cli import leave
atexit.register(print, 'handler')
{others}
print('said')
leave(7)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 7
    assert ended.stderr == ""
    assert ended.stdout.split() == ["said", *(["thread"] if others else []), "handler"]


def test_what_cannot_be_written_at_the_end_is_told() -> None:
    code = "from wireverdict.cli import leave; print('said'); leave(0)"
    given = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=given, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 120  # as Python does it
    assert b"No space left" in ended.stderr
