"""The entry point."""

from __future__ import annotations

import subprocess
import sys

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
    try:
        with pytest.raises(SystemExit) as ended:
            wireverdict.cli.main()
    finally:
        gc.enable()
    assert ended.value.code == 2
