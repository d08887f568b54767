"""``wireverdict archive`` as people run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cli.program import DEMO, run


def test_write_show_retain(tmp_path: Path) -> None:
    where = tmp_path / "a"
    ended = run("archive", "write", where, DEMO, "--as", "edge")
    assert ended.status == 0
    assert "16,988 headers written" in ended.err
    assert "bytes a header" in ended.err
    assert "0 headers written" in run("archive", "write", where, DEMO, "--as", "edge").err
    shown = run("archive", "show", where).out
    assert "edge: 1 file, 1 hour from 2026-11-23T07:00:00Z" in shown
    assert run("archive", "retain", where, "--keep", "100000").err == "0 files deleted\n"


def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    cases: list[tuple[list[Any], str]] = [
        (["show", tmp_path / "none"], "no archive"),
        (["show", tmp_path], "no archive"),
        (["write", tmp_path / "a", DEMO, "--follow"], "--follow is for topics"),
        (["write", tmp_path / "a", f"archive:{tmp_path}"], "copied with cp"),
        (["retain", tmp_path / "a", "--keep", "-1"], "more than 0"),
    ]
    for arguments, sentence in cases:
        ended = run("archive", *arguments)
        assert ended.status == 2
        assert sentence in ended.err
        assert "Traceback" not in ended.err
