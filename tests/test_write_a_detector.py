"""docs/write-a-detector.md, followed to the letter: its files are saved, its commands run, what they print compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.program import environment
from wireverdict.windows.fields import Count

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "write-a-detector.md"
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)^```$", re.M | re.S)


class Step(NamedTuple):
    """Either a file to save, or a command and what it prints."""

    file: str
    text: str
    command: str = ""


def steps() -> list[Step]:
    """In the order of the page."""
    found = []
    for file, kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind != "console":
            found.append(Step(file, text))
            continue
        for part in re.split(r"^(?=\$ )", text, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            found.append(Step("", shown, command.removeprefix("$ ")))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that looks like the checkout, and a program on the path that is this one."""
    made = tmp_path_factory.mktemp("checkout")
    for name in ("tests", "demo"):
        (made / name).symlink_to(ROOT / name)
    program = made / ".venv" / "bin" / "wireverdict"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m wireverdict "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return made


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip("\n").splitlines()]


def test_the_page_word_for_word(place: Path) -> None:
    given = environment(PATH=f"{place / '.venv' / 'bin'}:{os.environ['PATH']}")
    ran = 0
    for step in steps():
        if not step.command:
            assert step.file, f"a block without the name of its file: {step.text[:60]}"
            (place / step.file).write_text(step.text, encoding="utf-8")
            continue
        command = ["bash", "-o", "pipefail", "-c", step.command]
        told = subprocess.run(
            command, cwd=place, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300
        )
        assert lines(told.stdout.decode()) == lines(step.text), step.command
        ran += 1
    assert ran >= 8


def test_every_name_that_the_detector_uses_is_offered_to_authors() -> None:
    import wireverdict.plugin as offered

    (text,) = [step.text for step in steps() if step.file == "refused.py"]
    used = {
        name.strip() for part in re.findall(r"from wireverdict\.plugin import (.*)", text) for name in part.split(",")
    }
    assert {"Finding", "Opinion", "Plugin", "Subject"} <= used <= set(offered.__all__)
    assert offered.API == 1
    assert set(re.findall(r"Count\.([A-Z_]+)", text)) <= set(Count.__members__)
