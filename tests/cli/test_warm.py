"""The first run compiles in several processes, the next finds everything on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wireverdict.cli import warm

PROGRAM = """
from wireverdict.cli.warm import missing, warm
print(warm(['wireverdict.boundary', 'producers.merge']), missing())
"""


def run(cache: Path) -> str:
    environment = {"WIREVERDICT_KERNEL_CACHE": str(cache), "PYTHONPATH": str(warm.ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_only_the_first_run_compiles(tmp_path: Path) -> None:
    assert run(tmp_path) == "True []"
    rooms = {path.name.rsplit("-", 1)[0] for path in tmp_path.iterdir()}
    assert {"wireverdict", "producers"} <= rooms
    assert run(tmp_path) == "False []"


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {"WIREVERDICT_KERNEL_CACHE": str(tmp_path / "file" / "kernels"), "PYTHONPATH": str(warm.ROOT)}
    program = "import sys; from wireverdict.cli.app import run; sys.exit(run(['analyze', '-']))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: kernels have to be compiled once and kept: NotADirectoryError: ")
    assert f"kept below {tmp_path}/file/kernels: it has to be writable" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_takes_longest_comes_first(tmp_path: Path) -> None:
    program = PROGRAM.replace("warm(['wireverdict.boundary', 'producers.merge']), ", "").replace(
        "from wire", "import wireverdict.connections.tracker, wireverdict.boundary\nfrom wire", 1
    )
    environment = {"WIREVERDICT_KERNEL_CACHE": str(tmp_path), "PYTHONPATH": str(warm.ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert "'wireverdict.connections.track'" in done.stdout
    assert done.stdout.index("connections.track'") < done.stdout.index("wireverdict.boundary'")


@pytest.mark.parametrize("name", [*warm.PARTS, warm.WRITERS])
def test_modules_exist(name: str) -> None:
    path = warm.ROOT / Path(*name.split("."))
    assert path.with_suffix(".py").exists() or (path / "__init__.py").exists()
