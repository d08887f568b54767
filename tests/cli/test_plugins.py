"""Detectors of others: where their code comes from, and what is said when it cannot be had. The program from outside."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tests.cli.program import DEMO, ROOT, run
from tests.detectors.others import Busy
from wireverdict.cli.plugins import GROUP, detector_option, load, loaded
from wireverdict.settings import Settings, SettingsError, settings

GOOD = '''
from wireverdict.plugin import Finding, Opinion, Plugin, Severity, Subject


class Quiet(Plugin):
    """Every window is bad."""

    api = 1
    name = "quiet-window"

    def judge(self, view):
        yield Finding(self.name, Subject(), Opinion.BAD, view.start, view.end, Severity.INFO, 0.95, {"packets": view.packets})
'''
TWO = GOOD + "\n\nclass Second(Quiet):\n    name = 'second'\n"
BROKEN = GOOD.replace("yield Finding", "assert view.number % 3, 'third'\n        yield Finding")


@pytest.fixture
def write(tmp_path: Path) -> Iterator[object]:
    yield lambda text, name="quiet.py": str(_written(tmp_path / name, text))
    for name in [name for name in sys.modules if name.startswith("wireverdict_detector_")]:
        del sys.modules[name]


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_only_class_of_a_file_or_one_by_name(write) -> None:  # type: ignore[no-untyped-def]
    assert load(write(GOOD)).name == "quiet-window"
    assert load(write(TWO, "two.py") + ":Second").name == "second"
    assert load(write(GOOD)) is not load(write(GOOD, "other.py"))


@pytest.mark.parametrize(
    ("text", "spec", "sentence"),
    [
        (None, "", "there is no file {} to load a detector from"),
        ("x = 1\n", "", "{} has no class of a detector: one with a name and a method judge"),
        (TWO, "", "{} has several detectors (Quiet, Second): say which, as in {}:Quiet"),
        (TWO, ":Third", "{} has no Third; it has Quiet, Second"),
        ("x = 1\n", ":Third", "{} has no Third; it has no class of a detector"),
        ("x = (\n", "", "the detector in {} cannot be loaded: line 1: '(' was never closed"),
        (
            "import os\nimport nowhere_at_all\n",
            "",
            "the detector in {} cannot be loaded: ModuleNotFoundError: No module named 'nowhere_at_all' (quiet.py, line 2)",
        ),
        ("raise SystemExit(1)\n", "", "the detector in {} cannot be loaded: SystemExit: 1 (quiet.py, line 1)"),
    ],
)
def test_a_file_that_cannot_be_is_a_sentence(write, tmp_path: Path, text: str, spec: str, sentence: str) -> None:  # type: ignore[no-untyped-def]
    path = write(text) if text is not None else str(tmp_path / "quiet.py")
    with pytest.raises(ValueError, match=re.escape(sentence.format(path, path))):
        load(path + spec)


def test_a_file_is_read_anew_though_time_and_length_are_the_same(write, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for name in ("quiet-window", "loud--window"):
        path = Path(write(GOOD.replace("quiet-window", name)))
        os.utime(path, (1e9, 1e9))
        assert load(str(path)).name == name
    assert not list(path.parent.glob("__pycache__"))


def test_installed_ones_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        importlib.metadata.EntryPoint("busy", "tests.detectors.others:Busy", GROUP),
        importlib.metadata.EntryPoint("gone", "tests.detectors.nothing:Busy", GROUP),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points if group == GROUP else [])
    assert load("busy") is Busy
    with pytest.raises(ValueError, match=r"there is no detector 'bsy'; did you mean busy\?"):
        load("bsy")
    with pytest.raises(ValueError, match="there is no detector 'jitter'; installed are: busy, gone"):
        load("jitter")
    with pytest.raises(
        ValueError, match=r"gone \(tests\.detectors\.nothing:Busy\) cannot be loaded: ModuleNotFoundError"
    ):
        load("gone")


def test_one_that_was_installed_runs(tmp_path: Path) -> None:
    """As pip leaves it: a module, and metadata with an entry point."""
    (tmp_path / "quietly.py").write_text(GOOD, encoding="utf-8")
    about = tmp_path / "quietly-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quietly\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\nhush = quietly:Quiet\n", encoding="utf-8")
    given: dict[str, Any] = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "WIREVERDICT_DETECTORS__PLUGINS": "hush"}
    told = run("analyze", "--json", DEMO, **given)
    assert {document["rule"]["id"] for document in told.of("verdict")} >= {"quiet-window", "dns-loss"}
    assert "there is no detector 'hsh'; did you mean hush?" in run("analyze", "--detector", "hsh", DEMO, **given).err


def test_settings_are_checked_once_the_classes_are_known(write) -> None:  # type: ignore[no-untyped-def]
    path = write(GOOD)
    assert loaded(Settings()) == Settings()
    assert loaded(settings(plugins=[path])).detectors.plugins == (path,)
    with pytest.raises(SettingsError, match="was written for version 9"):
        loaded(settings(plugins=[write(GOOD.replace("api = 1", "api = 9"))]))


def test_the_option() -> None:
    @click.command()
    @detector_option
    def told(detectors: tuple[str, ...]) -> None:
        click.echo(repr(detectors))

    made = CliRunner().invoke(told, ["--detector", "a.py", "--detector", "b"])
    assert made.output == "('a.py', 'b')\n"


def test_analyze_and_explain_with_a_file(write, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write(GOOD)
    told = run("analyze", "--json", "--detector", path, DEMO)
    assert (told.status, told.err) == (1, "")
    (mine,) = [document for document in told.of("verdict") if document["rule"]["id"] == "quiet-window"]
    assert mine["rule"]["name"] == "Quiet window"
    assert mine["wireverdict"]["evidence"]["packets"] > 0
    others = [document for document in told.documents if document.get("rule", {}).get("id") != "quiet-window"]
    assert [d for d in others if "verdicts" not in d["wireverdict"]] == [
        d for d in run("analyze", "--json", DEMO).documents if "verdicts" not in d["wireverdict"]
    ]
    explained = run("explain", mine["event"]["id"], "--detector", path, data=told.out.encode())
    assert "Every window is bad." in explained.out
    config = _written(tmp_path / "my.toml", "[detectors]\nplugins = ['quiet.py']\n")
    assert run("analyze", "--json", "--config", config, DEMO).out == told.out


def test_one_that_breaks_loses_nothing_else(write) -> None:  # type: ignore[no-untyped-def]
    told = run("analyze", "--json", "--detector", write(BROKEN), DEMO)
    assert told.status == 1
    failed = [document for document in told.of("verdict") if document["rule"]["id"] == "detector-error"]
    assert failed[0]["wireverdict"]["evidence"]["detectors"] == ["quiet-window"]
    assert "AssertionError: third (quiet.py, line 12)" in failed[0]["wireverdict"]["evidence"]["summary"]
    counted = told.of("summary")[0]["wireverdict"]["detector_errors"]
    assert 0 < counted["quiet-window"] < 11
    assert (
        f"the detector quiet-window broke in {counted['quiet-window']} windows; its verdict detector-error" in told.err
    )
    others = [d for d in told.of("verdict") if d["rule"]["id"] not in ("quiet-window", "detector-error")]
    assert others == run("analyze", "--json", DEMO).of("verdict")


@pytest.mark.parametrize("command", ["analyze", "stream", "explain"])
def test_what_cannot_be_loaded_is_told_before_anything_is_read(command: str) -> None:
    inputs = [DEMO] if command == "analyze" else []
    told = run(command, "--detector", "/nowhere/x.py", *inputs)
    assert (told.status, told.out) == (2, "")
    assert "there is no file /nowhere/x.py to load a detector from" in told.err


def test_every_worker_of_a_stream_loads_them(write, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from wireverdict.cli.stream import command

    started: list[list[str]] = []

    class Supervisor:
        """Starts nobody."""

        def __init__(self, commands: list[list[str]], **_: float) -> None:
            started.extend(commands)

        def run(self) -> int:
            return 0

    monkeypatch.setattr("streams.supervisor.Supervisor", Supervisor)
    path = write(GOOD)
    assert CliRunner().invoke(command, ["--workers", "2", "--detector", path]).exit_code == 0
    assert len(started) == 2
    for arguments in started:
        place = arguments.index("--detector")
        assert arguments[place + 1] == path


def test_a_verdict_about_nobody_in_particular_says_so_in_a_replay(write) -> None:  # type: ignore[no-untyped-def]
    told = run("replay", "--detector", write(GOOD), DEMO)
    assert told.status == 1
    assert "Quiet window: everything captured\n" in told.out
