from __future__ import annotations

import os

import pytest

from tests.cli.program import DEMO, run

ODD = os.fsdecode(b"fra\xff-1")


@pytest.mark.parametrize(
    "command",
    [
        ("capture", str(DEMO), "--sensor", ODD),
        ("capture", str(DEMO), "--run", ODD),
        ("archive", "write", "/nowhere/at/all", str(DEMO), "--as", ODD),
        ("replay", str(DEMO), "--as", ODD),
        ("stream", "--instance", ODD),
    ],
)
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_done(command: tuple[str, ...]) -> None:
    ended = run(*command, COLUMNS="200")
    assert ended.status == 2
    said = " ".join(ended.err.split())
    assert f"Invalid value for '{command[-2]}': 'fra\\udcff-1' is not UTF-8; choose a name that is" in said
    assert ended.out == ""
