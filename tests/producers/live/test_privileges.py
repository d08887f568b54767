"""Each in a process of its own: rights do not come back."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from producers.live.privileges import capabilities
from tests.lab.network import ROOT

SAY = "import os; from producers.live.privileges import *; {}; print(os.getresuid(), os.getgroups(), capabilities())"


def said(what: str, *before: str, at: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", SAY.format(what)], cwd=at, capture_output=True, text=True, check=False
    )


@pytest.fixture
def public() -> Iterator[Path]:
    """A place that everybody can read, with what these tests import."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o755)
        for name in ("__init__.py", "live/__init__.py", "live/errors.py", "live/privileges.py"):
            (place / "producers" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "producers" / name, place / "producers" / name)
        (place / "wireverdict").mkdir()
        (place / "wireverdict" / "__init__.py").write_text("")
        (place / "numpy").mkdir()
        (place / "numpy" / "__init__.py").write_text("")
        yield place


def test_root_becomes_somebody_without_rights(public: Path) -> None:
    assert said("drop('nobody')", at=public).stdout == "(65534, 65534, 65534) [] 0\n"


@pytest.mark.parametrize("what", ["numpy", "producers", "wireverdict"])
def test_root_keeps_its_name_and_nothing_else_where_others_cannot_read(public: Path, what: str) -> None:
    (public / what).chmod(0o700)
    done = said("drop('nobody')", at=public)
    assert done.stdout.startswith("(0, 0, 0)")
    assert done.stdout.endswith(" 0\n")
    assert "staying root, without capabilities: user 'nobody' cannot read this installation" in done.stderr


def test_root_may_stay_root() -> None:
    done = said("drop('')")
    assert done.stdout.startswith("(0, 0, 0)")
    assert done.stdout.split()[-1] != "0"


def test_others_keep_no_capability(public: Path) -> None:
    user = [
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps",
        "+net_raw",
        "--ambient-caps",
        "+net_raw",
    ]
    assert said("pass", "setpriv", *user, at=public).stdout.endswith(f" {1 << 13}\n")
    assert said("drop('nobody')", "setpriv", *user, at=public).stdout == "(65534, 65534, 65534) [] 0\n"


@pytest.mark.parametrize(
    ("what", "before", "reason"),
    [
        ("drop('nosuchuser')", [], "there is no user 'nosuchuser'"),
        (
            "drop('nobody')",
            ["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"],
            "may not become 'nobody'",
        ),
    ],
)
def test_whom_one_cannot_become(what: str, before: list[str], reason: str) -> None:
    done = said(what, *before)
    assert done.returncode == 1
    assert reason in done.stderr


def test_capabilities_of_this_process() -> None:
    assert capabilities() >> 13 & 1
