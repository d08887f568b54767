"""What is loaded before rights are given up. What giving up means is tested with `producers.live.privileges`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.program import environment
from wireverdict.cli import live, rights, watching

SAY = """
import sys
from producers.live import privileges
from wireverdict import kernels
from wireverdict.cli import rights
import wireverdict.partition
later = ("colorsys", "wireverdict.explain.others")
assert not any(name in sys.modules for name in later)
def drop(user):
    assert all(name in sys.modules for name in later)
    assert kernels.NATIVE and all(each._entry for each in kernels.NATIVE)
    print("became", user)
rights.drop = drop
rights.give_up("somebody", later)
"""


def test_modules_and_kernels_are_loaded_before_rights_go() -> None:
    ended = subprocess.run([sys.executable, "-c", SAY], env=environment(), capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("became somebody\n", "")


@pytest.mark.parametrize("later", [live.LATER, watching.LATER])
def test_what_the_commands_name_is_there(later: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[str] = []
    monkeypatch.setattr(rights, "drop", became.append)
    rights.give_up("nobody", later)
    assert became == ["nobody"]
