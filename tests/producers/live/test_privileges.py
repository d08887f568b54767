"""Each in a process of its own: rights do not come back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from producers.live.privileges import capabilities
from tests.lab.network import ROOT

SAY = "import os; from producers.live.privileges import *; {}; print(os.getresuid(), os.getgroups(), capabilities())"


def said(what: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", SAY.format(what)], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_root_becomes_somebody_without_rights() -> None:
    assert said("drop('nobody')").stdout == "(65534, 65534, 65534) [] 0\n"


def test_root_may_stay_root() -> None:
    done = said("drop('')")
    assert done.stdout.startswith("(0, 0, 0)")
    assert done.stdout.split()[-1] != "0"


def test_others_keep_no_capability() -> None:
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
    assert said("pass", "setpriv", *user).stdout.endswith(f" {1 << 13}\n")
    assert said("drop('nobody')", "setpriv", *user).stdout == "(65534, 65534, 65534) [] 0\n"


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
