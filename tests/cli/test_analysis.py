"""The run behind ``wireverdict analyze``, with a pipeline and a timeline that do what the test wants."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from producers.files.report import FileReport
from tests.output.connection_rows import make_rows
from tests.output.verdict_makers import make_verdict
from wireverdict.cli.analysis import Options, Refusal, Run, analyze, chosen_settings, make_filter, open_outputs, refuse
from wireverdict.cli.interrupts import Interrupts
from wireverdict.frames import FRAME, FrameBatch
from wireverdict.output.outputs import JsonLines
from wireverdict.output.stream import OutputError, Stream
from wireverdict.settings import SettingsError, settings
from wireverdict.verdicts import Status

BATCH = FrameBatch(np.zeros(64, np.uint8), np.zeros(3, FRAME))


class FakePipeline:
    """Gives `steps[n]` after batch n, and the last of them at the end."""

    def __init__(self, *steps: list[Any]) -> None:
        self.steps = list(steps)
        self.packets = 0
        self.out: list[Any] = []

    def feed(self, batch: FrameBatch) -> None:
        self.packets += len(batch.frames)
        self.out += self.steps.pop(0)

    def finish(self, emit: Any) -> None:
        self.out += self.steps.pop()

    def take(self) -> list[Any]:
        taken, self.out = self.out, []
        return taken

    @property
    def counters(self) -> dict[str, Any]:
        return {"packets": self.packets, "connections": {}, "dns": {}, "skipped": {}, "flaws": {}, "bounds": {}}


class FakeTimeline:
    bytes_read = 0
    bytes_total = None

    def __init__(self, batches: int, *errors: str, held: int = 0, ask_at: int = -1) -> None:
        self.reports = [FileReport("good")]
        for number, error in enumerate(errors):
            self.reports.append(FileReport(f"bad{number}"))
            self.reports[-1].fail(error)
        self.batches, self.held, self.ask_at = batches, held, ask_at

    def __iter__(self) -> Iterator[FrameBatch]:
        for number in range(self.batches):
            if number == self.ask_at:
                os.kill(os.getpid(), signal.SIGINT)
            yield BATCH

    def rest(self) -> Iterator[FrameBatch]:
        yield from [BATCH] * self.held


def run(
    tmp_path: Path, pipeline: FakePipeline, timeline: FakeTimeline, chosen: Any = None
) -> tuple[int, list[dict[str, Any]]]:
    out = tmp_path / "out"
    with Interrupts() as interrupts:
        outputs = [JsonLines(Stream.create(out))]
        status = Run(pipeline, timeline, outputs, interrupts, chosen).status()  # type: ignore[arg-type]
    return status, [json.loads(line) for line in out.read_text().splitlines()]


def kinds(documents: list[dict[str, Any]]) -> list[str]:
    return [document["event"]["dataset"].removeprefix("wireverdict.") for document in documents]


def test_documents_come_as_they_come_about(tmp_path: Path) -> None:
    rows = make_rows(2, 1)
    status, documents = run(
        tmp_path, FakePipeline([rows, make_verdict()], [], [make_verdict(), rows[:1]]), FakeTimeline(2)
    )
    assert kinds(documents) == ["connection", "connection", "verdict", "verdict", "connection", "summary"]
    assert status == 1
    assert documents[-1]["wireverdict"]["packets"] == 6
    assert documents[-1]["wireverdict"]["verdicts"] == {"firing": 2, "resolved": 0}


def test_status_zero_when_nothing_fired(tmp_path: Path) -> None:
    over = make_verdict(status=Status.RESOLVED)
    assert run(tmp_path, FakePipeline([], [over]), FakeTimeline(1))[0] == 0


def test_an_input_that_could_not_be_read_outweighs_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, documents = run(tmp_path, FakePipeline([make_verdict()]), FakeTimeline(0, "cut short", "no such file"))
    assert status == 2
    assert kinds(documents) == ["verdict", "summary"]
    assert capsys.readouterr().err == "wireverdict: bad0: cut short\nwireverdict: bad1: no such file\n"


def test_a_stop_keeps_what_was_read(tmp_path: Path) -> None:
    pipeline = FakePipeline([], [], [], [make_verdict()])
    status, documents = run(tmp_path, pipeline, FakeTimeline(100, held=1, ask_at=1))
    assert status == 130
    assert kinds(documents) == ["verdict", "summary"]
    assert documents[-1]["wireverdict"]["interrupted"] is True
    assert documents[-1]["wireverdict"]["packets"] == 9  # two batches, and the one that was held


def test_an_error_of_a_part_is_not_taken_for_a_wrong_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Run) -> int:
        raise ValueError("cannot reshape")

    (tmp_path / "x.pcap").touch()
    monkeypatch.setattr(Run, "status", fail)
    with pytest.raises(ValueError, match="cannot reshape"):
        analyze(Options((str(tmp_path / "x.pcap"),), json=True))


def test_a_read_that_was_broken_off_by_wish_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timeline = FakeTimeline(1, "reading failed (Interrupted system call), which is byte 3", "cut short", ask_at=0)
    status, documents = run(tmp_path, FakePipeline([], []), timeline)
    assert status == 130
    assert [file.get("error") for file in documents[-1]["wireverdict"]["files"]] == [None, None, "cut short"]
    assert capsys.readouterr().err == "wireverdict: bad1: cut short\n"


class EveryOther:
    @property
    def rejected(self) -> dict[int, str]:
        return {147: "not for this link type"}

    def mask(self, batch: FrameBatch) -> np.ndarray:
        mask: np.ndarray = np.arange(len(batch.frames)) % 2 == 0
        return mask


def test_a_filter_leaves_packets_out_and_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, documents = run(tmp_path, FakePipeline([], [], []), FakeTimeline(2), EveryOther())
    assert documents[-1]["wireverdict"]["packets"] == 4
    assert documents[-1]["wireverdict"]["skipped"] == {"filtered_out": 2}
    assert (
        capsys.readouterr().err
        == "wireverdict: --filter: no packet of link type 147 can match: not for this link type\n"
    )


def test_the_command_line_wins() -> None:
    environment = {"WIREVERDICT_WINDOWS__WIDTH": "5", "WIREVERDICT_CAPTURE__TUNNELS": "outer"}
    options = Options(("x",), window=20.0, home_networks=("192.0.2.0/24",), count_window=5_000)
    made = chosen_settings(options, environment)
    assert (made.windows.width, made.windows.packets, made.capture.tunnels) == (20.0, 5_000, "outer")
    assert made.capture.home_networks == ("192.0.2.0/24",)
    assert chosen_settings(Options(("x",)), {}) == settings()


@pytest.mark.parametrize(("text", "words"), [("x = [", "is not valid TOML"), ("\udcff", "is not valid TOML")])
def test_a_settings_file_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "my.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError, match=words):
        chosen_settings(Options(("x",), config=str(path)), {})


def test_outputs_that_cannot_be() -> None:
    with pytest.raises(OutputError, match="cannot write /nowhere/x"):
        open_outputs(Options(("x",), csv="/nowhere/x"), settings())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(("x",), json=True, connections=True), "--json prints every connection already"),
        (Options(("x",), csv="-"), "write files"),
        (Options(("x",), parquet="-"), "write files"),
        (Options(("x", "-")), "standard input is a terminal"),
    ],
)
def test_what_makes_no_sense_together(options: Options, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 0)
    with pytest.raises(Refusal, match=words):
        refuse(options)
    refuse(Options(("x",)))
    monkeypatch.setattr(os, "isatty", lambda descriptor: False)
    refuse(Options(("-",)))


def test_parquet_without_pyarrow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(Refusal, match=r"pip install 'wireverdict\[columns\]'"):
        open_outputs(Options(("x",), parquet=str(tmp_path / "x")), settings())


def test_a_filter_that_makes_no_sense() -> None:
    assert make_filter(None) is None
    with pytest.raises(Refusal, match="--filter 'prot 80'"):
        make_filter("prot 80")
