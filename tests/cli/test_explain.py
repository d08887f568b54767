"""``wireverdict explain``, as people call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import run
from tests.explain.real import documents


@pytest.fixture(scope="module")
def verdicts() -> list[dict[str, Any]]:
    return documents("dns-throttled.client")


@pytest.fixture
def file(tmp_path: Path, verdicts: list[dict[str, Any]]) -> str:
    place = tmp_path / "verdicts.json"
    other = {"event": {"dataset": "wireverdict.connection"}}
    place.write_text("".join(json.dumps(document) + "\n" for document in [other, *verdicts]), encoding="utf-8")
    return str(place)


def test_every_trouble_of_a_file_is_explained_once(file: str, verdicts: list[dict[str, Any]]) -> None:
    told = run("explain", "--in", file)
    assert told.status == 0
    assert told.out.count("What to check next") == len({d["wireverdict"]["incident"] for d in verdicts}) == 2
    assert "resolved:" not in told.out


@pytest.mark.parametrize("name", ["id", "incident", "fingerprint"])
def test_one_verdict_by_each_of_its_names(file: str, verdicts: list[dict[str, Any]], name: str) -> None:
    chosen = verdicts[0]
    wanted = chosen["event"]["id"] if name == "id" else chosen["wireverdict"][name]
    told = run("explain", wanted[:8], "--in", file)
    assert told.status == 0
    assert told.out.count("The rule\n") == 1
    assert f"({chosen['rule']['id']})" in told.out.splitlines()[0]


def test_standard_input_in_one_piece(verdicts: list[dict[str, Any]]) -> None:
    told = run("explain", data=json.dumps(verdicts[0], indent=2).encode())
    assert told.status == 0
    assert "lower 95 % bound of the unanswered share" in told.out


def test_the_settings_that_were_used(file: str, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[detectors.dns_loss]\nmin_attempts = 33\n", encoding="utf-8")
    assert "at least 33" in run("explain", "--in", file, "--config", str(config)).out


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["123456789"], "", "no verdict 123456789 in the input"),
        ([], "", "no verdict in the input"),
        (["12"], "", "too short for an id"),
        ([], "{broken", "standard input is not JSON"),
        (["--in", "/nonexistent/file"], "", "cannot read /nonexistent/file: No such file"),
        (["--config", "/nonexistent/file"], "", "cannot read the settings"),
        (
            [],
            '{"event": {"dataset": "wireverdict.verdict", "id": "x"}, "wireverdict": {"incident": "y"}}',
            "no verdict",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(arguments: list[str], stdin: str, words: str) -> None:
    told = run("explain", *arguments, data=stdin.encode())
    assert told.status == 2
    assert words in told.err
    assert "Traceback" not in told.err
