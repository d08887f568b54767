"""Outputs that would destroy what is to be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.program import DEMO, run
from wireverdict.cli.targets import keep_apart


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return Path(shutil.copy(DEMO, tmp_path / "outage.pcap.gz"))


def test_an_output_that_is_an_input_is_refused(capture: Path) -> None:
    with pytest.raises(ValueError, match=r"--csv would overwrite .*outage\.pcap\.gz, which is to be read"):
        keep_apart({"--csv": str(capture)}, ["-", str(capture)])


def test_links_and_directories_are_seen_through(capture: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(capture)
    with pytest.raises(ValueError, match="--html would overwrite"):
        keep_apart({"--html": str(link)}, [str(tmp_path)])


def test_two_outputs_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--csv and --parquet name the same file"):
        keep_apart({"--csv": str(tmp_path / "out"), "--parquet": str(tmp_path / "." / "out")}, [])


def test_what_is_no_trouble(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "old.csv").touch()  # beside the captures of a directory, and none itself
    keep_apart({"--csv": str(tmp_path / "old.csv"), "--parquet": None}, [str(capture), str(tmp_path)])
    keep_apart({"--csv": "/dev/null", "--parquet": "/dev/null"}, ["/dev/null", "-", str(tmp_path / "missing")])
    keep_apart({"--csv": str(tmp_path / "new.csv")}, [str(capture)])


@pytest.mark.parametrize(
    "words",
    [
        ["analyze", "--csv"],
        ["analyze", "--parquet"],
        ["backtest", "--html"],
        ["replay", "--verdicts"],
        ["replay", "--connections"],
        ["replay", "--report"],
        ["replay", "--state"],
    ],
)
def test_every_command_leaves_its_inputs_alone(words: list[str], capture: Path) -> None:
    name, option = words
    ended = run(name, capture, option, capture)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err == f"wireverdict: {option} would overwrite {capture}, which is to be read; name another file\n"
    assert capture.read_bytes() == DEMO.read_bytes()
