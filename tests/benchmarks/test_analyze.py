"""The benchmark's own arithmetic, on small captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import analyze


@pytest.fixture(autouse=True)
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(analyze, "OUT", tmp_path)
    return tmp_path


def test_captures_are_made_once(out: Path) -> None:
    path, known = analyze.capture("small", 5_000)
    made = path.stat().st_mtime_ns
    assert analyze.capture("small", 5_000) == (path, known)
    assert path.stat().st_mtime_ns == made
    assert path.parent == out


def test_table() -> None:
    lines = analyze.speed(5_000, 1, with_tshark=True, with_nfstream=False).splitlines()
    assert [line[:30].strip() for line in lines[2:]] == [
        "wireverdict analyze",
        "wireverdict analyze --json",
        "tcptrace -n -l -r",
        "tshark -q -z conv,tcp",
    ]
    assert float(lines[4].split()[-2]) == 1.0  # tcptrace is the yardstick
    assert all(float(line[30:].split()[0]) > 0 for line in lines[2:])


def test_memory_of_few() -> None:
    text = analyze.memory(2_000, 3_000)
    assert "2,000 live connections" in text
    assert "SYN flood from 3,000 addresses" in text
