"""The first run compiles in two processes, the next finds everything on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wireverdict.cli import warm

PROGRAM = (
    "import sys; from wireverdict.cli.warm import warm; print(warm([['wireverdict.boundary'], ['producers.merge']]))"
)


def run(cache: Path) -> str:
    environment = {"WIREVERDICT_KERNEL_CACHE": str(cache), "PYTHONPATH": str(warm.ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_only_the_first_run_compiles(tmp_path: Path) -> None:
    assert run(tmp_path) == "True"
    rooms = {path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()}
    assert {"wireverdict", "producers"} <= rooms
    assert run(tmp_path) == "False"


@pytest.mark.parametrize("name", [name for part in warm.HALVES for name in part])
def test_modules_exist(name: str) -> None:
    path = warm.ROOT / Path(*name.split("."))
    assert path.with_suffix(".py").exists() or (path / "__init__.py").exists()
