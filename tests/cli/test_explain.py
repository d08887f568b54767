"""``wireverdict explain``, as people call it."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import run
from tests.explain.real import documents
from wireverdict.cli.explain import explained
from wireverdict.explain.verdict import NotAVerdict
from wireverdict.settings import settings


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


def test_what_a_search_shows_is_unwrapped(verdicts: list[dict[str, Any]]) -> None:
    alone = run("explain", data=json.dumps(verdicts[0]).encode())
    hit = {"_index": "logs", "_id": "x", "_source": verdicts[0]}
    for value in (hit, [verdicts[0]], {"took": 3, "hits": {"total": {"value": 1}, "hits": [hit]}}):
        told = run("explain", verdicts[0]["event"]["id"].upper(), data=json.dumps(value, indent=1).encode())
        assert (told.status, told.out) == (0, alone.out)


def test_settings_of_the_environment_count(file: str) -> None:
    told = run("explain", "--in", file, WIREVERDICT_DETECTORS__DNS_LOSS__WARNING="0.07")
    assert "over 7.0 %" in told.out


@pytest.mark.parametrize("part", ["evidence", "capture_quality", "reason", "status", "confidence"])
def test_a_verdict_that_was_changed_is_a_sentence(verdicts: list[dict[str, Any]], part: str) -> None:
    values: list[Any] = ["text", 5, None, ["x"], {"x": {}}]
    for value in values:
        changed = {**verdicts[0], "wireverdict": {**verdicts[0]["wireverdict"], part: value}}
        for document in (changed, {"event": value}, {**changed, "rule": value}):
            with suppress(NotAVerdict):  # and nothing else
                assert explained(document, settings())


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
