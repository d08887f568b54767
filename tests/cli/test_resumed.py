"""One pass that is killed half-way and gone on with: the same result as without."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import open_source
from producers.recorded.store import Store
from tests.cli.program import DEMO, command, environment
from tests.lab.scenario import CAPTURES
from wireverdict import snapshot
from wireverdict.backtest.configs import with_value
from wireverdict.cli.halfway import Halfway
from wireverdict.cli.passes import Pass, Passed, identity, run, run_all, run_divided
from wireverdict.settings import Settings

DEFAULT = Settings()
SOME = [DEMO, *sorted(CAPTURES.glob("*.server.pcap.xz"))[:4]]


class Every(Halfway):
    """Keeps each state that could be kept, for the test."""

    def __init__(self) -> None:
        self.states: list[bytes] = []

    def due(self) -> bool:
        return True

    def keep(self, state: dict[str, Any]) -> None:
        self.states.append(snapshot.pack(state))


def nobody(*_: object) -> None:
    """Hears nothing."""


def work(*spec: str, end: int | None = None) -> Pass:
    judged = [DEFAULT, with_value(DEFAULT, "detectors.dns_loss.min_attempts", 400)]
    return Pass(spec, "edge", None, end, (), ("198.18.0.0/16",), judged, [0, 1], True)


@pytest.fixture(scope="module")
def kept_archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sensor for each of some captures."""
    where = tmp_path_factory.mktemp("archive") / "a"
    for capture in SOME:
        archiver = Archiver(Store(str(where), write=True), 3_000)
        for _ in archive(open_source([str(capture)], DEFAULT, sensor=capture.name, partitions=3), archiver):
            pass
        archiver.store.close()
    return f"archive:{where}"


def test_from_any_state_the_same_result(kept_archive: str) -> None:
    for one in (work(str(DEMO)), work(*map(str, SOME)), work(kept_archive), work(kept_archive, end=1795417300 * 10**9)):
        kept = Every()
        whole = run(one, kept=kept)
        assert whole == run(one)
        assert len(kept.states) > 1
        for state in kept.states[:: max(len(kept.states) // 3, 1)]:
            assert run(one, state=snapshot.unpack(state)) == whole


def test_from_any_state_of_several_processes_the_same_result(kept_archive: str) -> None:
    kept = Every()
    whole = run_divided(work(kept_archive), 2, nobody, kept)
    assert whole == run(work(kept_archive))
    assert kept.states
    for state in (kept.states[0], kept.states[-1]):
        assert run_divided(work(kept_archive), 2, nobody, state=snapshot.unpack(state)) == whole


def test_a_pass_goes_on_by_as_many_processes_as_it_began_with(kept_archive: str, tmp_path: Path) -> None:
    kept = Every()
    whole = run_divided(work(kept_archive), 2, nobody, kept)
    place = tmp_path / f"{identity(work(kept_archive))}.state"
    place.write_bytes(kept.states[0])
    assert run_all([work(kept_archive)], 1, tmp_path, nobody) == [whole]
    assert not place.exists()
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_what_was_kept_is_taken_and_not_made_again(tmp_path: Path) -> None:
    kept = Every()
    whole = run(work(str(DEMO)), kept=kept)
    state = snapshot.unpack(kept.states[-1])
    state["places"]["told"] = state["places"]["told"].replace(b"198.18.0.2", b"198.18.9.9")
    changed: Passed = run(work(str(DEMO)), state=state)
    assert changed != whole


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_half_way_and_resumed_it_says_the_same(kept_archive: str, tmp_path: Path, processes: int) -> None:
    arguments = ["backtest", "--json", "--sweep", "alerts.bad_windows=1,2,3", kept_archive]
    whole = subprocess.run(command(*arguments), env=environment(), capture_output=True, check=True).stdout
    folder = tmp_path / "work"
    again = command(*arguments, "--work", folder, "--every", "0", "--processes", str(processes))
    started = subprocess.Popen(
        again, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while started.poll() is None and not (folder.is_dir() and any(folder.glob("*.state"))):
        os.sched_yield()
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert [path.suffix for path in folder.iterdir() if path.suffix != ".part"] == [".state"]
    resumed = subprocess.run(again, env=environment(), capture_output=True, check=True)
    assert resumed.stdout == whole
    assert {path.suffix for path in folder.iterdir()} == {".json"}
