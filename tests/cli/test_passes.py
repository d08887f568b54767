"""Passes of a backtest: in one process and in several, kept and taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from producers.recorded.source import SourceError
from tests.cli.program import DEMO, command, environment
from tests.lab.scenario import CAPTURES
from wireverdict.backtest.configs import with_value
from wireverdict.cli.passes import Pass, Passed, identity, run, run_all
from wireverdict.settings import Settings, settings

DEFAULT = Settings()
SHORT = CAPTURES / "syn-black-hole.client.pcap.xz"


def work(path: Path = DEMO, *settings: Settings) -> Pass:
    judged = list(settings) or [DEFAULT]
    return Pass((str(path),), path.name, None, None, (), (), judged, list(range(len(judged))), True)


def nobody(*_: object) -> None:
    """Hears nothing."""


def test_a_pass_says_what_was_told_and_how_far_it_is() -> None:
    far: list[tuple[int, int, int | None]] = []
    done = run(work(DEMO, DEFAULT, with_value(DEFAULT, "detectors.off", ["dns-loss"])), lambda *told: far.append(told))
    (place,) = done.places
    assert (place.name, place.headers) == ("dns-outage.pcap.gz", 16_988)
    assert [len(told) for told in place.told] == [4, 2]
    assert far[-1][0] == 16_988
    assert far[-1][1] == far[-1][2] == DEMO.stat().st_size
    assert done.counts["headers"] == 16_988
    assert done.gaps == []


def test_part_of_the_time() -> None:
    done = run(msgspec.structs.replace(work(), end=1795417281_000_000_000 + 30_000_000_000))
    (place,) = done.places
    assert place.told == [[]]
    assert place.last < 1795417281_000_000_000 + 30_000_000_000


def test_what_cannot_be_read_is_a_gap_or_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"no capture")
    (gap,) = run(work(broken)).gaps
    assert (gap.kind, gap.where) == ("damaged", str(broken))
    with pytest.raises(SourceError):
        run(msgspec.structs.replace(work(), spec=("archive:" + str(tmp_path / "none"), "also.pcap")))


def test_several_processes_say_the_same_as_one(tmp_path: Path) -> None:
    passes = [work(DEMO), work(SHORT), work(DEMO, with_value(DEFAULT, "windows.width", 5.0))]
    told: set[int] = set()
    assert run_all(passes, 2, None, lambda number, *_: told.add(number)) == run_all(passes, 1, None, nobody)
    assert told == {0, 1, 2}


def test_an_error_in_another_process_is_told_here() -> None:
    passes = [msgspec.structs.replace(work(), spec=("archive:nowhere", "also.pcap")), work(SHORT)]
    with pytest.raises(SourceError):
        run_all(passes, 2, None, nobody)


def test_results_are_kept_and_taken(tmp_path: Path) -> None:
    first = run_all([work(SHORT)], 1, tmp_path, nobody)
    (kept,) = tmp_path.iterdir()
    stored = json.loads(kept.read_bytes())
    stored["places"][0]["windows"] = 12345
    kept.write_bytes(json.dumps(stored).encode())
    again = run_all([work(SHORT)], 1, tmp_path, nobody)
    assert again[0].places[0].windows == 12345
    kept.write_bytes(kept.read_bytes()[:100])  # what cannot be read is made anew
    assert run_all([work(SHORT)], 1, tmp_path, nobody) == first


def test_a_kept_result_of_another_version_is_made_anew(tmp_path: Path) -> None:
    first = run_all([work(SHORT)], 1, tmp_path, nobody)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(msgspec.json.encode(Passed(0, [0], [], [], {})))
    assert run_all([work(SHORT)], 1, tmp_path, nobody) == first


def test_a_result_belongs_to_its_settings_and_to_its_input(tmp_path: Path) -> None:
    copy = tmp_path / "copy.pcap.xz"
    copy.write_bytes(SHORT.read_bytes())
    names = {identity(work(copy)), identity(work(copy, with_value(DEFAULT, "alerts.bad_windows", 1)))}
    names.add(identity(msgspec.structs.replace(work(copy), begin=5)))
    os.utime(copy, ns=(5, 5))
    names.add(identity(work(copy)))
    folder = msgspec.structs.replace(work(copy), spec=(str(tmp_path),))
    names.add(identity(folder))
    (tmp_path / "another.pcap").write_bytes(b"")
    names.add(identity(folder))
    assert len(names) == 6


def test_a_result_belongs_to_the_code_of_detectors_in_files(tmp_path: Path) -> None:
    for spec in (str(tmp_path / "mine.py"), f"{tmp_path / 'mine.py'}:Mine"):
        (tmp_path / "mine.py").write_text("x = 1\n", encoding="utf-8")
        before = identity(work(SHORT, settings(plugins=[spec])))
        assert before == identity(work(SHORT, settings(plugins=[spec])))
        (tmp_path / "mine.py").write_text("x = 12\n", encoding="utf-8")
        assert before != identity(work(SHORT, settings(plugins=[spec])))


def test_killed_half_way_and_resumed_it_says_the_same(tmp_path: Path) -> None:
    captures = [str(CAPTURES / f"{name}.client.pcap.xz") for name in ("syn-black-hole", "dns-healthy", "udp-one-way")]
    arguments = ["backtest", "--json", "--each", "--sweep", "alerts.bad_windows=1,2,3", *captures]
    whole = subprocess.run(command(*arguments), env=environment(), capture_output=True, check=True).stdout
    folder = tmp_path / "work"
    started = subprocess.Popen(
        command(*arguments, "--work", folder, "--processes", "1"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while started.poll() is None and not (folder.is_dir() and any(folder.glob("*.json"))):
        os.sched_yield()
    started.send_signal(signal.SIGKILL)
    started.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*.json")}
    assert 1 <= len(kept) <= len(captures)
    resumed = subprocess.run(
        command(*arguments, "--work", folder, "--processes", "2"), env=environment(), capture_output=True, check=True
    ).stdout
    assert resumed == whole
    assert len(list(folder.glob("*.json"))) == len(captures)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # what was there was not made again
