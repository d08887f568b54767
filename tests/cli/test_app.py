"""The program around the commands."""

from __future__ import annotations

import errno
import gc
import subprocess
import sys
from pathlib import Path

import pytest

import wireverdict
from tests.cli.program import DEMO, ROOT, environment, run
from wireverdict.cli import analysis, app


def test_version_and_help() -> None:
    assert run("--version").out == f"wireverdict, version {wireverdict.__version__}\n"
    told = run("--help")
    assert told.status == 0
    for name, words in app.COMMANDS.items():
        assert name in told.out
        assert words in " ".join(told.out.split())
    assert run("analyze", "-h").out.startswith("Usage: wireverdict analyze [OPTIONS] FILE...")


def test_help_imports_no_numba_and_no_numpy() -> None:
    code = (
        "import sys; from wireverdict.cli.app import run; status = run([*sys.argv[1:], '--help']); "
        "print(status, sorted({'numba', 'numpy', 'rich', 'pyarrow'} & set(sys.modules)))"
    )
    for arguments in ([], ["analyze"]):
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout.splitlines()[-1] == "0 []"


def imported(program: str, *arguments: str) -> set[str]:
    """Modules that a program has imported at its end."""
    code = f"import sys; {program}; print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stderr.splitlines()[-1].split())


RUN = "from wireverdict.cli.app import run; run(sys.argv[1:])"


def test_analyze_for_people_imports_no_heavy_optional_package() -> None:
    assert {"pyarrow", "polars", "pydantic", "pandas", "scipy"}.isdisjoint(imported(RUN, "analyze", str(DEMO)))


def test_a_run_that_finds_nothing_imports_only_what_it_needs(tmp_path: Path) -> None:
    """Each takes milliseconds, and short runs take few."""
    quiet = tmp_path / "quiet.pcap"
    quiet.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    assert {"rich", "tomllib", "difflib", "logging", "statistics"}.isdisjoint(imported(RUN, "analyze", str(quiet)))


def test_linear_algebra_starts_no_threads() -> None:
    """They would wait busily: a third of the processor time of a short run."""
    code = (
        "import os, sys, wireverdict.cli; sys.argv[1:] = ['analyze', sys.argv[1]]\n"
        "wireverdict.cli.leave = lambda status: print(len(os.listdir('/proc/self/task')))\n"
        "wireverdict.cli.main()"
    )
    given = {name: value for name, value in environment().items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", code, str(DEMO)]
    ended = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["analyze"], "Missing argument 'FILE...'"),
        (["analyze", "--nosuch", "x"], "No such option"),
        (["analyze", "--window", "long", "x"], "'long' is not a valid float"),
        (["analyze", "--tunnels", "both", "x"], "'both' is not one of 'inner', 'outer'"),
    ],
)
def test_a_wrong_command_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(arguments) == app.FAILED
    assert words in capsys.readouterr().err


def test_whatever_goes_wrong_people_get_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: object) -> int:
        raise errors.pop()

    errors = [OSError(errno.ENOMEM, "x"), MemoryError(), RuntimeError("x\ny\nz"), KeyboardInterrupt()]
    monkeypatch.setattr(analysis, "analyze", fail)
    monkeypatch.delenv("WIREVERDICT_DEBUG", raising=False)
    assert app.run(["analyze", "x"]) == app.INTERRUPTED
    assert capsys.readouterr().err.strip() == ""
    assert app.run(["analyze", "x"]) == app.FAILED
    told = capsys.readouterr().err
    assert told.startswith(
        "wireverdict: stopped by an error that should not happen: RuntimeError: x. Set WIREVERDICT_DEBUG=1"
    )
    assert told.count("\n") == 1
    for _ in errors[:]:
        assert app.run(["analyze", "x"]) == app.FAILED
        assert capsys.readouterr().err.startswith("wireverdict: out of memory; ")
    assert not errors


def test_a_full_disk_is_no_error_that_should_not_happen() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wireverdict", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "wireverdict: input or output failed: no space is left on the device"


def test_with_debug_the_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr(analysis, "analyze", fail)
    monkeypatch.setenv("WIREVERDICT_DEBUG", "1")
    with pytest.raises(KeyError):
        app.run(["analyze", "x"])


def test_long_runs_collect_cycles_and_leave_what_imports_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector is off from the start of the program: whatever runs for long turns it on again."""
    was = gc.isenabled()
    told = []
    monkeypatch.setattr(gc, "freeze", lambda: told.append("frozen"))
    try:
        gc.disable()
        app.settled()
        assert gc.isenabled()
        assert told == ["frozen"]
    finally:
        (gc.enable if was else gc.disable)()


@pytest.mark.parametrize(
    "module", ["stream", "deliver", "replay", "archive", "backtest", "capturing", "watching", "analysis"]
)
def test_every_long_run_turns_the_collector_on(module: str) -> None:
    source = (ROOT / "wireverdict" / "cli" / f"{module}.py").read_text(encoding="utf-8")
    assert "settled()" in source or "gc.enable()" in source
