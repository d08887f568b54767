"""One pass by several processes: the same as by one."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import msgspec
import pytest

from producers.recorded.archiving import Archiver, archive
from producers.recorded.source import SourceError, open_source
from producers.recorded.store import Store
from tests.cli.program import DEMO
from tests.producers.recorded.collected import WITH_QUOTES
from wireverdict.backtest.configs import with_value
from wireverdict.cli import passes
from wireverdict.cli.passes import Pass, Passed, run, run_all, run_divided, worth_dividing
from wireverdict.settings import Settings

DEFAULT = Settings()


def nobody(*_: object) -> None:
    """Hears nothing."""


def work(*spec: str) -> Pass:
    judged = [DEFAULT, with_value(DEFAULT, "detectors.dns_loss.min_attempts", 400)]
    return Pass(spec, "edge", None, None, (), (), judged, [0, 1], True)


@pytest.fixture(scope="module")
def kept_archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two sensors in three partitions."""
    where = tmp_path_factory.mktemp("archive") / "a"
    for sensor, capture in (("edge", DEMO), ("far", WITH_QUOTES)):
        archiver = Archiver(Store(str(where), write=True), 5_000)
        for _ in archive(open_source([str(capture)], DEFAULT, sensor=sensor, partitions=3), archiver):
            pass
        archiver.store.close()
    return f"archive:{where}"


def test_an_archive_in_two_processes(kept_archive: str) -> None:
    far: list[tuple[int, int, int | None]] = []
    whole = run(work(kept_archive))
    assert run_divided(work(kept_archive), 2, lambda *told: far.append(told)) == whole
    assert [place.name for place in whole.places] == ["edge", "far"]
    assert [len(told) for told in whole.places[0].told] == [4, 3]
    assert whole.places[0].looks[0]
    assert far


def test_captures_in_three_processes_with_errors_that_quote_other_pairs() -> None:
    captures = work(str(DEMO), str(WITH_QUOTES))
    divided = run_divided(captures, 3, nobody)
    whole = run(captures)
    assert divided == whole
    assert whole.places[0].headers == whole.counts["headers"]


def test_an_error_of_a_share_is_told_here() -> None:
    with pytest.raises(SourceError):
        run_divided(work("archive:/nowhere/at/all", "also.pcap"), 2, nobody)


def test_a_share_that_is_killed_is_no_shorter_source() -> None:
    def kill(*_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(OSError, match="nothing of this pass is kept"):
        run_divided(work(str(DEMO)), 2, kill)


def test_what_is_worth_it(kept_archive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert worth_dividing(work(kept_archive))
    assert not worth_dividing(work(str(DEMO)))
    big = tmp_path / "big.pcap"
    with big.open("wb") as file:
        file.truncate(passes.WORTH)
    assert worth_dividing(work(str(tmp_path)))
    counting = msgspec.structs.replace(work(str(big)), judged=[with_value(DEFAULT, "windows.packets", 5000)])
    assert not worth_dividing(counting)
    chosen: list[int] = []

    def divided(one: Pass, many: int, *_: object) -> Passed:
        chosen.append(many)
        return run(one)

    monkeypatch.setattr(passes, "run_divided", divided)
    assert run_all([work(kept_archive)], 4, None, nobody) == [run(work(kept_archive))]
    assert chosen == [4]
