"""``wireverdict replay`` as people run it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.program import DEMO, run


def test_the_demo_again(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.json" for name in ("verdicts", "connections", "report")}
    given = [part for name, path in files.items() for part in (f"--{name}", path)]
    ended = run("replay", DEMO, "--as", "edge", "--processes", "1", *given)
    analyzed = run("analyze", "--json", DEMO)
    assert ended.status == analyzed.status == 1
    found = [json.loads(line) for line in files["verdicts"].read_text().splitlines()]
    assert [verdict.pop("observer") for verdict in found] == [{"name": "edge"}] * len(found)
    assert sorted(map(str, found)) == sorted(map(str, analyzed.of("verdict")))
    assert len(files["connections"].read_text().splitlines()) == len(analyzed.of("connection"))
    report = json.loads(files["report"].read_text())["wireverdict"]
    assert report["headers"] == 16_988
    assert report["gaps"] == []
    assert report["verdicts"] == len(found)
    assert "no gap is known" in ended.err


def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    for arguments, sentence in (
        (["replay", DEMO, "--speed", "fast"], "a number more than 0, or max"),
        (["replay", DEMO, "--from", "yesterday"], "is no time"),
        (["replay", DEMO, "--offsets", "1:2-3"], "those of a topic"),
        (["replay", f"archive:{tmp_path}/none"], "no archive"),
        (["replay", DEMO, "--to-topic", "wireverdict"], "never writes into the topics of live data"),
    ):
        ended = run(*arguments)
        assert ended.status == 2
        assert sentence in ended.err
        assert "Traceback" not in ended.err
